"""Who refused, or was told nothing, is in nobody's recording, whoever joins them with whom (rooms, transfers, calls to the outside)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sites import ALWAYS, FLAG, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

HZ = {"customer": 700.0, "bea": 1500.0, "agent": 1100.0, "agent2": 1300.0, "outside": 1700.0}
POLICY = (
    FLAG + ALWAYS + profile("asked", '"proof"', "3") + profile("both", '"proof", "complaint"', "3") + profile("desk", '"complaint"', "3")
)
PHONE = """
[{name}](lab-phone)
context = from-outside
dtmf_mode = auto_info
aors = {name}
[{name}](lab-contact)
contact = sip:{name}@127.0.0.1:{port}
"""
LINES = """
[from-outside](+)
exten => room,1,Gosub(privacy-start,s,1(asked))
 same => n,ConfBridge(77)
exten => bothroom,1,Gosub(privacy-start,s,1(both))
 same => n,ConfBridge(77)
exten => deskroom,1,Gosub(privacy-start,s,1(desk))
 same => n,ConfBridge(77)
exten => plainroom,1,Answer()
 same => n,ConfBridge(77)
exten => line,1,Gosub(privacy-start,s,1(asked))
 same => n,Dial(PJSIP/agent,30,tkK)
exten => lobby,1,Wait(60)
exten => again,1,Gosub(privacy-start,s,1(both))
 same => n,ConfBridge(77)
[from-agents](+)
exten => room,1,Answer()
 same => n,ConfBridge(77)
exten => 701,1,Dial(PJSIP/outside,30)
exten => 702,1,Dial(PJSIP/outside,30,U(privacy-outbound^asked))
exten => 703,1,Gosub(privacy-start,s,1(both))
 same => n,Dial(PJSIP/agent2,30,tkK)
"""


@dataclass(slots=True)
class Place:
    site: Site
    phones: dict[str, Phone]

    def __getattr__(self, name: str) -> Phone:
        return self.phones[name]

    async def enters(self, name: str, line: str) -> None:
        """Through the notice (half a second, and two for a key) into the room behind it."""
        await self.phones[name].dial(line)
        await self.phones[name].talk(2.8)

    async def over(self, calls: int) -> None:
        for phone in self.phones.values():
            for leg in phone.legs:
                leg.hangup()
        await asyncio.to_thread(self.site.wait_for_calls, calls)
        await asyncio.to_thread(wait_until_quiet, self.site)

    def channel_of(self, phone: str) -> str:
        lines = self.site.pbx.cli("core show channels concise").splitlines()
        return next(name for name in (row.partition("!")[0] for row in lines) if name.startswith(f"PJSIP/{phone}-"))


@asynccontextmanager
async def place(install: Install, work: Path, more: str = "", settings: dict[str, str] | None = None) -> AsyncIterator[Place]:
    ports = {name: free_port(socket.SOCK_DGRAM) for name in HZ}
    phones = "".join(PHONE.format(name=name, port=ports[name]) for name in ("bea", "outside"))
    site = Site(
        work, install, POLICY, settings={"keys.grace_seconds": "1", **(settings or {})}, contacts=ports,
        sounds=short_sounds(work / "sounds", DIALPLAN / "sounds"), extra_dialplan=LINES + more, extra_pjsip=phones,
    )  # fmt: skip
    async with running(site), AsyncExitStack() as stack:
        phones = {
            name: await stack.enter_async_context(
                Phone(name, port, site.pbx.sip_port, source=Tone(HZ[name]), answer_after=None if name in ("customer", "bea") else 0.0)
            )
            for name, port in ports.items()
        }
        yield Place(site, phones)


def frames_of(name: str, audio: Block) -> int:
    """Of 20 ms, in either column, in which this person can be heard."""
    return sum(int(np.count_nonzero(tones.levels(audio[:, column], [HZ[name]])[:, 0] > -45)) for column in (0, 1))


def seconds(audio: Block, column: int) -> dict[str, float]:
    return tones.seconds_of(audio[:, column], HZ)


async def test_who_refused_is_in_nobodys_recording(install: Install, tmp_path: Path) -> None:
    """In a room: one customer talks with the agent, another one refuses and comes in, and goes again."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "room")
        await at.agent.dial("room")
        await at.customer.talk(1.5)
        await at.bea.dial("room")
        await at.bea.talk(0.3)
        await at.bea.press("3")
        await at.customer.talk(2.5)
        await at.bea.hangup()
        await at.customer.talk(1.2)
        await at.over(2)
        report = at.site.status()
    first, second = at.site.calls()
    (row,) = at.site.recordings()
    audio = at.site.listen(row.id)
    assert frames_of("bea", audio) == 0
    assert (first.outcome, second.outcome) == ("kept", "refused") and row.call_id == first.id
    assert seconds(audio, 0)["customer"] > 2.0 and seconds(audio, 1)["agent"] > 2.0
    assert SpanKind.STRANGER in [s.kind for s in first.spans] and report["alarms"] == {}


