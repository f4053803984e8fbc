"""A phone that holds without telling Asterisk: what the customer says meanwhile is not kept, the rest is, and status names the phone."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import numpy as np
import pytest
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Silence, Source, Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

ORDERS = """
[from-outside]
exten => 130,1,Gosub(privacy-start,s,1(orders))
 same => n,Dial(PJSIP/agent,30,tkK)
"""


class Talking:
    """A tone with the pauses of speech."""

    def __init__(self, freq: float) -> None:
        self._tone = Tone(freq)

    def frame(self, n: int) -> Pcm:
        samples = self._tone.frame(n)
        return samples if n % 25 < 17 else np.zeros_like(samples)

    def label(self, n: int) -> str:
        return self._tone.label(n)


@pytest.mark.parametrize(("source", "settings"), [
    (Silence(), {"capture.silent_hold_seconds": "10"}),
    (Tone(tones.MUSIC), {"capture.silent_hold_seconds": "10", "capture.music_hold_seconds": "8"}),
], ids=["dead silence", "music"])  # fmt: skip
async def test_nothing_of_it_is_kept(install: Install, tmp_path: Path, source: Source, settings: dict[str, str]) -> None:
    port = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    policy = ALWAYS + profile("orders", '"proof"')
    settings = {"keys.grace_seconds": "1", **settings}
    site = Site(tmp_path, install, policy, settings=settings, contacts={"agent": port}, sounds=sounds, extra_dialplan=ORDERS)
    async with running(site):
        customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", port, site.pbx.sip_port, source=Talking(tones.AGENT), answer_after=0.0)
        async with customer, agent:
            await customer.dial("130")
            await agent.answered()
            await customer.talk(2.0)
            agent.say(source)
            await customer.talk(0.1)  # what he says in the moment of the change may fall on either side
            customer.say(Tone(tones.CUSTOMER_HELD))
            await customer.talk(14.8)
            customer.say(Tone(tones.CUSTOMER))
            await customer.talk(0.1)
            agent.say(Silence())
            await customer.talk(0.3)
            agent.say(Talking(tones.AGENT))
            await customer.talk(2.5)
            await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1)
        report = site.status()
        await asyncio.to_thread(wait_until_quiet, site)
    (call,), (row,) = site.calls(), site.recordings()
    audio = site.listen(row.id)
    known = {"customer": tones.CUSTOMER, "held": tones.CUSTOMER_HELD, "music": tones.MUSIC, "agent": tones.AGENT}
    left, right = (tones.seconds_of(audio[:, column], known) for column in (0, 1))
    assert "held" not in left and "music" not in right, (left, right)
    assert left["customer"] > 3.0 and right["agent"] > 1.9
    talk = [s for s in call.spans if s.kind is SpanKind.TALK]
    assert [s.kind for s in call.spans if s.end_ms - s.start_ms > 1000] == [SpanKind.TALK, SpanKind.HOLD, SpanKind.TALK], call.spans
    assert len(audio) == sum((s.end_ms - s.start_ms) // 20 * 160 for s in talk)
    assert report["capture"]["silent_holds"] == {"PJSIP/agent": 1} and report["alarms"]["silent_hold"] == 1
