"""Calls in which a leg is silent, or hardly there: what is kept of them, measured, and how that is told."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import numpy as np
import pytest
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.call.timeline import MarkKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Nothing, Silence, Source, Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]

ORDERS = """
[from-outside]
exten => 130,1,Gosub(privacy-start,s,1(orders))
 same => n,Dial(PJSIP/agent,30,tkK)
"""


def site_of(install: Install, work: Path, port: int, settings: dict[str, str] | None = None) -> Site:
    """Each call to 130 is kept. `port`: of the agent's phone."""
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    policy = ALWAYS + profile("orders", '"proof"')
    settings = {"keys.grace_seconds": "1", **(settings or {})}
    return Site(work, install, policy, settings=settings, contacts={"agent": port}, sounds=sounds, extra_dialplan=ORDERS)


class Words:
    """Half a second of a tone, then four tenths of what a phone does in pauses: no packets, or exact zeros."""

    def __init__(self, freq: float, in_pauses: Source) -> None:
        self._tone, self._in_pauses = Tone(freq), in_pauses

    def frame(self, n: int) -> Pcm | None:
        samples = self._tone.frame(n)
        return samples if n % 45 < 25 else self._in_pauses.frame(n)

    def label(self, n: int) -> str:
        return self._tone.label(n) if n % 45 < 25 else self._in_pauses.label(n)


@pytest.mark.parametrize("in_pauses", [Nothing(), Silence()], ids=["no packets", "exact zeros"])
async def test_an_agent_who_listens_costs_nothing_and_a_signalled_hold_stays_one(
    install: Install, tmp_path: Path, in_pauses: Source
) -> None:
    port = free_port(socket.SOCK_DGRAM)
    site = site_of(install, tmp_path, port, {"capture.silent_hold_seconds": "10"})
    async with running(site):
        customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", port, site.pbx.sip_port, source=Words(tones.AGENT, in_pauses), answer_after=0.0)
        async with customer, agent:
            await customer.dial("130")
            await agent.answered()
            await customer.talk(5.0)
            agent.say(in_pauses)
            await customer.talk(12.0)  # a long story
            agent.say(Words(tones.AGENT, in_pauses))
            await customer.talk(1.0)
            await agent.hold()
            customer.say(Tone(tones.CUSTOMER_HELD))
            await asyncio.sleep(2.0)
            customer.say(Tone(tones.CUSTOMER))
            await asyncio.sleep(0.1)
            await agent.unhold()
            await customer.talk(2.0)
            await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1)
        report = site.status()
        await asyncio.to_thread(wait_until_quiet, site)
    (row,) = site.recordings()
    heard = tones.seconds_of(site.listen(row.id)[:, 0], {"customer": tones.CUSTOMER, "held": tones.CUSTOMER_HELD})
    assert "held" not in heard and heard["customer"] > 5.0 + 12.0 + 1.0 + 2.0 - 0.6, heard
    capture, alarms = report["capture"], report["alarms"]
    assert isinstance(capture, dict) and isinstance(alarms, dict)
    assert capture["silent_between_words"] == {"PJSIP/agent": 1} and capture["silent_holds"] == {}
    assert alarms == {}


class Talking:
    """A tone with the room in its pauses, which are a fifth of a second."""

    def __init__(self, freq: float) -> None:
        self._tone = Tone(freq)
        self._room = np.random.default_rng(1)

    def frame(self, n: int) -> Pcm:
        samples = self._tone.frame(n)
        return samples if n % 35 < 25 else self._room.normal(0, 60, len(samples)).astype(np.int16)

    def label(self, n: int) -> str:
        return self._tone.label(n) if n % 35 < 25 else "room"


