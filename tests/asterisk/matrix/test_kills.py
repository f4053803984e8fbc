"""The daemon is killed at random moments while calls hold, park and move: calls go on, nothing private is kept, nothing lies in clear."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
import schedules
from fault_table import Fault
from plaintext import readings
from plan import LANES, phone_ports, the_site
from play import House, Played
from sites import running, short_sounds, wait_until_quiet
from stage import CODES

from asterisk_privacy.lab.pbx import DIALPLAN
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(900)]

KILLS = 100 if os.environ.get("ASTERISK_PRIVACY_LONG") else 6
SLOWER = 8.0
"""Conversations of seconds, so that something was written before the kill, and something goes on after it."""
SILENT_SECONDS = 0.25
"""Nobody may hear nothing for longer than this around a kill (a packet comes each 20 ms; the machine is busy starting a daemon)."""


@dataclass(slots=True)
class Story:
    kills: list[float] = field(default_factory=list)
    """Monotonic."""
    ready_after: list[float] = field(default_factory=list)
    """Seconds from the kill until the next daemon was connected."""
    played: list[Played] = field(default_factory=list)


async def _kill(site: Site, story: Story) -> None:
    rng = random.Random(7)
    until = time.monotonic() + 20.0
    while site.log.count(" begun on profile ") < LANES // 2 and time.monotonic() < until:  # else there is nothing to kill
        await asyncio.sleep(0.05)
    for _ in range(KILLS):
        await asyncio.sleep(rng.choice((rng.uniform(0.0, 0.5), rng.uniform(2.0, 8.0))))
        story.kills.append(time.monotonic())
        await asyncio.to_thread(site.stop_daemon, signal.SIGKILL)
        await asyncio.sleep(rng.choice((0.0, 0.0, rng.uniform(0.0, 1.0))))
        await asyncio.to_thread(site.start_daemon)
        story.ready_after.append(time.monotonic() - story.kills[-1])


async def _calls(house: House, story: Story) -> None:
    killing = asyncio.create_task(_kill(house.site, story))
    rows = iter(schedules.rows(10 * KILLS, SLOWER))
    while not killing.done():
        story.played += await house.play_all([next(rows) for _ in range(LANES)])
    await killing


def _in_clear(directory: Path) -> list[str]:
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            for how, samples in readings(path.read_bytes()):
                found += [f"{name} in {path.name} as {how}" for name, code in CODES.items() if len(code.heard(samples)) > 2]
    return found


def _unheard(story: Story) -> float:
    """The longest time around a kill for which a phone in a conversation got no packet, beyond that for which the phones stood still."""
    longest = 0.0
    for played in story.played:
        for talk in played.scene.talks:
            stood = max(leg.media.late(talk.begins, talk.ended) for leg in talk.legs)
            for leg in talk.legs:
                at = [p.at for p in leg.media.packets(talk.begun, min(talk.ends, leg.ended_at or talk.ends))]
                gaps = [b - a - stood for a, b in pairwise(at) if any(a - 0.5 < kill < b + 0.5 for kill in story.kills)]
                longest = max([longest, *gaps])
    return longest


def _find_calls(house: House, story: Story) -> None:
    """Of each script its call, by line and time: while it was played, there may have been no daemon to tell."""
    clock = time.time() - time.monotonic()
    calls = house.site.calls()
    for played in story.played:
        dialled = clock + played.scene.cora.legs[0].media.sent[0].at
        line = f"{played.row.kind}{played.scene.lane}"
        near = [c.id for c in calls if c.profile == line and abs(c.begun_at.timestamp() - dialled) < 1.5]
        played.call, played.left = (near[0] if near else None), ""


@pytest.mark.parametrize("capture", ["snoop", "wire"])
async def test_killed_at_random_moments(
    capture: str, install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: pytest.RecordProperty
) -> None:
    ports, story = phone_ports(), Story()
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    async with running(the_site(tmp_path, install, ports, sounds, capture)) as site:
        house = House(site, ports, over_seconds=1.0)
        await _calls(house, story)
        assert [fault for played in story.played for fault in played.scene.faults] == []
        await asyncio.to_thread(wait_until_quiet, site, 20.0)
        _find_calls(house, story)
        results = [await asyncio.to_thread(house.judged, played) for played in story.played]
        recordings = site.recordings()
        in_clear = await asyncio.to_thread(_in_clear, tmp_path / "state")
        unheard = _unheard(story)
        taken_up = site.log.count("taken up again")
        sealed = sum(r.state is State.SEALED for r in recordings)
        with capsys.disabled():
            print(
                f"\nkilled {len(story.kills)} times during {len(story.played)} calls: {sealed} recordings sealed, "
                f"calls taken up again {taken_up} times; {sum(r.kept_seconds for r in results):.0f} s kept, "
                f"{sum(len(r.private) for r in results)} private frames, {len(in_clear)} files in clear; a phone heard nothing for "
                f"{1000 * unheard:.0f} ms at most; ready again after {max(story.ready_after):.1f} s at most"
            )
    row = Fault("daemon killed (SIGKILL) at random moments over calls that hold, park and move", len(story.kills), len(story.played))
    row.alive = sum(played.scene.faults == [] for played in story.played)
    row.plaintext, row.private = len(in_clear), sum(len(r.private) for r in results)
    row.lost = sum(r.state not in (State.SEALED, State.ERASED) for r in recordings)
    row.recovered = max(story.ready_after)
    record_property("fault", asdict(row))
    private = [r.private for r in results if r.private]
    assert private == [], f"private: {private}"
    assert in_clear == [], f"private: {in_clear}"
    assert [r.state for r in recordings if r.state not in (State.SEALED, State.ERASED)] == []
    assert unheard < SILENT_SECONDS
    assert taken_up >= len(story.kills)
    assert sum(r.kept_seconds for r in results) > 10.0
