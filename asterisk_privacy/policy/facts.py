"""What happened to a recording, as far as retention cares. All times are aware; kept in UTC, where a day is 24 hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Milestone(StrEnum):
    """What can happen to a recording, or to a case that it belongs to, after it was sealed."""

    REVIEWED = "reviewed"
    DATE_GIVEN = "date-given"  # a person gave the recording a date of its own; its time is that date, which may be to come
    CASE_OPENED = "case-opened"
    CASE_CLOSED = "case-closed"
    DISCUSSED = "discussed"  # with the customer
    JUDGMENT = "judgment"
    APPEAL = "appeal"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class CourtCase:
    """One case in court: what happened (JUDGMENT, APPEAL, FINAL), in any order; a judgment against which nobody appeals becomes final."""

    events: tuple[tuple[Milestone, datetime], ...] = ()

    def __post_init__(self) -> None:
        """In order of time; at one moment a judgment comes before the appeal against it, and final comes last."""
        rank = (Milestone.JUDGMENT, Milestone.APPEAL, Milestone.FINAL)
        timed = ((kind, to_utc(at)) for kind, at in self.events if kind in rank)
        object.__setattr__(self, "events", tuple(sorted(timed, key=lambda event: (event[1], rank.index(event[0])))))

    def final_on(self, appeal_days: int) -> datetime | None:
        """When it became or becomes final as things stand; None while it waits for a judgment. An appeal on the last day counts.

        What comes after that changes nothing: final stays final.
        """
        lapses: datetime | None = None
        for kind, at in self.events:
            if lapses is not None and at > lapses:
                break
            if kind is Milestone.FINAL:
                return at
            lapses = at + timedelta(days=appeal_days) if kind is Milestone.JUDGMENT else None
        return lapses


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a criterion may look at. Times are timezone-aware (ValueError if not).

    The latest of each milestone counts. Of dates that were given the last one that was written down counts, also where it is earlier.
    """

    recorded_at: datetime
    milestones: Mapping[Milestone, datetime]
    court: tuple[CourtCase, ...] = field(default=())
    evaluation: datetime | None = None  # begin of the day of the agent's first evaluation after the call; None: the next quarter's
    lesson: datetime | None = None  # a person decided to keep it as a lesson until then

    def __post_init__(self) -> None:
        """Kept in UTC: adding days to a local time would follow the clock on the wall through summer time."""
        object.__setattr__(self, "recorded_at", to_utc(self.recorded_at))
        if self.milestones:
            object.__setattr__(self, "milestones", {kind: to_utc(at) for kind, at in self.milestones.items()})
        if self.evaluation is not None:
            object.__setattr__(self, "evaluation", to_utc(self.evaluation))
        if self.lesson is not None:
            object.__setattr__(self, "lesson", to_utc(self.lesson))


def to_utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {moment.isoformat()}; write aware datetimes")
    return moment.astimezone(UTC)
