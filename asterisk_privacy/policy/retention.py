"""When a purpose is done with a recording: criteria that end it by event, each with a latest date.

GDPR art. 5(1)(e) (storage limitation) and art. 13(2)(a): a period, *or the criteria that determine it*.
A criterion only looks at `Facts`. To add one: subclass `Criterion`, name it in `CRITERIA`, add its clauses to `policy/words.py`, write
one test. Its settings are whole numbers of days; `Criterion.problems` refuses absurd ones, also of a setting that is new.

Days are 24 hours of UTC, so months, leap years and summer time change nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asterisk_privacy.policy.criterion import Criterion, Outlook, Verdict
from asterisk_privacy.policy.evaluations import next_turn
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.problem import Problem
from asterisk_privacy.policy.words import Clause

__all__ = [
    "CRITERIA",
    "AnyOf",
    "CourtCase",
    "Criterion",
    "Days",
    "Facts",
    "Milestone",
    "Outlook",
    "UntilCaseClosed",
    "UntilCourtFinal",
    "UntilDiscussed",
    "UntilEvaluation",
    "UntilGivenDate",
    "UntilReviewed",
    "Verdict",
    "criterion_from_mapping",
    "criterion_to_mapping",
]

DAY = timedelta(days=1)
NO_EVENTS: frozenset[Milestone] = frozenset()


@dataclass(frozen=True, slots=True)
class Days(Criterion):
    """A fixed period: `latest_days` after the call."""

    def outlook(self, facts: Facts) -> Outlook:
        end = facts.recorded_at + timedelta(days=self.latest_days)
        return Outlook(end, ("days", self.latest_days), ("kept-days", self.latest_days))

    def events(self) -> frozenset[Milestone]:
        return NO_EVENTS

    def rule(self) -> Clause:
        return ("days", self.latest_days)


@dataclass(frozen=True, slots=True)
class UntilReviewed(Criterion):
    """Until the reviewer wrote an outcome, plus `plus_days`. A lesson may be kept for `lesson_days`, if that is longer (R21)."""

    plus_days: int = 0
    lesson_days: int = 0

    def outlook(self, facts: Facts) -> Outlook:
        reviewed = facts.milestones.get(Milestone.REVIEWED)
        if reviewed is None:
            return Outlook(None, (), ("kept-until", self._review()))
        return _outlook_after(facts, reviewed, self.plus_days, "was-reviewed", "its-review")

    def events(self) -> frozenset[Milestone]:
        return frozenset({Milestone.REVIEWED})

    def rule(self) -> Clause:
        return _with_lesson(self._review(), self.lesson_days)

    def lesson_time(self) -> int:
        return self.lesson_days

    def _review(self) -> Clause:
        return ("reviewed-plus", self.plus_days) if self.plus_days else ("reviewed",)


@dataclass(frozen=True, slots=True)
class UntilEvaluation(Criterion):
    """Until the day of the agent's next evaluation is over, plus `plus_days`. Lessons as with `UntilReviewed`."""

    plus_days: int = 0
    lesson_days: int = 0

    def outlook(self, facts: Facts) -> Outlook:
        day = facts.evaluation
        if day is None:
            turn = next_turn(facts.recorded_at.date())
            day = datetime(turn.year, turn.month, turn.day, tzinfo=UTC)
        return _outlook_after(facts, day, self.plus_days, "was-evaluated", "its-evaluation", lasts=DAY)

    def events(self) -> frozenset[Milestone]:
        """None: the calendar has the evaluations, not the recording."""
        return NO_EVENTS

    def rule(self) -> Clause:
        return _with_lesson(("evaluation-plus", self.plus_days) if self.plus_days else ("evaluation",), self.lesson_days)

    def lesson_time(self) -> int:
        return self.lesson_days


@dataclass(frozen=True, slots=True)
class UntilDiscussed(Criterion):
    """Until the matter was discussed with the customer (an event of its case), plus `plus_days`."""

    plus_days: int = 0

    def outlook(self, facts: Facts) -> Outlook:
        discussed = facts.milestones.get(Milestone.DISCUSSED)
        if discussed is None:
            return Outlook(None, (), ("kept-until", self.rule()))
        return _outlook_after(facts, discussed, self.plus_days, "was-discussed", "its-discussion")

    def events(self) -> frozenset[Milestone]:
        return frozenset({Milestone.DISCUSSED})

    def rule(self) -> Clause:
        return ("discussed-plus", self.plus_days) if self.plus_days else ("discussed",)


