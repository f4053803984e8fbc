"""Rooms in which Asterisk mutes somebody: who waits for a marked user, and who was muted. Nobody hears them, and nothing of them is kept,
whichever way they are heard."""

from __future__ import annotations

import asyncio
import os
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

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

ROOMS = """
[waiting]
type = user
wait_marked = yes
music_on_hold_when_empty = yes
quiet = yes
"""
LINES = """
[from-outside](+)
exten => 801,1,Gosub(privacy-start,s,1(support))
 same => n,ConfBridge(81,,waiting)
exten => 802,1,Gosub(privacy-start,s,1(support))
 same => n,ConfBridge(82)
[from-agents](+)
exten => 801,1,Answer()
 same => n,ConfBridge(81,,waiting)
exten => 802,1,Answer()
 same => n,ConfBridge(82)
"""
PRIVATE = 1560.0


def capture_or_skip(how: str) -> str:
    if how == "wire" and os.geteuid() != 0:
        pytest.skip("only root, or who has CAP_NET_RAW, may hear packets")
    return how


@pytest.mark.parametrize("how", ["snoop", "wire"])
async def test_who_is_muted_in_a_room_is_not_kept(install: Install, tmp_path: Path, how: str) -> None:
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent")}
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    policy, settings = ALWAYS + profile("support", '"proof"'), {"keys.grace_seconds": "0"}
    site = Site(
        tmp_path / "site", install, policy, settings=settings, sounds=sounds, extra_dialplan=LINES, extra={"confbridge.conf": ROOMS},
        capture=capture_or_skip(how),
    )  # fmt: skip
    async with running(site):
        sip = site.pbx.sip_port
        for line in ("801", "802"):
            async with (
                Phone("customer", ports["customer"], sip, source=Tone(tones.CUSTOMER)) as customer,
                Phone("agent", ports["agent"], sip, source=Tone(tones.AGENT)) as agent,
            ):
                await customer.dial(line)
                await agent.dial(line)
                await agent.talk(2.0)
                if line == "802":
                    assert tones.level(customer.heard()[-8000:], tones.AGENT) > -30
                    channel = next(one for one in site.pbx.cli("core show channels concise").splitlines() if one.startswith("PJSIP/agent-"))
                    site.pbx.cli(f"confbridge mute 82 {channel.partition('!')[0]}")
                    await asyncio.sleep(0.1)
                    agent.say(Tone(PRIVATE))
                    await agent.talk(1.5)
                    assert tones.level(customer.heard()[-4000:], PRIVATE) < -60
                else:
                    assert tones.level(customer.heard()[-8000:], tones.AGENT) < -60
                await customer.hangup()
        waited, muted = await asyncio.to_thread(site.wait_for_calls, 2)
        await asyncio.to_thread(wait_until_quiet, site)
        waiting, recording = (next((r for r in site.recordings() if r.call_id == call.id), None) for call in (waited, muted))
        assert waiting is None or waiting.state is State.ERASED, waiting
        assert waited.outcome == "not-kept" and recording is not None, waited
        heard = site.listen(recording.id)
        left, right = (
            tones.seconds_of(heard[:, leg], {"talk": hz, "private": PRIVATE}) for leg, hz in enumerate((tones.CUSTOMER, tones.AGENT))
        )
        assert "private" not in right and right["talk"] > 1.0 and left["talk"] > 1.0, (left, right)