async def test_two_customers_in_a_room_are_one_recording(install: Install, tmp_path: Path) -> None:
    """Both heard the same notice: the first one's call has both, on the customers' side, and the other goes on alone afterwards."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "room")
        await at.enters("bea", "room")
        await at.customer.talk(1.0)
        await at.agent.dial("room")
        await at.customer.talk(2.0)
        await at.customer.hangup()
        await at.bea.talk(1.5)
        await at.over(2)
    first, second = at.site.calls()
    rows = {row.call_id: at.site.listen(row.id) for row in at.site.recordings()}
    assert set(rows) == {first.id, second.id}
    both, alone = rows[first.id], rows[second.id]
    assert tones.level(both[:, 0], HZ["bea"]) > -20 and tones.level(both[:, 0], HZ["customer"]) > -20
    assert frames_of("customer", alone) == 0 and seconds(alone, 0)["bea"] > 1.0
    assert set(seconds(both, 1)) <= {"agent", tones.SILENCE} and 1.5 < len(both) / 8000 < 2.4
    assert SpanKind.JOINED in [s.kind for s in second.spans]


async def test_not_for_a_purpose_that_one_of_them_was_not_told_of(install: Install, tmp_path: Path) -> None:
    """The first customer's call may be kept for two purposes, one of them always; the second heard of the other one only."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "bothroom")
        await at.agent.dial("room")
        await at.customer.talk(1.2)
        await at.enters("bea", "deskroom")
        await at.customer.talk(2.0)
        await at.agent.press("*1")
        await at.over(2)
    sealed = [row for row in at.site.recordings() if row.state is State.SEALED]
    assert {row.profile for row in sealed} == {"both"}  # nothing was heard in the recording of bea's own call
    assert all(frames_of("bea", at.site.listen(row.id)) == 0 for row in sealed)


async def test_who_refuses_later_goes_out_of_the_others_recording(install: Install, tmp_path: Path) -> None:
    """Bea is in the first customer's recording, comes to another line, refuses there, and is let in again: all that has her voice is
    erased, and what is kept ends as she comes in again."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "room")
        await at.enters("bea", "room")
        await at.agent.dial("room")
        await at.customer.talk(2.0)
        at.site.pbx.cli(f"channel redirect {at.channel_of('bea')} from-outside,again,1")
        await at.bea.talk(0.4)
        await at.bea.press("3")
        await at.customer.talk(3.5)
        await at.over(2)
    rows = at.site.recordings()
    assert [c.outcome for c in at.site.calls()] == ["kept", "refused"]
    assert sorted(row.state for row in rows) == [State.ERASED, State.SEALED]
    (left,) = [row for row in rows if row.state is State.SEALED]
    audio = at.site.listen(left.id)
    assert frames_of("bea", audio) == 0 and seconds(audio, 0)["customer"] > 0.3
    assert len(list((at.site.state / "recordings").rglob("*.age"))) == 1


async def test_who_refuses_after_a_restart_goes_out_of_the_others_recording(install: Install, tmp_path: Path) -> None:
    """As above, but Bea has left the room and the daemon has died in between: the next one knows in whose recording her voice is."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "room")
        await at.enters("bea", "room")
        await at.agent.dial("room")
        await at.customer.talk(7.0)
        at.site.pbx.cli(f"channel redirect {at.channel_of('bea')} from-outside,lobby,1")
        await at.customer.talk(0.5)
        os.kill(at.site.daemon_pid, signal.SIGKILL)
        at.site.stop_daemon()
        await asyncio.to_thread(at.site.start_daemon)
        await at.customer.talk(1.5)
        assert at.site.status()["calls"]["taken_up"] == 2
        (before,) = [row for row in at.site.recordings() if row.state is State.SEALED]
        assert frames_of("bea", at.site.listen(before.id, allow_truncated=True)) > 50
        at.site.pbx.cli(f"channel redirect {at.channel_of('bea')} from-outside,again,1")
        await at.bea.talk(0.4)
        await at.bea.press("3")
        await at.customer.talk(2.5)
        await at.over(2)
    assert [c.outcome for c in at.site.calls()] == ["kept", "refused"]
    rows = {row.id: row for row in at.site.recordings()}
    assert rows[before.id].state is State.PURGED
    left = [row for row in rows.values() if row.state is State.SEALED]
    assert all(frames_of("bea", at.site.listen(row.id)) == 0 for row in left)
    assert len(list((at.site.state / "recordings").rglob("*.age"))) == len(left)


