"""A call that is moved to a line with other purposes: the new notice is played if the first did not cover them; it stays one recording."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sites import ALWAYS, FLAG, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.call.timeline import SpanKind, overlap
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

POLICY = FLAG + ALWAYS + profile("orders", '"proof"') + profile("complaints", '"complaint"', "3") + profile("desk", '"proof"', "3")
EXTRA = """
[from-outside]
exten => 130,1,Gosub(privacy-start,s,1(orders))
 same => n,Dial(PJSIP/agent,30,tkK)
[moved]
exten => complaints,1,Gosub(privacy-start,s,1(complaints))
 same => n,Set(GLOBAL(SEEN)=${PRIVACY_PLAN}/${PRIVACY_CONSENT}/${LEN(${PRIVACY_CALL})})
 same => n,Dial(PJSIP/agent2,30,tkK)
exten => desk,1,Gosub(privacy-start,s,1(desk))
 same => n,Set(GLOBAL(SEEN)=${PRIVACY_PLAN}/${PRIVACY_CONSENT}/${LEN(${PRIVACY_CALL})})
 same => n,Dial(PJSIP/agent2,30,tkK)
"""


@asynccontextmanager
async def moved(site: Site, ports: dict[str, int], line: str, key: str = "") -> AsyncIterator[tuple[Phone, Phone]]:
    """A call in conversation with the agent on an `orders` line, then moved to `line`, where agent2 answers."""
    server = site.pbx.sip_port
    customer = Phone("customer", 0, server, source=Tone(tones.CUSTOMER))
    first = Phone("agent", ports["agent"], server, source=Tone(tones.AGENT), answer_after=0.0)
    second = Phone("agent2", ports["agent2"], server, source=Tone(tones.SECOND_AGENT), answer_after=0.0)
    async with customer, first, second:
        await customer.dial("130")
        await first.answered()
        await customer.talk(1.5)
        lines = site.pbx.cli("core show channels concise").splitlines()
        channel = next(name for name in (row.partition("!")[0] for row in lines) if name.startswith("PJSIP/") and "agent" not in name)
        customer.say(Tone(tones.CUSTOMER_HELD))
        site.pbx.cli(f"channel redirect {channel} moved,{line},1")
        if key:
            await customer.talk(0.3)
            await customer.press(key)
        while not second.legs:
            await customer.talk(0.02)
        customer.say(Tone(tones.CUSTOMER))
        await second.answered()
        await customer.talk(1.5)
        yield customer, second
        await customer.hangup()
    await asyncio.to_thread(site.wait_for_calls, 1)
    await asyncio.to_thread(wait_until_quiet, site)


@pytest.fixture
async def ports_and_site(install: Install, tmp_path: Path) -> AsyncIterator[tuple[Site, dict[str, int]]]:
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("agent", "agent2")}
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    site = Site(tmp_path, install, POLICY, settings={"keys.grace_seconds": "1"}, contacts=ports, sounds=sounds, extra_dialplan=EXTRA)
    async with running(site):
        yield site, ports


def seen(site: Site) -> str:
    """PRIVACY_PLAN/PRIVACY_CONSENT/length of PRIVACY_CALL, after the second Gosub."""
    return next(line for line in site.pbx.cli("dialplan show globals").splitlines() if "SEEN=" in line).partition("SEEN=")[2].strip()


async def test_another_purpose_is_announced_and_joins(ports_and_site: tuple[Site, dict[str, int]]) -> None:
    site, ports = ports_and_site
    async with moved(site, ports, "complaints") as (_customer, second):
        await second.press("*1")
        await second.talk(0.5)
        assert seen(site) == "announce/notice/32"
    (call,), (row,) = site.calls(), site.recordings()
    assert [p.name for p in row.purposes] == ["proof", "complaint"] and row.part == 1
    assert [c.kind for c in call.consent] == ["notice-begun", "notice-heard", "silence"] * 2
    spans = [s.kind for s in call.spans if s.end_ms - s.start_ms > 100]
    assert [s for s in spans if s is not SpanKind.WAIT] == [SpanKind.NOTICE, SpanKind.TALK, SpanKind.NOTICE, SpanKind.TALK], call.spans
    audio = site.listen(row.id)
    known = {"customer": tones.CUSTOMER, "held": tones.CUSTOMER_HELD, "notice": tones.ANNOUNCEMENT}
    known |= {"agent": tones.AGENT, "two": tones.SECOND_AGENT}
    left, right = (tones.seconds_of(audio[:, column], known) for column in (0, 1))
    assert not {"held", "notice"} & {*left, *right}
    assert left["customer"] > 2.5 and right["agent"] > 1.0 and right["two"] > 1.0


async def test_covered_purposes_are_not_announced_again(ports_and_site: tuple[Site, dict[str, int]]) -> None:
    site, ports = ports_and_site
    async with moved(site, ports, "desk"):
        assert seen(site) == "none/notice/32"
    (call,), (row,) = site.calls(), site.recordings()
    assert [p.name for p in row.purposes] == ["proof"] and [s.kind for s in call.spans].count(SpanKind.NOTICE) == 1


async def test_both_agents_are_known_and_what_each_of_them_said(ports_and_site: tuple[Site, dict[str, int]]) -> None:
    site, ports = ports_and_site
    async with moved(site, ports, "desk"):
        pass
    (call,), (row,) = site.calls(), site.recordings()
    assert call.agents == row.agents == ("PJSIP/agent", "PJSIP/agent2")
    audio, known = site.listen(row.id), {"agent": tones.AGENT, "two": tones.SECOND_AGENT}
    for one, mine, other in zip(call.participants, ("agent", "two"), ("two", "agent"), strict=True):
        assert one.from_ms is not None and one.to_ms is not None
        [(begin, end)] = overlap(audio_of(row, [row]), [(one.from_ms, one.to_ms)])
        heard = tones.seconds_of(audio[begin * 8 : end * 8, 1], known)
        assert heard[mine] > 1.0 and heard.get(other, 0.0) < 0.05, call.participants
    with Registry.open(site.state / "registry.sqlite") as registry:
        assert [[r.id for r in registry.recordings_of(agent=name)] for name in ("agent", "agent2", "agent3")] == [[row.id], [row.id], []]


async def test_refused_at_the_second_notice_wipes_all(ports_and_site: tuple[Site, dict[str, int]]) -> None:
    site, ports = ports_and_site
    async with moved(site, ports, "complaints", key="3") as (_customer, second):
        await second.press("*1")
        await second.talk(0.3)
        assert seen(site) == "announce/refused/32"
    (call,), (row,) = site.calls(), site.recordings()
    assert call.outcome == "refused" and row.state is State.ERASED
    assert not list((site.state / "recordings").rglob("*.age"))
