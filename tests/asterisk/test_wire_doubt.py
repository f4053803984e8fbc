"""Real calls through the wire that do not go on as they began, or not as usual.

SRTP in mid-call, long packets, another of Asterisk's addresses.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from measuring import Stretch, lost
from sites import ALWAYS, TrueStory, call_over, profile, running, short_sounds

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Code
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.timecode import TimeCode
from asterisk_privacy.lab.tones import FRAME
from asterisk_privacy.lab.unpack import Install

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root, or who has CAP_NET_RAW, may hear packets"),
]
CODES = TimeCode(0), TimeCode(1)
LOUDEST = 8000.0
"""RMS of a frame of time code: 5,700. Of ciphertext that is taken for G.711: 11,000."""
SRTP = """
[customer](+)
media_encryption = sdes
media_encryption_optimistic = yes
"""
SECOND_ADDRESS = """
[customer](+)
bind_rtp_to_media_address = no
media_address = 127.0.0.2
"""


@asynccontextmanager
async def talking(
    install: Install, work: Path, extra_pjsip: str = "", packet_frames: int = 1
) -> AsyncIterator[tuple[Site, Phone, TrueStory]]:
    """A call in conversation; both say where they are in time."""
    port = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    policy = ALWAYS + profile("sales", '"proof"')
    site = Site(
        work,
        install,
        policy,
        contacts={"agent": port},
        sounds=sounds,
        extra_pjsip=extra_pjsip,
        extra={"modules.conf": "load = res_srtp.so\n"},
        capture="wire",
    )
    async with running(site):
        server = site.pbx.sip_port
        agent = Phone("agent", port, server, source=Code(CODES[1]), answer_after=0.0)
        async with Phone("customer", 0, server, source=Code(CODES[0]), packet_frames=packet_frames) as customer, agent:
            mine = await customer.dial("110")
            while not agent.legs:
                await asyncio.sleep(0.01)
            story = TrueStory(mine, agent.legs[0])
            while not story.both_up:
                await asyncio.sleep(0.01)
            await asyncio.sleep(1.0)
            yield site, customer, story


async def kept(site: Site, customer: Phone) -> tuple[Block, dict[str, int]]:
    [recording] = await call_over(site, customer, 1)
    report = site.status()
    assert report["alarms"] == {}
    assert isinstance(report["capture"], dict)
    return site.listen(recording.id), report["capture"]


def worst_hole(story: TrueStory, audio: Block, began: float, ended: float) -> tuple[float, float]:
    """Of the customer's side and of the agent's: the longest that is missing, less the time for which a phone stood still."""
    found = []
    for leg, code, column in ((story.customer, CODES[0], 0), (story.agent, CODES[1], 1)):
        missing = lost(leg.media.sent, code.heard(audio[:, column]), Stretch(began, began, ended, ended))
        found.append(max(missing.begin, missing.end, missing.hole) - leg.media.late(began, ended))
    return found[0], found[1]


async def test_srtp_that_begins_in_mid_call_is_no_noise_and_is_heard_through_a_snoop(install: Install, tmp_path: Path) -> None:
    async with talking(install, tmp_path, SRTP) as (site, customer, story):
        began = time.monotonic()
        await customer.talk(1.0)
        await story.customer.encipher()
        await customer.talk(4.0)
        ended = time.monotonic()
        await customer.talk(0.6)
        audio, capture = await kept(site, customer)
        assert story.customer.media.srtp is not None
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME, 2).astype(np.float64)
    assert np.sqrt(np.square(frames).mean(axis=1)).max() < LOUDEST
    assert (capture["wire_unfit"], capture["wire_unfit_enciphered"]) == (1, 1), capture
    left, right = worst_hole(story, audio, began, ended)
    assert left < 0.6
    assert right < 0.15


@pytest.mark.parametrize("packet_frames", [3, 5])
async def test_long_packets_are_heard_from_the_first_on(packet_frames: int, install: Install, tmp_path: Path) -> None:
    """60 and 100 ms; they lost their first second, until a snoop was put."""
    async with talking(install, tmp_path, packet_frames=packet_frames) as (site, customer, story):
        began = max(story.customer.answered_at, story.agent.answered_at) + 0.8  # the notice, and what it takes to begin
        ended = time.monotonic() + 2.0
        await customer.talk(2.5)
        audio, capture = await kept(site, customer)
    assert (capture["wire_heard"], capture["wire_unfit"]) == (2, 0), capture
    assert max(worst_hole(story, audio, began, ended)) < 0.15 + 0.02 * packet_frames


async def test_a_phone_that_sends_to_another_of_asterisks_addresses(install: Install, tmp_path: Path) -> None:
    async with talking(install, tmp_path, SECOND_ADDRESS) as (site, customer, story):
        assert story.customer.remote_sdp is not None and story.customer.remote_sdp.address == "127.0.0.2"
        began = max(story.customer.answered_at, story.agent.answered_at) + 0.8
        ended = time.monotonic() + 2.0
        await customer.talk(2.5)
        audio, capture = await kept(site, customer)
    assert (capture["wire_heard"], capture["wire_unfit"]) == (2, 0), capture
    assert max(worst_hole(story, audio, began, ended)) < 0.15