async def test_somebody_outside_is_not_kept_and_that_is_told(install: Install, tmp_path: Path) -> None:
    """A blind transfer to an outside number (a trunk): who answers there is no agent, and was told nothing."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "line")
        await at.agent.answered()
        await at.customer.talk(1.2)
        assert await at.agent.refer("701") == 202
        await at.outside.answered()
        await at.customer.talk(3.0)
        report = at.site.status()
        await at.over(1)
    (call,), (row,) = at.site.calls(), at.site.recordings()
    audio = at.site.listen(row.id)
    assert frames_of("outside", audio) == 0 and len(audio) / 8000 < 2.5  # 1.2 s, and until the transfer was answered
    assert report["alarms"] == {"outsider": 1} and "PJSIP/outside" in str(report["calls"])
    assert "PJSIP/outside" not in at.site.log
    assert SpanKind.STRANGER in [s.kind for s in call.spans]


async def test_somebody_outside_who_was_told_is_kept(install: Install, tmp_path: Path) -> None:
    async with place(install, tmp_path) as at:
        await at.enters("customer", "line")
        await at.agent.answered()
        await at.customer.talk(1.2)
        assert await at.agent.refer("702") == 202
        await at.outside.answered()
        await at.customer.talk(5.0)
        await at.over(2)
    first, second = at.site.calls()
    (row,) = at.site.recordings()
    audio = at.site.listen(row.id)
    assert row.call_id == first.id and second.direction == "out"
    assert tones.level(audio[-8000:, 0], HZ["outside"]) > -20 and frames_of("outside", audio[:9600]) == 0


async def test_a_consultation_over_a_recorded_line_is_nothing_and_the_customer_goes_on(install: Install, tmp_path: Path) -> None:
    """The agent calls a colleague on a line with a notice, and joins the customer with the colleague: one recording, for the purposes that
    the customer was told of, without the consultation."""
    async with place(install, tmp_path) as at:
        await at.enters("customer", "line")
        await at.agent.answered()
        await at.customer.talk(1.5)
        await at.agent.hold()
        at.customer.say(Tone(tones.CUSTOMER_HELD))
        at.agent.say(Tone(tones.AGENT_HOLDING))
        second = await at.agent.call("703")
        await at.agent2.answered()
        await at.agent2.talk(1.2)
        assert await at.agent.refer(second) == 202
        at.customer.say(Tone(HZ["customer"]))
        await at.customer.talk(0.3)
        await at.customer.talk(1.5)
        report = at.site.status()
        await at.over(1)
    (call,), (row,) = at.site.calls(), at.site.recordings()
    assert [p.name for p in row.purposes] == ["proof"]
    audio = at.site.listen(row.id)
    heard = {name for column in (0, 1) for name in seconds(audio, column)}
    assert heard <= {"customer", "agent", "agent2", tones.SILENCE, tones.OTHER}
    assert seconds(audio, 1)["agent2"] > 1.0 and tones.level(audio[:, 0], tones.CUSTOMER_HELD) < -45
    assert report["alarms"] == {} and call.outcome == "kept"
