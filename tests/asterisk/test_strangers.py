"""What a caller's number or name says, and what any program says over FastAGI, is believed by nobody: authority comes from where
Asterisk shows that it was said."""

from __future__ import annotations

import asyncio
import socket
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from agi_lines import environment
from sites import ALWAYS, FLAG, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.numbers import number_hash
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

NOTICE_SECONDS = 1.5
POLICY = FLAG + ALWAYS + profile("support", '"complaint"', announcement="long") + profile("sales", '"proof"', announcement="long")
LINES = """
[from-outside](+)
; an administrator's own event, such as a screen pop is made of
exten => 121,1,UserEvent(Incoming,Name: ${CALLERID(name)})
 same => n,Dial(PJSIP/agent2,30,tkK)
exten => 120,1,Gosub(privacy-start,s,1(support))
 same => n,Dial(PJSIP/agent2,30,tkK)
"""
TRUNK = """
[anonymous](lab-phone)
type = endpoint
context = from-outside
"""
"""Whoever calls with a number that is no phone of the lab's, as over a trunk."""


@pytest.fixture
def ports() -> dict[str, int]:
    return {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent", "agent2")}


@pytest.fixture
async def site(install: Install, tmp_path: Path, ports: dict[str, int]) -> AsyncIterator[Site]:
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    with wave.open(str(sounds / "en/long.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tones.tone(tones.ANNOUNCEMENT, NOTICE_SECONDS).astype("<i2").tobytes())
    settings = {"keys.grace_seconds": "1"}
    made = Site(
        tmp_path, install, POLICY, settings=settings, contacts=ports, sounds=sounds, extra_dialplan=LINES, extra_pjsip=TRUNK,
        extra={"modules.conf": "load = res_pjsip_endpoint_identifier_anonymous.so\n"},
    )  # fmt: skip
    async with running(made):
        yield made


@asynccontextmanager
async def phones(site: Site, ports: dict[str, int], calls_as: str) -> AsyncIterator[tuple[Phone, Phone, Phone]]:
    """The victim, the stranger and an agent each, who answer at once."""
    server = site.pbx.sip_port
    victim, stranger = (
        Phone("customer", ports["customer"], server, source=Tone(tones.CUSTOMER), answer_after=0.0),
        Phone("stranger", 0, server, source=Tone(tones.CUSTOMER_HELD), calls_as=calls_as),
    )
    agent = Phone("agent", ports["agent"], server, source=Tone(tones.AGENT), answer_after=0.0)
    async with victim, stranger, agent, Phone("agent2", ports["agent2"], server, source=Tone(tones.SECOND_AGENT), answer_after=0.0):
        yield victim, stranger, agent


def uniqueid(site: Site, name: str = "PJSIP/customer-") -> str:
    lines = site.pbx.cli("core show channels concise").splitlines()
    return next(line.rpartition("!")[2] for line in lines if line.startswith(name))


def number(said: str) -> str:
    """A From whose user part is `said`, as Asterisk decodes it."""
    assert len(said) < 80
    return "<sip:" + "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in said) + "@127.0.0.1>"


async def over(site: Site, *callers: Phone) -> None:
    for one in callers:
        await one.hangup()
    await asyncio.to_thread(wait_until_quiet, site)


async def test_a_callers_number_gets_nobody_recorded_for_what_he_was_not_told(site: Site, ports: dict[str, int]) -> None:
    server = site.pbx.sip_port
    async with phones(site, ports, "") as (victim, _, agent):
        await victim.dial("100")
        said = number(f"1\nagi_request: agi://h/start?profile=sales&direction=in&channel={uniqueid(site)}")
        async with Phone("another", 0, server, source=Tone(tones.CUSTOMER_HELD), calls_as=said) as stranger:
            await stranger.dial("120")
            await agent.answered()
            await victim.talk(1.0)
            await over(site, victim, stranger)
    assert site.recordings() == [], "the notice of `support` was heard: it says nothing of `proof`"
    kinds = [c.kind for call in site.calls() for c in call.consent]
    assert kinds.count("notice-heard") == 1
    alarms = site.status()["alarms"]
    assert isinstance(alarms, dict) and alarms["forged"] >= 1
    assert "agi://h/start" not in site.log


async def test_a_callers_number_chooses_no_line(site: Site, ports: dict[str, int]) -> None:
    said = number("1\nagi_request: agi://h/start?profile=sales&direction=in")
    async with phones(site, ports, said) as (_, stranger, agent):
        await stranger.dial("100")
        await agent.answered()
        await stranger.talk(1.0)
        await over(site, stranger)
    assert site.recordings() == []
    alarms = site.status()["alarms"]
    assert isinstance(alarms, dict) and alarms["forged"] == 1
    assert alarms["missed_calls"] == 1, "it went on unrecorded, and that is told"


def asked(site: Site, channel: str, profile: str) -> bytes:
    """What a program on this machine gets that asks as Asterisk does."""
    host, _, port = site.agi.partition(":")
    query = f"profile={profile}&direction=in&channel={channel}"
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(environment(channel, query, request=f"agi://{site.agi}/start?{query}"))
        got = b""
        while piece := peer.recv(4096):
            got += piece
            peer.sendall(b"200 result=1\n")
        return got


async def test_a_program_of_this_machine_asks_for_nobody(site: Site, ports: dict[str, int]) -> None:
    async with phones(site, ports, "") as (victim, _, agent):
        await victim.dial("100")
        assert await asyncio.to_thread(asked, site, uniqueid(site), "sales") == b""
        assert await asyncio.to_thread(asked, site, uniqueid(site), "support") == b"", "asked and answered: not twice"
        assert await asyncio.to_thread(asked, site, "1700000000.7", "sales") == b""
        await agent.answered()
        await victim.talk(0.5)
        await agent.press("*1")
        await victim.talk(0.5)
        await over(site, victim)
    (row,) = site.recordings()
    assert [p.name for p in row.purposes] == ["complaint"], "the call that was announced is kept as ever"
    assert len(site.calls()) == 1
    alarms = site.status()["alarms"]
    assert isinstance(alarms, dict) and alarms["ghost_call"] == 3


async def test_a_call_that_is_made_is_asked_for_and_found_by_the_number_that_was_dialled(site: Site, ports: dict[str, int]) -> None:
    async with phones(site, ports, "") as (customer, _, agent):
        await agent.dial("500")
        await customer.answered()
        await agent.talk(0.5)
        await agent.press("*1")
        await agent.talk(0.5)
        await over(site, agent)
    (row,) = site.recordings()
    assert [p.name for p in row.purposes] == ["complaint"]
    with site.registry() as registry:
        assert [call.id for call in registry.calls(customer_hash=number_hash("500", site.number_key))] == [row.call_id]
    assert site.status()["alarms"] == {}


@pytest.mark.parametrize("event", ["PrivacyKey,Cmd:off,Linked:", "PrivacyKey,Cmd:keep-last,Endpoint:agent,Linked:"])
async def test_a_callers_name_is_no_event(site: Site, ports: dict[str, int], event: str) -> None:
    """It would wipe what somebody else's agent had kept."""
    server = site.pbx.sip_port
    async with phones(site, ports, "") as (victim, _, agent):
        await victim.dial("100")
        await agent.answered()
        await victim.talk(0.5)
        await agent.press("*1")
        await victim.talk(0.5)
        name = f"x,eventname:{event}{uniqueid(site)}"
        async with Phone(
            "another", 0, server, source=Tone(tones.CUSTOMER_HELD), calls_as=f'"{name}" <sip:0201234567@127.0.0.1>'
        ) as stranger:
            await stranger.dial("121")
            await victim.talk(1.0)
            await over(site, victim, stranger)
    (row,) = site.recordings()
    assert row.state is State.SEALED and [p.name for p in row.purposes] == ["complaint"]
    heard = tones.seconds_of(site.listen(row.id)[:, 0], {"customer": tones.CUSTOMER})
    assert heard["customer"] > 1.2, "the whole call"
    assert site.status()["alarms"] == {"forged": 1}
    assert "eventname" not in site.log and "0201234567" not in site.log
