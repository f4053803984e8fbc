"""When a purpose is done with a recording: criteria that end it by event, each with a latest date.

GDPR art. 5(1)(e) (storage limitation) and art. 13(2)(a): a period, *or the criteria that determine it*.
A criterion only looks at `Facts`; to add one, subclass `Criterion`, name it in `CRITERIA`, write one test.

Days are 24 hours of UTC, so months, leap years and summer time change nothing.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from asterisk_privacy.policy.words import Clause, say


class Milestone(StrEnum):
    """What can happen to a recording after it was sealed, as far as retention cares."""

    REVIEWED = "reviewed"
    CASE_OPENED = "case-opened"
    CASE_CLOSED = "case-closed"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a criterion may look at. Times are timezone-aware (ValueError if not); the latest of each milestone counts."""

    recorded_at: datetime
    milestones: Mapping[Milestone, datetime]

    def __post_init__(self) -> None:
        """Kept in UTC: adding days to a local time would follow the clock on the wall through summer time."""
        object.__setattr__(self, "recorded_at", _utc(self.recorded_at))
        object.__setattr__(self, "milestones", {kind: _utc(at) for kind, at in self.milestones.items()})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one purpose still keeps a recording at a moment, until when at the latest, and why."""

    ended: bool  # exactly when ends_at <= now
    ends_at: datetime  # when it ended, or the latest date as things stand now; never after the latest date; UTC
    clause: Clause
    language: str = "en"

    @property
    def reason(self) -> str:
        """In words. Made when asked for: the purger judges everything each night and tells of little."""
        return say(self.clause, self.language)


@dataclass(frozen=True, slots=True)
class Outlook:
    """How things stand for one criterion, whatever the time is. Until the end the words are 'MEANWHILE; it ends on 2026-03-01'."""

    end: datetime | None  # when what happened so far ends it; None while it waits for an event
    why: Clause  # once `end` has passed
    meanwhile: Clause  # until then
    tail: str = "it-ends"  # only where `end` comes before the latest date


@dataclass(frozen=True, slots=True)
class Criterion(ABC):
    """Ends a purpose by itself or by an event; `latest_days` after the call it ends whatever happened."""

    latest_days: int

    @abstractmethod
    def outlook(self, facts: Facts) -> Outlook:
        """What the events so far mean, and the words for it."""

    @abstractmethod
    def rule(self) -> Clause:
        """The rule itself, without its latest date."""

    def in_words(self, language: str = "en") -> str:
        """The rule in words that fit after 'kept until', 'bewaard tot', 'aufbewahrt bis'; for registers, tables and announcements."""
        return say(self.rule(), language)

    def verdict(self, facts: Facts, now: datetime, language: str = "en") -> Verdict:
        """`now` is timezone-aware (ValueError if not)."""
        now = _utc(now)
        latest = facts.recorded_at + timedelta(days=self.latest_days)
        outlook = self.outlook(facts)
        if outlook.end is not None and outlook.end <= latest:
            ends_at, why, tail = outlook.end, outlook.why, outlook.tail
        else:
            ends_at, why, tail = latest, ("latest-reached", self.latest_days), "at-the-latest"
        if ends_at <= now:
            return Verdict(True, ends_at, why, language)
        return Verdict(False, ends_at, (tail, outlook.meanwhile, ends_at), language)


@dataclass(frozen=True, slots=True)
class Days(Criterion):
    """A fixed period: `latest_days` after the call."""

    def outlook(self, facts: Facts) -> Outlook:
        end = facts.recorded_at + timedelta(days=self.latest_days)
        return Outlook(end, ("days", self.latest_days), ("kept-days", self.latest_days))

    def rule(self) -> Clause:
        return ("days", self.latest_days)


@dataclass(frozen=True, slots=True)
class UntilReviewed(Criterion):
    """Until the reviewer wrote an outcome, plus `plus_days`."""

    plus_days: int = 0

    def outlook(self, facts: Facts) -> Outlook:
        reviewed = facts.milestones.get(Milestone.REVIEWED)
        if reviewed is None:
            return Outlook(None, (), ("kept-until", self.rule()))
        return _outlook_after(facts, reviewed, self.plus_days, "was-reviewed", "its-review")

    def rule(self) -> Clause:
        return ("reviewed-plus", self.plus_days) if self.plus_days else ("reviewed",)


@dataclass(frozen=True, slots=True)
class UntilCaseClosed(Criterion):
    """Until the case that the recording belongs to is closed, plus `plus_days`. Without a case there is nothing to wait for, and it
    ends `link_within_days` after the call.

    A case opened later than that, or reopened, still counts if the recording is still there: what is deleted cannot be brought
    back, and the latest date bounds the wait.
    """

    plus_days: int = 0
    link_within_days: int = 30

    def outlook(self, facts: Facts) -> Outlook:
        opened = facts.milestones.get(Milestone.CASE_OPENED)
        closed = facts.milestones.get(Milestone.CASE_CLOSED)
        if closed is not None and (opened is None or closed >= opened):
            return _outlook_after(facts, closed, self.plus_days, "was-closed", "its-closing")
        if opened is not None:
            return Outlook(None, (), ("kept-until", self._closing()))
        return Outlook(
            end=facts.recorded_at + timedelta(days=self.link_within_days),
            why=("no-case", self.link_within_days),
            meanwhile=("kept-until", ("case-to-come",)),
            tail="without-a-case",
        )

    def rule(self) -> Clause:
        return ("case", self._closing(), self.link_within_days)

    def _closing(self) -> Clause:
        return ("case-closed-plus", self.plus_days) if self.plus_days else ("case-closed",)


CRITERIA: Mapping[str, type[Criterion]] = {
    "days": Days,
    "reviewed": UntilReviewed,
    "case-closed": UntilCaseClosed,
}


def criterion_to_mapping(criterion: Criterion) -> dict[str, str | int]:
    """The criterion as plain values, such as {"until": "reviewed", "latest_days": 35, "plus_days": 0}. A recording keeps the
    promise that it was made under, so the registry stores this beside each of its purposes."""
    until = next(name for name, kind in CRITERIA.items() if kind is type(criterion))
    return {"until": until, **dataclasses.asdict(criterion)}


def criterion_from_mapping(mapping: Mapping[str, object]) -> Criterion:
    """The reverse of `criterion_to_mapping`; settings that have a default may be left out. ValueError says what is wrong."""
    settings = {name: value for name, value in mapping.items() if name != "until"}
    kind = CRITERIA.get(str(mapping.get("until")))
    if kind is None:
        raise ValueError(f"unknown retention criterion {mapping.get('until')!r}; known are {', '.join(CRITERIA)}")
    numbers = {name: value for name, value in settings.items() if isinstance(value, int) and not isinstance(value, bool)}
    if numbers.keys() != settings.keys():
        raise ValueError(f"retention settings must be whole numbers of days: {', '.join(sorted(settings.keys() - numbers.keys()))}")
    try:
        return kind(**numbers)
    except TypeError as error:  # a setting too many or too few
        known = ", ".join(field.name for field in dataclasses.fields(kind))
        raise ValueError(f"retention until {mapping['until']!r} takes {known}; got {', '.join(sorted(settings)) or 'nothing'}") from error


def _outlook_after(facts: Facts, event: datetime, plus_days: int, happened: str, occasion: str) -> Outlook:
    """For an event that happened and `plus_days` after it. An event before the call (a case closed earlier) counts from the call."""
    since = max(event, facts.recorded_at)
    if not plus_days:
        return Outlook(since, (happened, event), ("kept-until", (occasion, event)))
    after = ("kept-until", (f"{occasion}-plus", event, plus_days))
    return Outlook(since + timedelta(days=plus_days), (f"{happened}-plus", event, plus_days), after)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is UTC:
        return moment
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {moment.isoformat()}; write aware datetimes")
    return moment.astimezone(UTC)
