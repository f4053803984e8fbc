"""Lines that are reached through a Local channel: ring groups, call-backs, click-to-dial with the customer first, with /n and without."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sites import ALWAYS, FLAG, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

HZ = {"customer": tones.CUSTOMER, "agent": tones.AGENT, "agent2": tones.SECOND_AGENT}
NOTICE_SECONDS = 2.8
"""Half a second, and two for a key."""
POLICY = FLAG + ALWAYS + profile("asked", '"proof"', "3") + profile("desk", '"complaint"', "3")
LINES = """
[from-outside](+)
exten => group,1,Dial(Local/s@group/n,30)
exten => groupopt,1,Dial(Local/s@group,30)
exten => own,1,Gosub(privacy-start,s,1(asked))
 same => n,Dial(Local/s@desk/n,30)
[group]
exten => s,1,Gosub(privacy-start,s,1(asked))
 same => n,Dial(PJSIP/agent,30,tkK)
[desk]
exten => s,1,Gosub(privacy-start,s,1(desk))
 same => n,Dial(PJSIP/agent,30,tkK)
[dialout]
exten => customer,1,Dial(PJSIP/customer,30)
[from-agents](+)
exten => 704,1,Dial(Local/customer@dialout/n,30,TKkU(privacy-outbound^asked))
exten => 705,1,Dial(Local/customer@dialout,30,TKkU(privacy-outbound^asked))
exten => 706,1,Gosub(privacy-start,s,1(desk))
 same => n,Dial(PJSIP/agent2,30,tkK)
