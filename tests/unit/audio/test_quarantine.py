from __future__ import annotations

import numpy as np
import pytest

from asterisk_privacy.audio.frames import FRAME_SAMPLES, Leg, frame_times
from asterisk_privacy.audio.quarantine import AHEAD_SLOTS, BEHIND_SLOTS, Block, Quarantine


def frame(value: int) -> bytes:
    return np.full(FRAME_SAMPLES, value, dtype=np.int16).tobytes()


def column(blocks: list[tuple[float, Block]], leg: Leg) -> list[int]:
    audio = np.concatenate([block for _, block in blocks]) if blocks else np.zeros((0, 2), dtype=np.int16)
    return [int(v) for v in audio[::FRAME_SAMPLES, leg.value]]


def test_frames_read_at_once_are_spread_back_in_time() -> None:
    assert frame_times(10.0, 3) == pytest.approx([9.96, 9.98, 10.0])
    assert frame_times(10.0, 0) == []


def test_a_line_that_fell_behind_jumps_ahead_and_leaves_silence() -> None:
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.02, frame(1))
    q.push(n, Leg.CUSTOMER, "c", 0.02 * (BEHIND_SLOTS + 3), frame(2))
    q.shut(0.2)
    assert column(q.release(9), Leg.CUSTOMER) == [1, 0, 0, 0, 0, 2, 0, 0, 0, 0]
    assert q.corrected == 1


def test_a_line_that_runs_ahead_loses_a_frame() -> None:
    q = Quarantine()
    n = q.open(0.0)
    for value in range(1, 6):
        q.push(n, Leg.CUSTOMER, "c", 0.021, frame(value))
    assert (q.waiting_frames, q.corrected, q.dropped) == (AHEAD_SLOTS + 1, 2, 2)


def test_agents_are_added_and_clipped() -> None:
    q = Quarantine()
    n = q.open(0.0)
    for tap in "abc":
        q.push(n, Leg.AGENT, tap, 0.02, frame(20000))
    q.shut(0.02)
    assert column(q.release(9), Leg.AGENT) == [32767]


def test_a_tap_without_frames_is_silence_of_full_length() -> None:
    q = Quarantine()
    q.open(0.0)
    q.shut(0.1)
    assert column(q.release(9), Leg.CUSTOMER) == [0] * 5
    assert not q.busy


def test_what_began_before_the_stretch_is_none_of_it() -> None:
    q = Quarantine()
    n = q.open(1.0)
    q.push(n, Leg.CUSTOMER, "c", 1.019, frame(1))
    assert (q.waiting_frames, q.dropped) == (0, 1)


def test_a_late_end_reaches_back_over_stretches() -> None:
    q = Quarantine()
    n = q.open(0.0)
    for i in range(1, 6):
        q.push(n, Leg.CUSTOMER, "c", 0.02 * i, frame(i))
    q.shut(0.1)
    n = q.open(0.2)
    q.push(n, Leg.CUSTOMER, "c", 0.22, frame(9))
    q.shut(0.05)
    assert column(q.release(9), Leg.CUSTOMER) == [1, 2]
    q.push(n, Leg.CUSTOMER, "c", 0.24, frame(9))
    assert q.release(9) == []


def test_nothing_leaves_before_it_is_proven() -> None:
    """A frame in a slot may be complete BEHIND_SLOTS and a part later than the slot says."""
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.02, frame(1))
    q.push(n, Leg.CUSTOMER, "c", 0.0399 + 0.02 * BEHIND_SLOTS + 0.02, frame(2))  # still slot 1
    for proven in (0.05, 0.08, 0.1, 0.1198):
        assert 2 not in column(q.release(proven), Leg.CUSTOMER)
    q.shut(0.1198)
    assert 2 not in column(q.release(0.2), Leg.CUSTOMER)


def test_frames_of_another_stretch_or_size_are_dropped() -> None:
    q = Quarantine()
    q.push(1, Leg.CUSTOMER, "c", 0.02, frame(1))
    old = q.open(0.0)
    new = q.open(1.0)
    q.push(old, Leg.CUSTOMER, "c", 1.04, frame(1))
    q.push(new, Leg.CUSTOMER, "c", 1.04, b"\0" * 10)
    assert (q.waiting_frames, q.dropped) == (0, 3)