@dataclass(frozen=True, slots=True)
class UntilGivenDate(Criterion):
    """Until the date that a person gave this recording (the end of a warranty, of a contract), plus `plus_days`. Without one it ends
    `give_within_days` after the call. A date that is corrected takes the place of the one before, also where it is an earlier one."""

    plus_days: int = 0
    give_within_days: int = 30

    def outlook(self, facts: Facts) -> Outlook:
        given = facts.milestones.get(Milestone.DATE_GIVEN)
        if given is not None:
            return _outlook_after(facts, given, self.plus_days, "was-given-date", "its-given-date")
        return Outlook(
            end=facts.recorded_at + timedelta(days=self.give_within_days),
            why=("no-given-date", self.give_within_days),
            meanwhile=("kept-until", ("given-date-to-come",)),
            tail="without-given-date",
        )

    def events(self) -> frozenset[Milestone]:
        return frozenset({Milestone.DATE_GIVEN})

    def rule(self) -> Clause:
        return ("given-date", ("given-date-plus", self.plus_days) if self.plus_days else ("given-date-alone",), self.give_within_days)


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

    def events(self) -> frozenset[Milestone]:
        return frozenset({Milestone.CASE_OPENED, Milestone.CASE_CLOSED})

    def rule(self) -> Clause:
        return ("case", self._closing(), self.link_within_days)

    def _closing(self) -> Clause:
        return ("case-closed-plus", self.plus_days) if self.plus_days else ("case-closed",)


@dataclass(frozen=True, slots=True)
class UntilCourtFinal(Criterion):
    """Until every court case that the recording belongs to is final, appeal included, plus `plus_days`. A judgment becomes final when
    nobody appeals within `appeal_days` (three months in Dutch civil cases: Rv art. 339). Without a court case as `UntilCaseClosed`."""

    plus_days: int = 0
    appeal_days: int = 92
    link_within_days: int = 30

    def outlook(self, facts: Facts) -> Outlook:
        if not facts.court:
            return Outlook(
                end=facts.recorded_at + timedelta(days=self.link_within_days),
                why=("no-court", self.link_within_days),
                meanwhile=("kept-until", ("court-to-come",)),
                tail="without-court",
            )
        finals = [case.final_on(self.appeal_days) for case in facts.court]
        known = [final for final in finals if final is not None]
        if len(known) < len(finals):
            return Outlook(None, (), ("kept-until", self._final()))
        return _outlook_after(facts, max(known), self.plus_days, "was-final", "its-final")

    def events(self) -> frozenset[Milestone]:
        return frozenset({Milestone.JUDGMENT, Milestone.APPEAL, Milestone.FINAL})

    def rule(self) -> Clause:
        return ("court", self._final(), self.link_within_days)

    def _final(self) -> Clause:
        return ("court-final-plus", self.plus_days) if self.plus_days else ("court-final",)


@dataclass(frozen=True, slots=True)
class AnyOf(Criterion):
    """The earliest end of its parts that applies. A lesson is bounded by the part that allows it longest."""

    parts: tuple[Criterion, ...] = ()

    def outlook(self, facts: Facts) -> Outlook:
        end, first = min((part.ending(facts) for part in self.parts), key=lambda ending: ending[0])
        if first.end is None:  # nothing happened yet: some part's own latest date
            return Outlook(end, first.why, ("kept-until", self._either()), first.tail)
        return Outlook(end, first.why, first.meanwhile, first.tail)

    def events(self) -> frozenset[Milestone]:
        return NO_EVENTS.union(*(part.events() for part in self.parts))

    def problems(self, place: str) -> Iterator[Problem]:
        yield from Criterion.problems(self, place)
        if len(self.parts) < 2:
            yield Problem(f"{place}.until", "one criterion is no choice", "write at least two, or one without a list")
        for number, part in enumerate(self.parts, 1):
            yield from part.problems(f"{place}.until.{number}")
            if part.latest_days > self.latest_days > 0:
                what = f"{part.latest_days} days run past the latest date of the whole ({self.latest_days} days)"
                remedy = f"write {self.latest_days} or less, or leave it out"
                yield Problem(f"{place}.until.{number}.latest_days", what, remedy)

    def rule(self) -> Clause:
        return ("first-of", self._either())

    def lesson_time(self) -> int | None:
        return max((time for part in self.parts if (time := part.lesson_time()) is not None), default=None)

    def _either(self) -> Clause:
        *others, clause = (part.rule() for part in self.parts)
        for other in reversed(others):
            clause = ("or", other, clause)
        return clause


