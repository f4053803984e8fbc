"""Calls in a bridge of another ARI application: of a hold there Asterisk tells nobody, so that nothing said there is kept."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet
from toy_ari import ToyAri

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(60)]

DIALS = """
[from-outside](+)
exten => 330,1,Gosub(privacy-start,s,1(sales))
 same => n,Stasis(other)
[from-agents](+)
exten => 330,1,Answer()
 same => n,Stasis(other)
"""


async def test_a_hold_that_asterisk_tells_nobody_of(install: Install, tmp_path: Path) -> None:
    """The customer is held over ARI in mid-talk and goes on speaking: no event comes (facts of 22.10.1), and the agent hears music."""
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent")}
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    site = Site(
        tmp_path / "site", install, ALWAYS + profile("sales", '"proof"'), settings={"keys.grace_seconds": "1"}, contacts=ports,
        sounds=sounds, extra_dialplan=DIALS,
    )  # fmt: skip
    async with running(site), ToyAri(site.pbx, "other") as other:
        sip = site.pbx.sip_port
        async with (
            Phone("customer", ports["customer"], sip, source=Tone(700)) as customer,
            Phone("agent", ports["agent"], sip, source=Tone(1100)) as agent,
        ):
            bridge = (await other.post("bridges", type="mixing"))["id"]
            for phone in (customer, agent):
                await phone.dial("330")
                entered = await other.until_event("StasisStart")
                other.forget()
                await other.post(f"bridges/{bridge}/addChannel", channel=entered["channel"]["id"])
            await customer.talk(1.0)
            assert tones.level(agent.heard(), 700) > -25
            await other.post(f"channels/{entered['channel']['id']}/hold")
            other.forget()
            await customer.talk(1.5)
            assert not [e for e in other.events if e["type"] == "ChannelHold"]
            report = await asyncio.to_thread(site.status)
            await customer.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1)
        await asyncio.to_thread(wait_until_quiet, site)
    assert report["alarms"] == {"out_of_sight": 1}
    assert site.recordings() == []
