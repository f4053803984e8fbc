"""Frames that come some time after they were said, and the last of them after their tap was stopped."""

from __future__ import annotations

import numpy as np

from asterisk_privacy.audio.frames import FRAME_SAMPLES, Leg
from asterisk_privacy.audio.quarantine import Block, Quarantine

LATE = 2.0


def frames(*values: int) -> bytes:
    return b"".join(np.full(FRAME_SAMPLES, value, dtype=np.int16).tobytes() for value in values)


def heard(blocks: list[tuple[float, Block]]) -> list[int]:
    return [int(v) for _, block in blocks for v in block[::FRAME_SAMPLES, Leg.CUSTOMER.value]]


def test_a_slot_does_not_leave_before_its_frame_may_have_come() -> None:
    q = Quarantine()
    n = q.open(0.0, LATE)
    early = q.release(2.0)
    q.push(n, Leg.CUSTOMER, "a", 2.0, frames(*range(1, 101)))
    assert [v for v in heard([*early, *q.release(4.1)]) if v] == list(range(1, 101))


def test_the_end_waits_for_the_tail_and_no_longer_than_it_may_take() -> None:
    for told in (True, False):
        q = Quarantine()
        n = q.open(0.0, LATE)
        q.shut(0.06)
        q.await_tail(n, "a")
        assert q.release(1.0) == [] and q.busy
        q.push(n, Leg.CUSTOMER, "a", 0.08, frames(1, 2, 3, 4))  # the last was said after the end
        if told:
            q.tail_came(n, "a")
        assert heard(q.release(1.0 if told else 0.07 + LATE)) == [1, 2, 3]
        assert not q.busy


def test_a_tail_finds_its_stretch_though_another_has_begun() -> None:
    q = Quarantine()
    old = q.open(0.0, LATE)
    q.await_tail(old, "a")
    new = q.open(1.0, LATE)
    q.push(old, Leg.CUSTOMER, "a", 0.04, frames(1, 2))
    q.push(old, Leg.CUSTOMER, "b", 0.04, frames(9, 9))  # nobody waits for that one
    q.tail_came(old, "a")
    q.push(new, Leg.CUSTOMER, "b", 1.02, frames(3))
    q.shut(1.02)
    assert [v for v in heard(q.release(9)) if v] == [1, 2, 3]


def test_wiped_is_wiped_though_its_tail_comes_later() -> None:
    q = Quarantine()
    n = q.open(0.0, LATE)
    q.shut(0.1)
    q.await_tail(n, "a")
    q.wipe()
    q.push(n, Leg.CUSTOMER, "a", 0.04, frames(1, 2))
    assert q.release(9) == [] and q.dropped == 2


def test_what_a_tap_heard_after_its_cut_is_none_of_it_and_the_next_tap_goes_on() -> None:
    q = Quarantine()
    n = q.open(0.0, LATE)
    q.cut(n, Leg.CUSTOMER, "a", 0.05)
    q.push(n, Leg.CUSTOMER, "a", 0.08, frames(1, 2, 3, 4))
    q.push(n, Leg.CUSTOMER, "b", 0.14, frames(5, 6))
    q.shut(0.14)
    assert heard(q.release(9)) == [1, 2, 0, 0, 0, 5, 6]
