from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asterisk_privacy.rights.deadline import Reminders, Urgency, due, extended, months_later, reminders, urgency


@pytest.mark.parametrize(
    ("received", "last_day"),
    [
        ("2026-03-05", "2026-04-05"),
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),  # leap year
        ("2028-01-29", "2028-02-29"),
        ("2027-01-29", "2027-02-28"),
        ("2028-02-29", "2028-03-29"),  # not the end of March: the same date
        ("2026-08-31", "2026-09-30"),
        ("2026-12-31", "2027-01-31"),
        ("2099-01-31", "2099-02-28"),
        ("2100-01-29", "2100-02-28"),  # no leap year
    ],
)
def test_one_month_of_receipt(received: str, last_day: str) -> None:
    assert due(date.fromisoformat(received)) == date.fromisoformat(last_day)


@pytest.mark.parametrize(
    ("received", "last_day"),
    [("2026-03-05", "2026-06-05"), ("2026-11-30", "2027-02-28"), ("2026-01-31", "2026-04-28"), ("2027-11-30", "2028-02-29")],
)
def test_two_further_months(received: str, last_day: str) -> None:
    assert extended(due(date.fromisoformat(received))) == date.fromisoformat(last_day)


@settings(max_examples=300, deadline=None)
@given(st.dates(date(1990, 1, 1), date(9990, 1, 1)), st.integers(0, 40))
@example(date(2028, 2, 29), 12)
@example(date(2028, 2, 29), 48)
@example(date(2026, 12, 31), 2)
def test_the_month_rule(day: date, months: int) -> None:
    """Against the rule as the regulation words it, not as it is computed."""
    last = months_later(day, months)
    assert (last.year * 12 + last.month) - (day.year * 12 + day.month) == months
    same_date = last.day == day.day
    last_of_its_month = (last + timedelta(days=1)).month != last.month
    assert same_date or (last.day < day.day and last_of_its_month)


@settings(max_examples=200, deadline=None)
@given(st.dates(date(1990, 1, 1), date(9990, 1, 1)))
def test_never_too_long_and_in_order(received: date) -> None:
    assert timedelta(days=28) <= due(received) - received <= timedelta(days=31)
    assert due(received) < extended(due(received)) <= months_later(received, 3)
    assert due(received) <= due(received + timedelta(days=1))


def test_beyond_the_calendar() -> None:
    with pytest.raises(ValueError, match="too late a date"):
        due(date.max)


def test_the_last_day_is_in_time() -> None:
    last = date(2026, 4, 5)
    assert urgency(last, last) is Urgency.SOON
    assert urgency(last, last + timedelta(days=1)) is Urgency.OVERDUE
    assert urgency(last, last - timedelta(days=7)) is Urgency.SOON
    assert urgency(last, last - timedelta(days=8)) is Urgency.OPEN
    assert reminders([last, last + timedelta(days=7), last + timedelta(days=90)], last + timedelta(days=1)) == Reminders(3, 1, 1)
