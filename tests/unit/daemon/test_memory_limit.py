"""The memory for unsaved calls is used up: what was said longest ago goes, the timeline says so, an alarm counts it, and calls go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from stage import Stage
from whole_daemon import installed, whole_daemon

from asterisk_privacy.audio.frames import FRAME_SAMPLES
from asterisk_privacy.audio.ring import SEGMENT_BYTES, Ring, RingMemory
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.rows import State

SAVED = Purpose("complaint", "c", Basis.CONTRACT, "r", Trigger.FLAG, Days(30))


async def test_a_call_that_lost_its_beginning_says_so_on_its_timeline(tmp_path: Path) -> None:
    """Two seconds of talk and a hold; meanwhile another call needs the room; half a second more, then the agent saves it."""
    stage = Stage(tmp_path)
    stage.memory = RingMemory(SEGMENT_BYTES)
    runner = await stage.call((SAVED,), {}, stop_at=100)
    began = runner.began_at
    runner.receive(ev.Surroundings(began + 2.2, frozenset(), SpanKind.HOLD))
    stage.now = began + 4
    runner.media.release(stage.now)
    first = runner.media._ring._segments[0]
    other = Ring(60, stage.memory)
    other.append(np.full((FRAME_SAMPLES, 2), 5, dtype=np.int16))
    assert not first.any() and stage.memory.used == SEGMENT_BYTES
    other.wipe()
    runner.receive(ev.Surroundings(began + 5, frozenset({"anna"})))
    runner.receive(ev.Tick(began + 5))
    for n in range(100, 125):
        for tap in tuple(stage.taps):
            tap.sink(began + 5 + 0.02 * (n - 99), np.full(FRAME_SAMPLES, 100 + 100 * n, dtype="<i2").tobytes())
    runner.receive(ev.HungUp(began + 5.5))
    stage.now = began + 60
    runner.media.release(stage.now)
    runner.receive(ev.KeyPressed(began + 5.6, ev.AgentKey.KEEP, "anna"))
    runner.receive(ev.Tick(began + 12))
    await runner.finished()
    await stage.ledger.drained()
    row = stage.rows(runner)[1]
    assert row.state is State.SEALED
    assert np.abs(np.array(stage.heard(row)) - np.arange(100, 125)).max() <= 3  # through µ-law
    spans = [(s.kind, s.start_ms, s.end_ms) for s in row.spans if s.kind in (SpanKind.LOST, SpanKind.TALK)]
    assert spans == [(SpanKind.LOST, 200, 2200), (SpanKind.TALK, 5000, 5500)]
    assert stage.health.alarms[Alarm.RING_FULL] == 1
    assert stage.memory.used == 0


async def test_a_call_that_was_saved_a_moment_ago_and_a_marked_part_give_nothing_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.memory = RingMemory(2 * SEGMENT_BYTES)
    runner = await stage.call((SAVED,), {}, stop_at=100)
    runner.media.marked.ring.append(np.full((FRAME_SAMPLES, 2), 5, dtype=np.int16))
    saved = runner.media.to_file(object())  # type: ignore[arg-type]  # a disk that has not begun to write
    other = Ring(60, stage.memory)
    other.append(np.full((FRAME_SAMPLES, 2), 5, dtype=np.int16))
    assert (other.seconds, other.lost_seconds) == (0, 0.02)
    assert saved.seconds > 1.5 and saved.lost_seconds == runner.media.marked.ring.lost_seconds == 0


async def test_the_daemon_holds_its_calls_to_the_limit_and_raises_the_alarm(tmp_path: Path) -> None:
    config = installed(tmp_path)
    config.write_text(config.read_text().replace("[capture]\n", "[ring]\nmax_minutes = 10\nmax_total_mib = 16\n[capture]\n"))
    async with whole_daemon(config) as running:
        new_ring = running.service.supervisor._tools.new_ring
        rings = [new_ring() for _ in range(100)]  # three times as many as have room, half a minute each
        block = np.full((30 * 8000, 2), 7, dtype=np.int16)
        for ring in rings:
            ring.append(block)
        held = (16 << 20) // SEGMENT_BYTES
        assert running.memory.used == held * SEGMENT_BYTES
        assert [ring.seconds for ring in rings] == [0.0] * (100 - held) + [30.0] * held
        assert running.service.health.alarms == {Alarm.RING_FULL: 100 - held}
        for ring in rings:
            ring.wipe()
        assert running.memory.used == 0
