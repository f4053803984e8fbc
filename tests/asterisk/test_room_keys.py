"""The agent's keys in a ConfBridge: the same as in other calls, for agents only, and heard by nobody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from dialplan_lab import Line
from sites import ALWAYS, FLAG, profile, short_sounds, wait_until_quiet

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

KEYS = (("*1", "keep"), ("*5", "pause"), ("*6", "resume"), ("*91", "from"), ("*92", "to"), ("*93", "object"), ("*90", "off"))
CARD, PAUSE_TONE = 1560.0, 500.0
LINES = """
[from-outside](+)
exten => 310,1,Gosub(privacy-start,s,1(flagged))
 same => n,ConfBridge(room)
"""


@asynccontextmanager
async def in_a_room(sip: int, ports: dict[str, int], line: str = "300") -> AsyncIterator[tuple[Phone, Phone]]:
    async with (
        Phone("customer", ports["customer"], sip, source=Tone(tones.CUSTOMER)) as customer,
        Phone("agent", ports["agent"], sip, source=Tone(tones.AGENT)) as agent,
    ):
        await customer.dial(line)
        await agent.dial("300")
        await agent.talk(1.0)
        assert tones.level(customer.heard()[-4000:], tones.AGENT) > -30, "they do not hear each other"
        yield customer, agent


async def test_each_key_is_told_and_the_customer_hears_none(line: Line, ports: dict[str, int]) -> None:
    await line.plan_nothing()
    async with in_a_room(line.ari.pbx.sip_port, ports) as (customer, agent):
        for keys, command in KEYS:
            await agent.press(keys)
            told = await line.ari.until_told("PrivacyKey", Cmd=command)
            assert told.channel.startswith("PJSIP/agent-")
            await agent.talk(0.3)
        assert [t.fields["Cmd"] for t in line.ari.told] == [command for _, command in KEYS]
        assert [packet.key for packet in customer.leg.media.received if packet.key] == []
        assert tones.level(customer.heard()[-4000:], tones.AGENT) > -30, "the agent is not back in the room"
        assert tones.level(agent.heard()[-4000:], tones.CUSTOMER) > -30
    await line.ari.pbx_quiet()


async def test_the_customer_has_no_keys(line: Line, ports: dict[str, int]) -> None:
    await line.plan_nothing()
    async with in_a_room(line.ari.pbx.sip_port, ports) as (customer, agent):
        for keys, _ in KEYS:
            await customer.press(keys)
        await agent.talk(2.0)
        assert not [t for t in line.ari.told if t.name == "PrivacyKey"]
        await agent.press("*5")  # arrives after whatever theirs might have caused
        await line.ari.until_told("PrivacyKey", Cmd="pause")
        assert len([t for t in line.ari.told if t.name == "PrivacyKey"]) == 1
    await line.ari.pbx_quiet()


async def test_the_keys_work_without_an_automatic_fall_through(line: Line, ports: dict[str, int]) -> None:
    """[general] autofallthrough = no: Asterisk waits for digits at the end of an extension."""
    path = line.ari.pbx.workdir / "etc/extensions.conf"
    text = path.read_text()
    path.write_text(text.replace("[general]", "[general]\nautofallthrough = no", 1))
    line.ari.pbx.cli("dialplan reload")
    try:
        await line.plan_nothing()
        async with in_a_room(line.ari.pbx.sip_port, ports) as (customer, agent):
            await agent.press("*5")
            await line.ari.until_told("PrivacyKey", Cmd="pause")
            await agent.talk(1.0)
            assert tones.level(customer.heard()[-2400:], tones.AGENT) > -30, "the agent is not back in the room"
    finally:
        path.write_text(text)
        line.ari.pbx.cli("dialplan reload")
    await line.ari.pbx_quiet()


# -- and what becomes of them, with a recorder ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(install: Install, tmp_path_factory: pytest.TempPathFactory, ports: dict[str, int]) -> Iterator[Site]:
    work = tmp_path_factory.mktemp("rooms")
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    policy = ALWAYS + FLAG + profile("support", '"proof"') + profile("flagged", '"complaint"')
    with Site(work / "site", install, policy, settings={"keys.grace_seconds": "0"}, sounds=sounds, extra_dialplan=LINES) as running:
        yield running


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent", "agent2")}


def kept(site: Site) -> list[dict[str, float]]:
    """Of the last call, by leg: seconds of the talk and of the card number."""
    call = site.calls()[-1].id
    found: list[dict[str, float]] = [{}, {}]
    for recording in site.recordings():
        if recording.call_id == call and recording.state is State.SEALED:
            samples = site.listen(recording.id)
            for leg, hz in enumerate((tones.CUSTOMER, tones.AGENT)):
                for what, seconds in tones.seconds_of(samples[:, leg], {"talk": hz, "card": CARD, "pause": PAUSE_TONE}).items():
                    found[leg][what] = found[leg].get(what, 0.0) + seconds
    return found


async def over(site: Site, customer: Phone, agent: Phone) -> list[dict[str, float]]:
    await customer.hangup()
    await agent.hangup()
    await asyncio.to_thread(site.wait_for_calls, len(site.calls()))
    await asyncio.to_thread(wait_until_quiet, site)
    return kept(site)


async def test_a_card_number_is_not_kept(site: Site, ports: dict[str, int]) -> None:
    async with in_a_room(site.pbx.sip_port, ports) as (customer, agent):
        await agent.talk(1.0)
        began = await agent.press("*5")
        await agent.talk(0.6)
        heard = max(tones.level(agent.heard(since=began + n / 20)[:400], PAUSE_TONE) for n in range(20))
        assert heard > -40, "no tone in the agent's ear"
        customer.say(Tone(CARD))
        await agent.talk(1.5)
        assert tones.level(agent.heard()[-4000:], CARD) > -30, "the agent must hear it"
        customer.say(Tone(tones.CUSTOMER))
        await agent.talk(0.2)
        await agent.press("*6")
        await agent.talk(1.5)
        assert max(tones.level(customer.heard(since=began)[n : n + 400], PAUSE_TONE) for n in range(0, 8000, 400)) < -45
        customers, agents = await over(site, customer, agent)
    assert customers.get("card", 0.0) == 0.0
    assert 2.0 < customers["talk"] < 4.5 and agents["talk"] > 2.0
    assert agents.get("pause", 0.0) == customers.get("pause", 0.0) == 0.0
    assert site.status()["alarms"] == {}


async def test_the_customers_pause_does_nothing(site: Site, ports: dict[str, int]) -> None:
    async with in_a_room(site.pbx.sip_port, ports) as (customer, agent):
        await customer.press("*5")
        await agent.talk(0.5)
        customer.say(Tone(CARD))
        await agent.talk(1.5)
        customers, _ = await over(site, customer, agent)
    assert customers["card"] > 1.0, "nobody paused"


async def test_keep_saves_what_was_said_before(site: Site, ports: dict[str, int]) -> None:
    async with in_a_room(site.pbx.sip_port, ports, "310") as (customer, agent):
        await agent.talk(1.0)
        await agent.press("*1")
        await agent.talk(1.0)
        customers, _ = await over(site, customer, agent)
    assert customers["talk"] > 2.0


async def test_off_the_record_wipes(site: Site, ports: dict[str, int]) -> None:
    async with in_a_room(site.pbx.sip_port, ports) as (customer, agent):
        await agent.talk(1.0)
        await agent.press("*90")
        await agent.talk(1.0)
        assert await over(site, customer, agent) == [{}, {}]
