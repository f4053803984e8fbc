"""Sees every night whether the promises were kept, from what it saw happen, without asking policy or purger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from asterisk_privacy.lab.timemachine.bulk import Kept
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.policy.retention import Days, UntilCaseClosed, UntilCourtFinal, UntilDiscussed, UntilReviewed

TOLD = 20  # broken promises that are told in words; the rest is counted


@dataclass(slots=True)
class Life:
    """One recording that is stored."""

    recorded_at: datetime
    purposes: list[Purpose]
    customer: str = ""
    holds: int = 0
    restricted: bool = False
    open_cases: int = 0
    cases: int = 0  # ever
    court_cases: int = 0  # ever
    reviewed: datetime | None = None
    discussed: datetime | None = None
    lesson: datetime | None = None
    _limits: dict[Purpose, datetime] = field(default_factory=dict)

    @property
    def kept_back(self) -> bool:
        return self.holds > 0 or self.restricted

    def learn(self, until: datetime) -> None:
        self.lesson = until
        self._limits.clear()

    def limit(self, purpose: Purpose) -> datetime:
        """The latest date for this purpose, a lesson included."""
        known = self._limits.get(purpose)
        if known is None:
            known = self._limits[purpose] = self._limit(purpose)
        return known

    def _limit(self, purpose: Purpose) -> datetime:
        latest = self.recorded_at + timedelta(days=purpose.retention.latest_days)
        lesson_days = getattr(purpose.retention, "lesson_days", 0)
        if self.lesson is None or not lesson_days:
            return latest
        return max(latest, min(self.lesson, self.recorded_at + timedelta(days=lesson_days)))

    @property
    def latest(self) -> datetime:
        return max((self.limit(purpose) for purpose in self.purposes), default=self.recorded_at)

    def needed(self, now: datetime) -> str | None:
        """The purpose that certainly still lives: its period runs, its review is to come, its case is open."""
        for purpose in self.purposes:
            rule = purpose.retention
            waits = {
                Days: True,
                UntilReviewed: self.reviewed is None,
                UntilDiscussed: self.discussed is None,
                UntilCaseClosed: self.open_cases > 0,
            }
            if waits.get(type(rule)) and now < self.limit(purpose):
                return purpose.name
        return None

    def done(self, now: datetime) -> bool:
        """Certainly nothing needs it any more; what is not certain by these few rules is left to the latest date."""
        return all(self._ended(purpose, now) for purpose in self.purposes)

    def kept_for_another(self, purpose: Purpose, now: datetime) -> bool:
        """Another purpose lives, and this one ended already or does before that one must."""
        living = [other for other in self.purposes if other is not purpose and not self._ended(other, now)]
        return any(self.limit(other) > self.limit(purpose) for other in living) or (bool(living) and self._ended(purpose, now))

    def _ended(self, purpose: Purpose, now: datetime) -> bool:
        rule = purpose.retention
        if isinstance(rule, UntilReviewed) and self.reviewed is not None and self.lesson is None:
            return now >= min(self.limit(purpose), self.reviewed + timedelta(days=rule.plus_days))
        if (isinstance(rule, UntilCaseClosed) and not self.cases) or (isinstance(rule, UntilCourtFinal) and not self.court_cases):
            return now >= min(self.limit(purpose), self.recorded_at + timedelta(days=rule.link_within_days))
        return now >= self.limit(purpose)


@dataclass(frozen=True, slots=True)
class Sample:
    at: datetime
    stored: dict[str, int]  # recordings that serve a purpose, by its name
    oldest: dict[str, float]  # days; of those that nothing keeps back
    kept_back: int  # by a legal hold, a restriction or an open request


@dataclass(slots=True)
class Watch:
    living: dict[str, Life] = field(default_factory=dict)
    broken: int = 0
    told: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)  # ever, by purpose
    deleted: int = 0  # by the purger
    erased_on_request: int = 0
    checked: int = 0  # promises, each night
    asked: dict[str, dict[int, date]] = field(default_factory=dict)  # by customer: the last day of each request that forbids deletion

    def asks(self, customer: str, number: int, due: date) -> None:
        self.asked.setdefault(customer, {})[number] = due

    def answered(self, customer: str, number: int) -> None:
        self.asked.get(customer, {}).pop(number, None)

    def waited_for(self, life: Life, now: datetime) -> bool:
        return any(now.astimezone().date() <= due for due in self.asked.get(life.customer, {}).values())

    def kept_back(self, life: Life, now: datetime) -> bool:
        return life.kept_back or self.waited_for(life, now)

    def born(self, call: Kept) -> None:
        self.living[call.id] = Life(call.at, list(call.purposes), call.customer)
        for purpose in call.purposes:
            self.kept[purpose.name] = self.kept.get(purpose.name, 0) + 1

    def gone(self, ids: Iterable[str], now: datetime) -> None:
        """What the purger deleted this night."""
        for recording_id in ids:
            life = self.living.pop(recording_id)
            self.deleted += 1
            self.checked += 1
            if life.kept_back:
                self._break(f"{recording_id}: deleted on {now:%Y-%m-%d} under {'legal hold' if life.holds else 'restriction'}")
            elif self.waited_for(life, now):
                self._break(f"{recording_id}: deleted on {now:%Y-%m-%d} before its person was answered")
            elif purpose := life.needed(now):
                self._break(f"{recording_id}: deleted on {now:%Y-%m-%d} while {purpose} still needed it")

    def erased(self, recording_id: str, now: datetime) -> None:
        """At the person's request, whatever still needed it; not under legal hold."""
        life = self.living.pop(recording_id)
        self.erased_on_request += 1
        self.checked += 1
        if life.holds or self.waited_for(life, now):
            why = "under legal hold" if life.holds else "before another request was answered"
            self._break(f"{recording_id}: erased on {now:%Y-%m-%d} at a person's request {why}")

    def night(self, now: datetime, stored: int, failures: Iterable[str]) -> None:
        """After the purge."""
        self.checked += len(self.living) + 1
        for recording_id, life in self.living.items():
            if self.kept_back(life, now):
                continue
            if life.latest <= now:
                self._break(f"{recording_id}: still stored on {now:%Y-%m-%d}, its latest date was {life.latest:%Y-%m-%d}")
            elif life.done(now):
                self._break(f"{recording_id}: still stored on {now:%Y-%m-%d}, and nothing needs it any more")
        if stored != len(self.living):
            self._break(f"{now:%Y-%m-%d}: the registry counts {stored} recordings, {len(self.living)} were to be there")
        for failure in failures:
            self._break(f"{now:%Y-%m-%d}: {failure}")

    def sample(self, now: datetime) -> None:
        stored: dict[str, int] = dict.fromkeys(self.kept, 0)
        oldest: dict[str, float] = dict.fromkeys(self.kept, 0.0)
        for life in self.living.values():
            age = (now - life.recorded_at) / timedelta(days=1)
            for purpose in life.purposes:
                stored[purpose.name] += 1
                if not self.kept_back(life, now) and not life.kept_for_another(purpose, now):
                    oldest[purpose.name] = max(oldest[purpose.name], age)
        self.samples.append(Sample(now, stored, oldest, sum(self.kept_back(life, now) for life in self.living.values())))

    def _break(self, what: str) -> None:
        self.broken += 1
        if len(self.told) < TOLD:
            self.told.append(what)