"""


class Place:
    def __init__(self, site: Site, phones: dict[str, Phone]) -> None:
        self.site = site
        self.customer, self.agent, self.agent2 = (phones[name] for name in HZ)

    async def over(self, calls: int = 1) -> None:
        for phone in (self.customer, self.agent, self.agent2):
            for leg in phone.legs:
                leg.hangup()
        await asyncio.to_thread(self.site.wait_for_calls, calls)
        await asyncio.to_thread(wait_until_quiet, self.site)

    def the_recording(self) -> Block:
        """There is one, of the customer on the left and agents on the right."""
        (row,) = self.site.recordings()
        audio = self.site.listen(row.id)
        assert tones.level(audio[:, 1], HZ["customer"]) < -60 and tones.level(audio[:, 0], HZ["agent"]) < -60
        return audio


@asynccontextmanager
async def place(install: Install, work: Path, prompts: bool = False) -> AsyncIterator[Place]:
    ports = {name: free_port(socket.SOCK_DGRAM) for name in HZ}
    site = Site(
        work, install, POLICY, settings={"keys.grace_seconds": "1"}, contacts=ports, extra_dialplan=LINES, prompts=prompts,
        sounds=short_sounds(work / "sounds", DIALPLAN / "sounds"),
    )  # fmt: skip
    async with running(site), AsyncExitStack() as stack:
        phones = {}
        for name, hz in HZ.items():
            phone = Phone(name, ports[name], site.pbx.sip_port, source=Tone(hz), answer_after=0.0)
            phones[name] = await stack.enter_async_context(phone)
        yield Place(site, phones)


@pytest.mark.parametrize("line", ["group", "groupopt"])
async def test_a_ring_group(install: Install, tmp_path: Path, line: str) -> None:
    async with place(install, tmp_path) as at:
        await at.customer.dial(line)
        await at.customer.talk(NOTICE_SECONDS)
        await at.agent.answered()
        await at.customer.talk(2.0)
        await at.agent.press("*1")
        assert at.site.status()["alarms"] == {}
        await at.over()
    (call,) = at.site.calls()
    assert call.outcome == "kept" and call.agents == ("PJSIP/agent",)
    heard = tones.seconds_of(at.the_recording()[:, 0], HZ)
    assert heard["customer"] > 1.5 and set(heard) <= {"customer", tones.SILENCE, tones.OTHER}


@pytest.mark.parametrize("line", ["group", "groupopt"])
async def test_a_ring_group_goes_on_after_a_restart(install: Install, tmp_path: Path, line: str) -> None:
    """What the customer heard on half of a Local channel is on no channel of their own, and without /n on none that is still there."""
    async with place(install, tmp_path) as at:
        await at.customer.dial(line)
        await at.customer.talk(NOTICE_SECONDS)
        await at.agent.answered()
        await at.customer.talk(2.0)
        os.kill(at.site.daemon_pid, signal.SIGKILL)
        at.site.stop_daemon()
        await asyncio.to_thread(at.site.start_daemon)
        for _ in range(100):
            if at.site.status()["capture"]["taps"] == 2:
                break
            await at.customer.talk(0.1)
        assert at.site.status()["calls"]["taken_up"] == 1
        await at.customer.talk(2.0)
        await at.over()
    (call,) = at.site.calls()
    (row,) = [r for r in at.site.recordings() if r.state is State.SEALED and not r.truncated]
    assert call.outcome == "kept" and row.call_id == call.id
    heard = tones.seconds_of(at.site.listen(row.id)[:, 0], HZ)
    assert heard["customer"] > 1.5 and set(heard) <= {"customer", tones.SILENCE, tones.OTHER}


@pytest.mark.parametrize("local", ["Local/customer@dialout/n", "Local/customer@dialout"])
async def test_a_call_back_with_the_customer_first(install: Install, tmp_path: Path, local: str) -> None:
    async with place(install, tmp_path) as at:
        at.site.pbx.cli(f"channel originate {local} extension s@group")
        await at.customer.answered()
        await at.customer.talk(NOTICE_SECONDS)
        await at.agent.answered()
        await at.customer.talk(2.0)
        assert at.site.status()["alarms"] == {}
        await at.over()
    assert [c.outcome for c in at.site.calls()] == ["kept"]
    audio = at.the_recording()
    assert tones.seconds_of(audio[:, 0], HZ)["customer"] > 1.5 and tones.seconds_of(audio[:, 1], HZ)["agent"] > 1.5


@pytest.mark.parametrize("line", ["704", "705"])
async def test_called_out_through_a_local_channel(install: Install, tmp_path: Path, line: str) -> None:
    async with place(install, tmp_path) as at:
        await at.agent.dial(line)
        await at.customer.talk(NOTICE_SECONDS + 2.0)
        assert at.site.status()["alarms"] == {}
        await at.over()
    (call,) = at.site.calls()
    assert (call.outcome, call.direction, call.agents) == ("kept", "out", ("PJSIP/agent",))
    audio = at.the_recording()
    assert tones.seconds_of(audio[:, 0], HZ)["customer"] > 1.0 and tones.seconds_of(audio[:, 1], HZ)["agent"] > 1.0


@pytest.mark.parametrize("line", ["group", "groupopt"])
async def test_refused_behind_a_local_channel(install: Install, tmp_path: Path, line: str) -> None:
    async with place(install, tmp_path) as at:
        await at.customer.dial(line)
        await at.customer.talk(0.3)
        await at.customer.press("3")
        await at.agent.answered()
        await at.customer.talk(1.5)
        await at.agent.press("*1")
        await at.over()
    assert [c.outcome for c in at.site.calls()] == ["refused"] and at.site.recordings() == []


@pytest.mark.parametrize("own", [False, True])
async def test_refused_behind_a_local_channel_while_no_daemon_lives(install: Install, tmp_path: Path, own: bool) -> None:
    async with place(install, tmp_path) as at:
        await at.customer.dial("own" if own else "group")
        await at.customer.talk(0.3 + (NOTICE_SECONDS if own else 0))
        os.kill(at.site.daemon_pid, signal.SIGKILL)
        at.site.stop_daemon()
        await at.customer.press("3")
        await asyncio.to_thread(at.site.start_daemon)
        await at.agent.answered()
        await at.customer.talk(2.0)
        await at.agent.press("*1")
        await at.over(2 if own else 1)
    assert [c.outcome for c in at.site.calls()] == ["refused"] * (2 if own else 1) and at.site.recordings() == []


async def test_a_customer_with_a_call_goes_on_in_it(install: Install, tmp_path: Path) -> None:
    """Told of one purpose on the way in, and of another one at the line behind: one recording, for both."""
    async with place(install, tmp_path) as at:
        await at.customer.dial("own")
        await at.customer.talk(2 * NOTICE_SECONDS)
        await at.agent.answered()
        await at.customer.talk(2.0)
        await at.agent.press("*1")
        await at.agent.talk(0.5)
        assert at.site.status()["alarms"] == {}
        await at.over(2)
    (row,) = at.site.recordings()
    assert [p.name for p in row.purposes] == ["proof", "complaint"]
    at.the_recording()


async def test_refused_at_the_line_behind_wipes_the_customers_call(install: Install, tmp_path: Path) -> None:
    async with place(install, tmp_path) as at:
        await at.customer.dial("own")
        await at.customer.talk(NOTICE_SECONDS + 0.4)
        await at.customer.press("3")
        await at.agent.answered()
        await at.customer.talk(1.5)
        await at.over(2)
    assert [c.outcome for c in at.site.calls()] == ["refused", "refused"] and at.site.recordings() == []


async def test_a_consultation_by_feature_code_over_a_recorded_line(install: Install, tmp_path: Path) -> None:
    """*2: the colleague's line runs on half of a Local channel, behind which the agent is. Only the agent heard its notice: it counts for
    nobody, and the customer's own call goes on."""
    async with place(install, tmp_path, prompts=True) as at:
        await at.customer.dial("group")
        await at.customer.talk(NOTICE_SECONDS)
        await at.agent.answered()
        await at.customer.talk(1.5)
        await at.agent.press("*2")
        await at.agent.talk(0.5)
        at.customer.say(Tone(tones.CUSTOMER_HELD))
        at.agent.say(Tone(tones.AGENT_HOLDING))
        await at.agent.press("706")
        await at.agent2.answered(20)
        await at.agent2.talk(1.0)
        at.customer.say(Tone(HZ["customer"]))
        at.agent.leg.hangup()
        await at.customer.talk(2.5)
        await at.over(2)
    rows = at.site.recordings()
    assert [[p.name for p in row.purposes] for row in rows] == [["proof"]]
    audio = at.the_recording()
    right = tones.seconds_of(audio[:, 1], {**HZ, "private": tones.AGENT_HOLDING})
    assert right["agent2"] > 1.0 and "private" not in right
    assert tones.level(audio[:, 0], tones.CUSTOMER_HELD) < -50
