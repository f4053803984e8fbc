"""When a purpose ends, said a second time and in another way: from the settings and the facts, without asking the criterion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asterisk_privacy.policy.cases import Case, Step
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.retention import (
    AnyOf,
    Criterion,
    UntilCaseClosed,
    UntilCourtFinal,
    UntilDiscussed,
    UntilEvaluation,
    UntilGivenDate,
    UntilReviewed,
)


def end_of(criterion: Criterion, facts: Facts) -> datetime:
    """As things stand; the latest date included, and a lesson."""
    end = _without_lesson(criterion, facts)
    teach = [part.lesson_days for part in _parts(criterion) if isinstance(part, UntilReviewed | UntilEvaluation)]
    if facts.lesson is None or not teach:
        return end
    return max(end, min(facts.lesson, _days(facts.recorded_at, max(criterion.latest_days, *teach))))


def _parts(criterion: Criterion) -> tuple[Criterion, ...]:
    return criterion.parts if isinstance(criterion, AnyOf) else (criterion,)


def _days(begin: datetime, days: int) -> datetime:
    return begin + timedelta(hours=24 * days)


def _without_lesson(criterion: Criterion, facts: Facts) -> datetime:
    return min([_days(facts.recorded_at, criterion.latest_days), *_ends(criterion, facts)])


def _ends(criterion: Criterion, facts: Facts) -> list[datetime]:
    call, happened = facts.recorded_at, facts.milestones
    match criterion:
        case AnyOf(parts=parts):
            return [_without_lesson(part, facts) for part in parts]
        case UntilReviewed() if Milestone.REVIEWED in happened:
            return [_days(max(call, happened[Milestone.REVIEWED]), criterion.plus_days)]
        case UntilDiscussed() if Milestone.DISCUSSED in happened:
            return [_days(max(call, happened[Milestone.DISCUSSED]), criterion.plus_days)]
        case UntilGivenDate():
            given = happened.get(Milestone.DATE_GIVEN)
            return [_days(call, criterion.give_within_days) if given is None else _days(max(call, given), criterion.plus_days)]
        case UntilEvaluation():
            day = facts.evaluation or _next_quarter(call)
            return [_days(max(call, _days(day, 1)), criterion.plus_days)]
        case UntilCaseClosed():
            opened, closed = happened.get(Milestone.CASE_OPENED), happened.get(Milestone.CASE_CLOSED)
            if opened is None and closed is None:
                return [_days(call, criterion.link_within_days)]
            over = closed is not None and (opened is None or opened <= closed)
            return [_days(max(call, closed), criterion.plus_days)] if over and closed is not None else []
        case UntilCourtFinal():
            if not facts.court:
                return [_days(call, criterion.link_within_days)]
            finals = [final_of(case, criterion.appeal_days) for case in facts.court]
            known = [final for final in finals if final is not None]
            return [_days(max(call, *known), criterion.plus_days)] if len(known) == len(finals) else []
    return []  # Days; or nothing happened yet


def _next_quarter(call: datetime) -> datetime:
    year, month = call.year, call.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        if month in (1, 4, 7, 10):
            return datetime(year, month, 1, tzinfo=UTC)


def final_of(case: CourtCase, appeal_days: int) -> datetime | None:
    """The first of: written down as final; the end of a judgment's time for appeal in which nothing more happened."""
    candidates = [at for kind, at in case.events if kind is Milestone.FINAL]
    for place, (kind, at) in enumerate(case.events):
        if kind is Milestone.JUDGMENT:
            lapses = _days(at, appeal_days)
            if all(later > lapses for other, later in case.events[place + 1 :] if other is not Milestone.FINAL):
                candidates.append(lapses)
    return min(candidates, default=None)


def milestones_of(cases: Sequence[Case]) -> dict[Milestone, datetime]:
    """By replaying what was written down, step by step."""
    opened, closed, talked, still_open, open_without_talk = [], [], [], False, False
    for case in cases:
        begun = ended = talk = None
        for step, at in case.steps:
            if step in (Step.OPENED, Step.REOPENED):
                begun, ended, talk = at, None, None
            elif step in (Step.CLOSED, Step.FINAL):
                ended = at
            elif step is Step.DISCUSSED:
                talk = at if talk is None else max(talk, at)
        opened += [begun] if begun else []
        closed += [ended] if ended else []
        talked += [talk] if talk else []
        still_open |= ended is None
        open_without_talk |= ended is None and talk is None
    found = {}
    if opened:
        found[Milestone.CASE_OPENED] = max(opened)
    if closed and not still_open:
        found[Milestone.CASE_CLOSED] = max(*closed, *opened)
    if talked and not open_without_talk:
        found[Milestone.DISCUSSED] = max(talked)
    return found
