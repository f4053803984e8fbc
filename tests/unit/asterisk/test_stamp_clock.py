"""When something was true, told by a clock that may jump: never later than now, never earlier than the quarantine can still undo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.asterisk.clock import stamp_seconds, true_at

NOW, WALL, LONGEST = 5000.0, 1_700_000_000.0, 1.0


def test_a_late_event_is_dated_back() -> None:
    assert true_at(NOW, WALL, WALL - 0.25, LONGEST) == pytest.approx(NOW - 0.25)


def test_a_stamp_from_the_future_counts_as_now() -> None:
    """Asterisk's clock ahead of ours, or ours stepped back by an hour."""
    assert true_at(NOW, WALL, WALL + 0.004, LONGEST) == NOW
    assert true_at(NOW, WALL - 3600, WALL, LONGEST) == NOW


def test_an_old_stamp_costs_the_whole_quarantine_and_no_more() -> None:
    """Late beyond the quarantine, or our clock stepped forward by an hour."""
    assert true_at(NOW, WALL, WALL - 1.5, LONGEST) == NOW - LONGEST
    assert true_at(NOW, WALL + 3600, WALL, LONGEST) == NOW - LONGEST


def test_no_stamp_is_as_old_as_can_be() -> None:
    assert true_at(NOW, WALL, None, LONGEST) == NOW - LONGEST


def test_a_clock_that_lags_dates_back_a_little_too_far() -> None:
    """Skew costs audio, never privacy: a hold seems to have come earlier."""
    assert true_at(NOW, WALL + 0.3, WALL, LONGEST) == pytest.approx(NOW - 0.3)


@given(st.floats(-1e15, 1e15), st.none() | st.floats(-1e15, 1e15))
def test_always_within_the_quarantine(wall: float, stamped: float | None) -> None:
    assert NOW - LONGEST <= true_at(NOW, wall, stamped, LONGEST) <= NOW


def test_stamps_of_asterisk() -> None:
    assert stamp_seconds("2026-11-22T06:17:23.123+0000") == pytest.approx(1795328243.123)
    assert stamp_seconds("2026-11-22T08:17:23.123+0200") == pytest.approx(1795328243.123)


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00", "0001-01-01T00:00:00", "\x00", "9" * 400])
def test_what_is_no_stamp(text: str) -> None:
    assert stamp_seconds(text) is None or text.startswith("0001")
