"""What every criterion has in common: its latest date, its verdict, and a person's decision to keep a lesson."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from asterisk_privacy.policy.facts import Facts, Milestone, to_utc
from asterisk_privacy.policy.problem import Problem
from asterisk_privacy.policy.words import Clause, say

LATEST_DAYS_MAX = 3650  # ten years; whoever needs more has a case or a legal hold, not a rule


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
    """Ends a purpose by itself or by an event; `latest_days` after the call it ends whatever happened, unless a person decided to keep
    the recording as a lesson, which `lesson_limit` bounds."""

    latest_days: int

    @abstractmethod
    def outlook(self, facts: Facts) -> Outlook:
        """What the events so far mean, and the words for it."""

    @abstractmethod
    def rule(self) -> Clause:
        """The rule itself, without its latest date."""

    @abstractmethod
    def events(self) -> frozenset[Milestone]:
        """What must be noted for it to end before its latest date; empty where age alone ends it."""

    def by_age_alone(self) -> bool:
        """Whether no event ends it sooner than the age of the recording does. A lesson may still keep it longer."""
        return not self.events()

    def problems(self, place: str) -> Iterator[Problem]:
        """Every setting that keeps nothing, for ever, or what nobody can mean. `place` is where it stands in the configuration."""
        yield from _latest_days(f"{place}.latest_days", self.latest_days)
        for setting in (field.name for field in fields(self) if field.type == "int" and field.name != "latest_days"):
            check = CHECKS.get(setting, _any_days)
            yield from check(f"{place}.{setting}", getattr(self, setting), self.latest_days)

    def lesson_time(self) -> int | None:
        """Days after the call that the policy gives to lessons; None where lessons are no matter of this purpose."""
        return None

    def lesson_limit(self) -> int | None:
        """Days after the call until which a lesson may be kept: its own time, or the latest date if that is later."""
        time = self.lesson_time()
        return None if time is None else max(self.latest_days, time)

    def in_words(self, language: str = "en") -> str:
        """The rule in words that fit after 'kept until', 'bewaard tot', 'aufbewahrt bis'; for registers, tables and announcements."""
        return say(self.rule(), language)

    def latest(self, facts: Facts) -> datetime:
        """No verdict ends after this."""
        days = self.latest_days
        if facts.lesson is not None:
            days = max(days, self.lesson_limit() or 0)
        return facts.recorded_at + timedelta(days=days)

    def ending(self, facts: Facts) -> tuple[datetime, Outlook]:
        """The end as things stand, not after the latest date, and its words; without regard to a lesson."""
        latest = facts.recorded_at + timedelta(days=self.latest_days)
        outlook = self.outlook(facts)
        if outlook.end is not None and outlook.end <= latest:
            return outlook.end, outlook
        return latest, Outlook(None, ("latest-reached", self.latest_days), outlook.meanwhile, "at-the-latest")

    def verdict(self, facts: Facts, now: datetime, language: str = "en") -> Verdict:
        """`now` is timezone-aware (ValueError if not)."""
        now = to_utc(now)
        ends_at, outlook = self.ending(facts)
        if facts.lesson is not None and (limit := self.lesson_limit()) is not None:
            until = min(facts.lesson, facts.recorded_at + timedelta(days=limit))
            if until > ends_at:
                ends_at, outlook = until, Outlook(until, ("lesson-over", until), ("kept-lesson",))
        if ends_at <= now:
            return Verdict(True, ends_at, outlook.why, language)
        return Verdict(False, ends_at, (outlook.tail, outlook.meanwhile, ends_at), language)


def _latest_days(place: str, latest: int) -> Iterator[Problem]:
    if latest < 1:
        yield Problem(place, f"{latest} days keeps nothing", "write 1 or more instead, or remove the purpose")
    elif latest > LATEST_DAYS_MAX:
        yield Problem(
            place,
            f"{latest} days is more than ten years",
            f"write {LATEST_DAYS_MAX} or less instead, and use a case or a legal hold for the recording that must stay longer",
        )


def _any_days(place: str, days: int, latest: int) -> Iterator[Problem]:
    if days < 0:
        yield Problem(place, f"{days} days are less than none", "write 0 or more instead")
    elif days > LATEST_DAYS_MAX:
        yield Problem(place, f"{days} days is more than ten years", f"write {LATEST_DAYS_MAX} or less instead")


def _plus_days(place: str, days: int, latest: int) -> Iterator[Problem]:
    if days < 0:
        yield Problem(place, f"{days} days would end before the event", "write 0 or more instead")
    elif days >= latest > 0:
        yield Problem(place, f"the latest date ({latest} days) always comes first", f"write less than {latest}, or a later date")


def _lesson_days(place: str, days: int, latest: int) -> Iterator[Problem]:
    if days > LATEST_DAYS_MAX:
        yield Problem(place, f"{days} days is more than ten years", f"write {LATEST_DAYS_MAX} or less instead")
    elif days != 0 and days <= latest:
        what = f"{days} days is not longer than the latest date ({latest} days), which a lesson may use anyway"
        yield Problem(place, what, f"leave it out, or write more than {latest}")


def _link_within_days(place: str, days: int, latest: int) -> Iterator[Problem]:
    if days < 1:
        yield Problem(place, f"nobody can open a case within {days} days", "write 1 or more instead")
    elif days > latest > 0:
        what = f"the time to open a case ({days} days) runs past the latest date ({latest} days)"
        yield Problem(place, what, f"write {latest} or less, or a later date")


def _give_within_days(place: str, days: int, latest: int) -> Iterator[Problem]:
    if days < 1:
        yield Problem(place, f"nobody can give a date within {days} days", "write 1 or more instead")
    elif days > latest > 0:
        what = f"the time to give a date ({days} days) runs past the latest date ({latest} days)"
        yield Problem(place, what, f"write {latest} or less, or a later date")


def _appeal_days(place: str, days: int, latest: int) -> Iterator[Problem]:
    if days < 1:
        yield Problem(place, f"nobody can appeal within {days} days", "write 1 or more instead")
    else:
        yield from _any_days(place, days, latest)


CHECKS: Mapping[str, Callable[[str, int, int], Iterator[Problem]]] = {
    "plus_days": _plus_days,
    "lesson_days": _lesson_days,
    "link_within_days": _link_within_days,
    "appeal_days": _appeal_days,
    "give_within_days": _give_within_days,
}
"""Of settings with a meaning of their own. They get the place, the value, and `latest_days`. Any other setting gets `_any_days`."""