async def test_what_a_network_lost_teaches_nothing_of_a_phone(install: Install, tmp_path: Path) -> None:
    """Holes of four tenths between words are no pauses of the phone. When it then holds by itself nothing of that is kept."""
    port = free_port(socket.SOCK_DGRAM)
    site = site_of(install, tmp_path, port, {"capture.silent_hold_seconds": "10"})
    async with running(site):
        customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", port, site.pbx.sip_port, source=Talking(tones.AGENT), answer_after=0.0)
        async with customer, agent:
            await customer.dial("130")
            leg = await agent.answered()
            for _ in range(5):
                await customer.talk(0.8)
                leg.media.lose(20)
            await customer.talk(8.0)
            agent.say(Silence())
            await customer.talk(0.5)  # a machine under load hears the last word late
            customer.say(Tone(tones.CUSTOMER_HELD))
            await customer.talk(13.0)
            customer.say(Tone(tones.CUSTOMER))
            await customer.talk(0.5)
            agent.say(Talking(tones.AGENT))
            await customer.talk(2.0)
            await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1)
        report = site.status()
        await asyncio.to_thread(wait_until_quiet, site)
    (row,) = site.recordings()
    heard = tones.seconds_of(site.listen(row.id)[:, 0], {"customer": tones.CUSTOMER, "held": tones.CUSTOMER_HELD})
    assert "held" not in heard, heard
    capture = report["capture"]
    assert isinstance(capture, dict)
    assert capture["silent_between_words"] == {} and capture["silent_holds"] == {"PJSIP/agent": 1}


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_a_mute_is_no_hold_and_no_alarm(install: Install, tmp_path: Path, who: str) -> None:
    """As browsers do it: packets of silence."""
    port = free_port(socket.SOCK_DGRAM)
    site = site_of(install, tmp_path, port, {"capture.silent_hold_seconds": "10"})
    async with running(site):
        customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", port, site.pbx.sip_port, source=Tone(tones.AGENT), answer_after=0.0)
        async with customer, agent:
            await customer.dial("130")
            await agent.answered()
            await customer.talk(1.5)
            muted = agent if who == "agent" else customer
            muted.say(Silence())
            await customer.talk(3.0)
            muted.say(Tone(tones.AGENT if who == "agent" else tones.CUSTOMER))
            await customer.talk(1.5)
            await customer.hangup()
        (call,) = await asyncio.to_thread(site.wait_for_calls, 1)
        report = site.status()
        await asyncio.to_thread(wait_until_quiet, site)
    capture = report["capture"]
    assert isinstance(capture, dict) and report["alarms"] == {}
    (row,) = site.recordings()
    audio = site.listen(row.id)
    other = 0 if who == "agent" else 1
    known = {"customer": tones.CUSTOMER, "agent": tones.AGENT}
    assert max(tones.seconds_of(audio[:, other], known).values()) > 5.4, "who is not muted is kept all the time"
    if site.capture == "snoop":
        assert capture["silent_legs"] == {"muted": {f"PJSIP/{who}": 1}}
        [mark] = [m for m in call.marks if m.kind is MarkKind.MUTED]
        assert 1000 < mark.at_ms < 3500


G729 = """
[g729](lab-phone)
context = from-outside
disallow = all
allow = g729
[g729agent](lab-phone,privacy-agent)
context = from-agents
aors = g729agent
disallow = all
allow = g729
[g729agent](lab-contact)
contact = sip:g729agent@127.0.0.1:{port}
"""
G729_LINE = """
[from-outside]
exten => 131,1,Gosub(privacy-start,s,1(orders))
 same => n,Dial(PJSIP/g729agent,30,tkK)
"""


async def test_a_codec_without_a_translator_is_told_and_nothing_is_sealed(install: Install, tmp_path: Path) -> None:
    """Both phones understand each other, and Asterisk neither. The announcement is there in their codec."""
    port = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    (sounds / "en/short.g729").write_bytes(bytes(range(10)) * 50)
    policy, phones = ALWAYS + profile("orders", '"proof"'), G729.format(port=port)
    site = Site(
        tmp_path, install, policy, settings={"keys.grace_seconds": "1"}, sounds=sounds, extra_dialplan=G729_LINE, extra_pjsip=phones
    )
    async with running(site):
        await asyncio.to_thread(site.pbx.cli, "module load format_g729.so")
        customer = Phone("g729", 0, site.pbx.sip_port, codec="g729", source=Tone(tones.CUSTOMER))
        agent = Phone("g729agent", port, site.pbx.sip_port, codec="g729", source=Tone(tones.AGENT), answer_after=0.0)
        async with customer, agent:
            await customer.dial("131")
            await agent.answered()
            await customer.talk(5.0)
            await customer.hangup()
        (call,) = await asyncio.to_thread(site.wait_for_calls, 1)
        report = site.status()
        await asyncio.to_thread(wait_until_quiet, site)
    alarms, capture = report["alarms"], report["capture"]
    assert isinstance(alarms, dict) and isinstance(capture, dict)
    assert alarms == {"no_translator": 2, "kept_nothing": 1}, (alarms, capture)
    assert capture["silent_legs"] == {"no-translator": {"PJSIP/g729": 1, "PJSIP/g729agent": 1}}
    assert call.outcome == "not-kept" and MarkKind.NO_TRANSLATOR in {mark.kind for mark in call.marks}
    assert not [row for row in site.recordings() if row.state is State.SEALED]


async def test_hung_up_as_soon_as_it_was_answered(install: Install, tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    site = site_of(install, tmp_path, port)
    async with running(site):
        customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", port, site.pbx.sip_port, source=Tone(tones.AGENT), answer_after=0.0)
        async with customer, agent:
            for call, pause in enumerate((0.0, 0.02, 0.05, 0.08)):
                await customer.dial("130")
                while len(agent.legs) <= call or not agent.legs[call].answered_at:
                    await asyncio.sleep(0.005)
                await asyncio.sleep(pause)
                await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 4)
        await asyncio.to_thread(wait_until_quiet, site)
        alarms = site.status()["alarms"]
    kept = {row.call_id for row in site.recordings() if row.state is State.SEALED}
    assert all(len(site.listen(row.id)) for row in site.recordings() if row.state is State.SEALED)
    assert all(row.duration_ms for row in site.recordings() if row.state is State.SEALED)
    assert {call.id for call in site.calls() if call.outcome == "kept"} == kept
    assert alarms == {}
