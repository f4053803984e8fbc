"""Calls in which a leg is silent, or hardly there: what is kept of them, measured, and how that is told."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from sites import ALWAYS, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
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
