from __future__ import annotations

import numpy as np
import pytest

from asterisk_privacy.audio.frames import FRAME_SAMPLES, Leg
from asterisk_privacy.audio.quarantine import AHEAD_SLOTS, BEHIND_SLOTS, Piece, Quarantine


def frame(value: int) -> bytes:
    return np.full(FRAME_SAMPLES, value, dtype=np.int16).tobytes()


def column(blocks: list[Piece], leg: Leg) -> list[int]:
    audio = np.concatenate([piece.block for piece in blocks]) if blocks else np.zeros((0, 2), dtype=np.int16)
    return [int(v) for v in audio[::FRAME_SAMPLES, leg.value]]


def frames(*values: int) -> bytes:
    return b"".join(frame(value) for value in values)


def test_frames_read_at_once_are_spread_back_in_time() -> None:
    """Those complete after a hold that is told later are dropped, the others kept, wherever in what was read the hold begins."""
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.1, frames(1, 2, 3, 4, 5))
    q.push(n, Leg.CUSTOMER, "c", 0.2, frames(6, 7, 8, 9, 10))
    assert column(q.release(0.141), Leg.CUSTOMER) == [1, 2, 3]  # and in two pieces
    q.shut(0.13)
    assert column(q.release(9), Leg.CUSTOMER) == [4, 5, 6]
    assert q.dropped == 4


def test_frames_read_at_once_from_before_the_stretch() -> None:
    q = Quarantine()
    n = q.open(1.0)
    q.push(n, Leg.CUSTOMER, "c", 1.05, frames(1, 2, 3, 4))  # the last two began after 1.0
    q.shut(1.1)
    assert column(q.release(9), Leg.CUSTOMER) == [3, 4, 0, 0, 0]
    assert q.dropped == 2


@pytest.mark.parametrize("seed", range(40))
def test_reading_at_once_is_reading_one_by_one(seed: int) -> None:
    """Whatever the pieces: the same audio, the same counts."""
    rng = np.random.default_rng(seed)
    one, many = Quarantine(), Quarantine()
    at, value, audio = 0.0, 0, {one: list[Piece](), many: list[Piece]()}
    n = one.open(0.03)
    assert many.open(0.03) == n
    for _ in range(30):
        at += float(rng.choice([0.02, 0.1, 0.1, 0.24, 0.06]))
        leg, count = rng.choice(list(Leg)), int(rng.integers(1, 8))
        taps = ["a", "b"] if leg is Leg.AGENT else ["c"]
        tap, values = str(rng.choice(taps)), range(value, value := value + count)
        many.push(n, leg, tap, at, frames(*values))
        for i, v in enumerate(values):
            one.push(n, leg, tap, at - 0.02 * (count - 1 - i), frame(v))
        if rng.random() < 0.3:
            for q in audio:
                audio[q] += q.release(at - 0.3)
    ended = at - float(rng.random()) * 0.5
    for q in audio:
        q.shut(ended)
        audio[q] += q.release(at + 1)
    for leg in Leg:
        assert column(audio[one], leg) == column(audio[many], leg)
    assert (one.dropped, one.corrected > 0) == (many.dropped, many.corrected > 0)


def test_a_line_that_fell_behind_jumps_ahead_and_leaves_silence() -> None:
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.02, frame(1))
    q.push(n, Leg.CUSTOMER, "c", 0.02 * (BEHIND_SLOTS + 3), frame(2))
    q.shut(0.2)
    assert column(q.release(9), Leg.CUSTOMER) == [1, 0, 0, 0, 0, 2, 0, 0, 0, 0]
    assert q.corrected == 1


def test_it_is_told_which_of_the_agents_frames_came() -> None:
    """Zeros stand for one that did not: where a line jumps, and where its source says so."""
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.2, frames(*range(1, 11)))
    q.push(n, Leg.AGENT, "a", 0.02, frame(0))
    q.push(n, Leg.AGENT, "a", 0.02 * 8, frames(5, 0, 6), came=np.array([True, False, True]))
    q.push(n, Leg.AGENT, "b", 0.02 * 8, frames(0))
    q.shut(0.2)
    (piece,) = q.release(9)
    assert piece.came.tolist() == [True, False, False, False, False, True, False, True, False, False]


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
