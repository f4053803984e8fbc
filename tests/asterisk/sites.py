"""What the tests on a whole site share: short sounds, policies, calls with their true story, and the standing check after each."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.leg import Leg
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import CallRow, RecordingRow

FLAG = """
[purposes.complaint]
title = "handling complaints"
basis = "legitimate-interest"
reasoning = "to settle what was said"
trigger = "flag"
retention = { until = "case-closed", plus_days = 30, latest_days = 700 }
"""
ALWAYS = """
[purposes.proof]
title = "proof of what was agreed"
basis = "contract"
reasoning = "the agreement is made by telephone"
trigger = "always"
retention = { until = "days", latest_days = 90 }
"""
OPT_IN = """
[purposes.quality]
title = "quality"
basis = "consent"
reasoning = "the caller agrees with a key"
trigger = "flag"
agree_key = "1"
retention = { until = "days", latest_days = 30 }
"""


def profile(name: str, purposes: str, refuse_key: str | None = None, announcement: str = "short") -> str:
    refuse = f'refuse_key = "{refuse_key}"\n' if refuse_key else ""
    return f'\n[profiles.{name}]\ntitle = "{name}"\nlanguage = "en"\nannouncement = "{announcement}"\npurposes = [{purposes}]\n{refuse}'


def short_sounds(directory: Path, shipped: Path) -> Path:
    """A sounds directory whose notice `short` is half a second of 600 Hz; the tones are the shipped ones."""
    (directory / "en").mkdir(parents=True)
    for name in ("short", "refused", "agreed"):
        with wave.open(str(directory / f"en/{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tones.tone(tones.ANNOUNCEMENT, 0.5).astype("<i2").tobytes())
    shutil.copytree(shipped / "tones", directory / "tones")
    return directory


@dataclass(slots=True)
class TrueStory:
    """What really happened in one call, by the clocks of the phones: who, and when somebody held (monotonic seconds)."""

    customer: Leg
    agent: Leg
    holds: list[tuple[float, float]] = field(default_factory=list)
    row: CallRow | None = None

    @property
    def both_up(self) -> bool:
        return self.agent.answered_at is not None and self.customer.answered_at is not None


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Site]:
    """Asterisk and daemon up; both down at the end, whatever happened."""
    await asyncio.to_thread(site.__enter__)
    try:
        yield site
    finally:
        await asyncio.to_thread(site.__exit__, None, None, None)


def wait_until_quiet(site: Site, seconds: float = 10.0) -> None:
    """Until no call and no tap is left; then the standing check holds or `quiet` says what does not."""
    deadline = time.monotonic() + seconds
    while (left := what_is_left(site)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, left


def what_is_left(site: Site) -> list[str]:
    """The standing check: no channel, tap, ring memory, unfinished file or unexpected alarm."""
    report = site.status()
    calls, capture, ring = report["calls"], report["capture"], report["ring"]
    assert isinstance(calls, dict) and isinstance(capture, dict) and isinstance(ring, dict)
    left = []
    if calls["now"]:
        left.append(f"{calls['now']} calls")
    if capture["taps"] or capture["peers"]:
        left.append(f"{capture['taps']} taps, {capture['peers']} AudioSocket peers")
    if ring["bytes"]:
        left.append(f"{ring['bytes']} bytes in rings")
    channels = re.search(r"(\d+) active channels?", site.pbx.cli("core show channels count"))
    if channels is None or channels[1] != "0":
        left.append(f"channels: {channels and channels[1]}")
    left += [str(path) for path in (site.state / "recordings").rglob("*") if path.is_file() and not path.name.endswith(".flac.age")]
    return left


@asynccontextmanager
async def two_phones(install: Install, work: Path, policy: str) -> AsyncIterator[tuple[Site, Phone, Phone]]:
    """A site with a customer's phone and one agent's that answers at once, each with a tone of its own."""
    port = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    site = Site(work, install, policy, settings={"keys.grace_seconds": "1"}, contacts={"agent": port}, sounds=sounds)
    async with running(site):
        server = site.pbx.sip_port
        customer = Phone("customer", 0, server, source=Tone(tones.CUSTOMER))
        async with customer, Phone("agent", port, server, source=Tone(tones.AGENT), answer_after=0.0) as agent:
            yield site, customer, agent


async def call_over(site: Site, customer: Phone, calls: int) -> list[RecordingRow]:
    """The customer hangs up. Recordings of that call, which is the last of `calls`."""
    await customer.hangup()
    rows = await asyncio.to_thread(site.wait_for_calls, calls)
    await asyncio.to_thread(wait_until_quiet, site)
    return [r for r in site.recordings() if r.call_id == rows[-1].id]
