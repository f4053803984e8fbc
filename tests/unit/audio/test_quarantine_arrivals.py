"""A source that knows when each frame came (`here_by`) beside where it belongs: the phone's clock tells its place, and the arrival counts
against a hold."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Leg
from asterisk_privacy.audio.quarantine import Piece, Quarantine, Times


def frames(*values: int) -> bytes:
    return b"".join(np.full(FRAME_SAMPLES, value, dtype=np.int16).tobytes() for value in values)


def column(blocks: list[Piece]) -> list[int]:
    audio = np.concatenate([piece.block for piece in blocks]) if blocks else np.zeros((0, 2), dtype=np.int16)
    return [int(v) for v in audio[::FRAME_SAMPLES, Leg.CUSTOMER.value]]


def times(*values: float) -> Times:
    return np.array(values)


def test_what_came_after_the_end_is_dropped_though_its_place_precedes_it() -> None:
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.1, frames(1, 2, 3, 4, 5), times(0.03, 0.06, 0.3, 0.3, 0.3))
    q.shut(0.2)
    assert column(q.release(9)) == [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]
    assert q.dropped == 3


def test_what_came_just_at_the_end_came_by_then() -> None:
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.04, frames(1, 2), times(0.1 + 0.2, 0.3 + 2e-7))
    q.shut(0.3)
    assert column(q.release(9))[:2] == [1, 0]


def test_what_began_before_the_stretch_is_none_of_it_however_late_it_came() -> None:
    q = Quarantine()
    n = q.open(1.0)
    q.push(n, Leg.CUSTOMER, "c", 1.05, frames(1, 2, 3, 4), times(1.2, 1.21, 1.22, 1.23))  # the last two began after 1.0
    q.shut(1.225)
    assert column(q.release(9))[:3] == [3, 0, 0], "each keeps its own arrival when others are cut off before it"
    assert q.dropped == 3


def test_a_frame_waits_until_it_is_proven_when_it_came() -> None:
    """Its slot would be certain long before: an end between its place and its arrival may still be told."""
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.06, frames(1, 2, 3), times(0.02, 0.5, 0.5))
    assert column(q.release(0.45)) == [1]
    q.shut(0.46)
    assert column(q.release(9))[:2] == [0, 0]


def test_it_holds_up_the_other_side_no_longer_than_that() -> None:
    q = Quarantine()
    n = q.open(0.0)
    q.push(n, Leg.CUSTOMER, "c", 0.06, frames(1, 2, 3), times(0.02, 0.5, 0.5))
    q.push(n, Leg.AGENT, "a", 0.2, frames(*range(10)))
    assert sum(len(piece.block) for piece in q.release(0.49)) == FRAME_SAMPLES
    assert column(q.release(0.5))[:2] == [2, 3]


@given(
    delays=st.lists(st.sampled_from([0.0, 0.004, 0.03, 0.1, 0.4, 0.9]), min_size=1, max_size=60),
    readings=st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0.0, 0.4)), min_size=1, max_size=12),
    end=st.floats(0.0, 2.0),
)
def test_whatever_leaves_had_come_before_an_end_that_is_told_later(
    delays: list[float], readings: list[tuple[float, float]], end: float
) -> None:
    """Frame n, of value n + 1, is complete at 20 ms * (n + 1) by the phone's clock and comes `delays[n]` after that, in order; each reading
    is followed by a release for which it is known what happened until a little ago."""
    arrivals = np.maximum.accumulate([FRAME_SECONDS * (n + 1) + delay for n, delay in enumerate(delays)])
    q = Quarantine()
    stretch = q.open(0.0)
    now, read, proven, left = 0.0, 0, 0.0, list[Piece]()
    for later, unknown in (*readings, (5.0, 5.0)):
        now += later
        ready = int(np.searchsorted(arrivals, now, side="right"))
        if ready > read:
            values = frames(*range(read + 1, ready + 1))
            q.push(stretch, Leg.CUSTOMER, "c", FRAME_SECONDS * ready, values, arrivals[read:ready])
            read = ready
        proven = max(proven, now - unknown)
        left += q.release(proven)
    ended = proven + end
    q.shut(ended)
    left += q.release(now + 9)
    told = {value - 1 for value in column(left) if value}
    assert all(arrivals[n] <= ended + 1e-6 for n in told)