CRITERIA: Mapping[str, type[Criterion]] = {
    "days": Days,
    "reviewed": UntilReviewed,
    "evaluation": UntilEvaluation,
    "discussed": UntilDiscussed,
    "given-date": UntilGivenDate,
    "case-closed": UntilCaseClosed,
    "court-final": UntilCourtFinal,
}


def criterion_to_mapping(criterion: Criterion) -> dict[str, object]:
    """The criterion as plain values, such as {"until": "reviewed", "latest_days": 35, "plus_days": 0}; of several, `until` is a list of
    such. A recording keeps the promise that it was made under, so the registry stores this beside each of its purposes."""
    if isinstance(criterion, AnyOf):
        return {"until": [criterion_to_mapping(part) for part in criterion.parts], "latest_days": criterion.latest_days}
    until = next(name for name, kind in CRITERIA.items() if kind is type(criterion))
    return {"until": until, **dataclasses.asdict(criterion)}


def criterion_from_mapping(mapping: Mapping[str, object]) -> Criterion:
    """The reverse of `criterion_to_mapping`; settings that have a default may be left out, so that snapshots from before a setting
    existed stay readable. ValueError says what is wrong."""
    until = mapping.get("until")
    settings = {name: value for name, value in mapping.items() if name != "until"}
    kind = AnyOf if isinstance(until, list | tuple) else CRITERIA.get(str(until))
    if kind is None:
        raise ValueError(f"unknown retention criterion {until!r}; known are {', '.join(CRITERIA)}")
    numbers = {name: value for name, value in settings.items() if isinstance(value, int) and not isinstance(value, bool)}
    if numbers.keys() != settings.keys():
        raise ValueError(f"retention settings must be whole numbers of days: {', '.join(sorted(settings.keys() - numbers.keys()))}")
    try:
        if isinstance(until, list | tuple):
            return AnyOf(**numbers, parts=_parts(until, numbers))
        return kind(**numbers)
    except TypeError as error:  # a setting too many or too few
        known = ", ".join(field.name for field in dataclasses.fields(kind) if field.name != "parts")
        raise ValueError(f"retention until {until!r} takes {known}; got {', '.join(sorted(settings)) or 'nothing'}") from error


def _parts(until: list[object] | tuple[object, ...], outer: Mapping[str, int]) -> tuple[Criterion, ...]:
    """A part without a latest date of its own has that of the whole."""
    if not until or not all(isinstance(part, Mapping) for part in until):
        raise ValueError("retention until several: write at least one table")
    latest = {name: days for name, days in outer.items() if name == "latest_days"}
    return tuple(criterion_from_mapping({**latest, **part}) for part in until if isinstance(part, Mapping))


def _with_lesson(rule: Clause, lesson_days: int) -> Clause:
    return ("with-lesson", rule, lesson_days) if lesson_days else rule


def _outlook_after(facts: Facts, event: datetime, plus_days: int, happened: str, occasion: str, lasts: timedelta = timedelta(0)) -> Outlook:
    """For an event that happened and `plus_days` after it. An event before the call (a case closed earlier) counts from the call."""
    since = max(event + lasts, facts.recorded_at)
    if not plus_days:
        return Outlook(since, (happened, event), ("kept-until", (occasion, event)))
    after = ("kept-until", (f"{occasion}-plus", event, plus_days))
    return Outlook(since + timedelta(days=plus_days), (f"{happened}-plus", event, plus_days), after)
