"""How long there is to answer a request. Pure; dates are those of the office, where letters are received.

GDPR art. 12(3): one month of receipt, which may be extended by two further months, told with reasons within the first. How months are
counted: Regulation 1182/71 art. 3(2)(c): the same date of the last month, or its last day where it has no such date. Art. 3(4) would move
a last day that is a Saturday, Sunday or holiday to the next working day; this clock does not use that grace, so it is never late.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

SOON = timedelta(days=7)


class Urgency(StrEnum):
    OPEN = "open"
    SOON = "due soon"
    OVERDUE = "overdue"


def months_later(day: date, months: int) -> date:
    """The same date `months` later, or the last day of that month. ValueError beyond the year 9999."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > date.max.year:
        raise ValueError(f"{day} is too late a date to count months from")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def due(received: date) -> date:
    """The last day of the first month."""
    return months_later(received, 1)


def extended(first_due: date) -> date:
    """Two further months, counted from the end of the first: never later than three months from receipt."""
    return months_later(first_due, 2)


def urgency(last_day: date, today: date) -> Urgency:
    """The last day itself is still in time."""
    if today > last_day:
        return Urgency.OVERDUE
    return Urgency.SOON if last_day - today <= SOON else Urgency.OPEN


@dataclass(frozen=True, slots=True)
class Reminders:
    """Counts without personal data, for `status`."""

    open: int
    due_soon: int  # within SOON and not overdue
    overdue: int


def reminders(last_days: list[date], today: date) -> Reminders:
    """Over the last days of all open requests."""
    found = [urgency(day, today) for day in last_days]
    return Reminders(len(found), found.count(Urgency.SOON), found.count(Urgency.OVERDUE))
