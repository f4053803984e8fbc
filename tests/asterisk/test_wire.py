"""Real calls that are heard as their packets arrive, [capture] how = "wire": what Asterisk is spared, and where a snoop steps in.

The oracle and the matrix judge what is kept that way (test_oracle.py; make matrix-wire).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sites import ALWAYS, call_over, profile, running, short_sounds

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.timeout(90),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root, or who has CAP_NET_RAW, may hear packets"),
]
KNOWN = {"customer": tones.CUSTOMER, "agent": tones.AGENT, "held": tones.CUSTOMER_HELD, "music": tones.MUSIC, "notice": tones.ANNOUNCEMENT}
DIRECT = """
[customer](+)
direct_media = yes
[bare](lab-phone)
direct_media = yes
aors = bare
[bare](lab-contact)
contact = sip:bare@127.0.0.1:{port}
"""

PLAIN = """
[from-outside](+)
exten => 441,1,Gosub(privacy-start,s,1(sales))
 same => n,Dial(PJSIP/bare,30)
 same => n,Hangup()
"""
"""To a phone without the agents' keys. Where Asterisk need not listen for any, it lets the phones speak past it."""


@asynccontextmanager
async def at_work(install: Install, work: Path, extra_pjsip: str = "", codec: str = "ulaw") -> AsyncIterator[tuple[Site, Phone, Phone]]:
    port = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    policy = ALWAYS + profile("sales", '"proof"')
    site = Site(
        work,
        install,
        policy,
        contacts={"agent": port},
        sounds=sounds,
        settings={"agents.endpoints": '["PJSIP/bare"]'},  # it has no agents' template by which it would be known
        extra_dialplan=PLAIN,
        extra_pjsip=extra_pjsip.format(port=port),
        capture="wire",
    )
    async with running(site):
        server = site.pbx.sip_port
        agent = Phone("agent", port, server, source=Tone(tones.AGENT), answer_after=0.0, codec=codec)
        async with Phone("customer", 0, server, source=Tone(tones.CUSTOMER)) as customer, agent:
            yield site, customer, agent


async def talking(site: Site, customer: Phone, agent: Phone, seconds: float, extension: str = "110") -> None:
    await customer.dial(extension)
    while not agent.legs:
        await asyncio.sleep(0.02)
    await agent.answered()
    await agent.talk(seconds)


def captured(site: Site) -> dict[str, int]:
    found = site.status()["capture"]
    assert isinstance(found, dict)
    return found


def heard(audio: Block) -> tuple[dict[str, float], dict[str, float]]:
    return tones.seconds_of(audio[:, 0], KNOWN), tones.seconds_of(audio[:, 1], KNOWN)


async def test_asterisk_makes_no_channel_for_it_and_who_waits_is_not_listened_to(install: Install, tmp_path: Path) -> None:
    async with at_work(install, tmp_path) as (site, customer, agent):
        await talking(site, customer, agent, 1.0)
        now = await asyncio.to_thread(captured, site)
        assert (now["taps"], now["wire"], now["peers"]) == (2, 2, 0)
        assert "Snoop" not in site.pbx.cli("core show channels")
        await agent.hold()
        customer.say(Tone(tones.CUSTOMER_HELD))
        await agent.talk(1.0)
        assert (await asyncio.to_thread(captured, site))["wire"] == 0
        customer.say(Tone(tones.CUSTOMER))
        await customer.talk(0.04)
        await agent.unhold()
        await agent.talk(1.0)
        [recording] = await call_over(site, customer, 1)
        left, right = heard(site.listen(recording.id))
        assert 1.7 < left["customer"] < 2.3 and 1.7 < right["agent"] < 2.3
        assert not {"held", "music", "notice"} & {*left, *right} and "agent" not in left and "customer" not in right
        assert captured(site)["wire_unfit"] == 0 and site.status()["alarms"] == {}


async def test_a_wideband_agent_is_heard_by_a_snoop_beside_the_customers_wire(install: Install, tmp_path: Path) -> None:
    async with at_work(install, tmp_path, codec="g722") as (site, customer, agent):
        await talking(site, customer, agent, 1.2)
        now = await asyncio.to_thread(captured, site)
        assert (now["taps"], now["wire"], now["peers"]) == (2, 1, 1)
        [recording] = await call_over(site, customer, 1)
        left, right = heard(site.listen(recording.id))
        assert left["customer"] > 0.9 and right["agent"] > 0.9


async def test_phones_that_speak_past_asterisk_are_heard_by_snoops(install: Install, tmp_path: Path) -> None:
    async with at_work(install, tmp_path, DIRECT) as (site, customer, agent):
        await talking(site, customer, agent, 4.0, "441")
        now = await asyncio.to_thread(captured, site)
        assert (now["wire"], now["peers"]) == (0, 2), now
        [recording] = await call_over(site, customer, 1)
        left, right = heard(site.listen(recording.id))
        assert left["customer"] > 2.0 and right["agent"] > 2.0
