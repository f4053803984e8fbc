"""What every criterion has in common: its latest date, its verdict, and a person's decision to keep a lesson."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta

from asterisk_privacy.policy.facts import Facts, to_utc
from asterisk_privacy.policy.words import Clause, say


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

    def by_age_alone(self) -> bool:
        """Whether no event ends it sooner than the age of the recording does. A lesson may still keep it longer."""
        return False

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
