"""When a purpose is done with a recording: criteria that end it by event, each with a latest date.

GDPR art. 5(1)(e) (storage limitation) and art. 13(2)(a): a period, *or the criteria that determine it*.
A criterion only looks at `Facts`; to add one, subclass `Criterion`, name it in `CRITERIA`, write one test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Milestone(StrEnum):
    """What can happen to a recording after it was sealed, as far as retention cares."""

    REVIEWED = "reviewed"
    CASE_OPENED = "case-opened"
    CASE_CLOSED = "case-closed"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a criterion may look at. Times are timezone-aware UTC."""

    recorded_at: datetime
    milestones: Mapping[Milestone, datetime]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one purpose still keeps a recording at a moment, until when at the latest, and why, in words."""

    ended: bool
    ends_at: datetime  # when it ended, or the latest date as things stand now
    reason: str


@dataclass(frozen=True, slots=True)
class Criterion:
    """Ends a purpose by itself or by an event; `latest_days` after the call it ends whatever happened."""

    latest_days: int

    def event_end(self, facts: Facts) -> tuple[datetime, str] | None:
        """When the event in question ended the purpose, and the words for it; None while it has not happened."""
        raise NotImplementedError

    def waiting_for(self) -> str:
        """What this criterion still waits for, in words that fit after 'kept until'."""
        raise NotImplementedError

    def verdict(self, facts: Facts, now: datetime) -> Verdict:
        latest = facts.recorded_at + timedelta(days=self.latest_days)
        ended = self.event_end(facts)
        if ended is not None and ended[0] <= latest:
            at, why = ended
            return Verdict(at <= now, at, why if at <= now else f"{why}, which ends it on {at:%Y-%m-%d}")
        if latest <= now:
            return Verdict(True, latest, f"latest date reached ({self.latest_days} days after the call)")
        return Verdict(False, latest, f"kept until {self.waiting_for()}, at the latest {latest:%Y-%m-%d}")


@dataclass(frozen=True, slots=True)
class Days(Criterion):
    """A fixed period: `latest_days` after the call."""

    def event_end(self, facts: Facts) -> tuple[datetime, str] | None:
        return None

    def waiting_for(self) -> str:
        return f"{self.latest_days} days have passed"


@dataclass(frozen=True, slots=True)
class UntilReviewed(Criterion):
    """Until the reviewer wrote an outcome, plus `plus_days`."""

    plus_days: int = 0

    def event_end(self, facts: Facts) -> tuple[datetime, str] | None:
        reviewed = facts.milestones.get(Milestone.REVIEWED)
        if reviewed is None:
            return None
        return reviewed + timedelta(days=self.plus_days), f"reviewed on {reviewed:%Y-%m-%d}"

    def waiting_for(self) -> str:
        return "it has been reviewed"


@dataclass(frozen=True, slots=True)
class UntilCaseClosed(Criterion):
    """Until the case that the recording belongs to is closed, plus `plus_days`; a recording that nobody linked to a case within
    `link_within_days` has no case to wait for and ends then."""

    plus_days: int = 0
    link_within_days: int = 30

    def event_end(self, facts: Facts) -> tuple[datetime, str] | None:
        opened = facts.milestones.get(Milestone.CASE_OPENED)
        closed = facts.milestones.get(Milestone.CASE_CLOSED)
        if closed is not None and (opened is None or closed >= opened):
            return closed + timedelta(days=self.plus_days), f"case closed on {closed:%Y-%m-%d}"
        if opened is None:
            return (
                facts.recorded_at + timedelta(days=self.link_within_days),
                f"no case was opened within {self.link_within_days} days",
            )
        return None

    def waiting_for(self) -> str:
        return "the case is closed"


CRITERIA: Mapping[str, type[Criterion]] = {
    "days": Days,
    "reviewed": UntilReviewed,
    "case-closed": UntilCaseClosed,
}
