"""Random policies and histories against rules that must hold whatever happens, and planted bugs that must be seen.

`Rulebook` is what the rules are about: judge() as it is. Each mutant breaks it in one place, and the same check must fail then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from asterisk_privacy.policy import retention
from asterisk_privacy.policy.cases import Case, CaseKind, Step, court_of, milestones_of, objection
from asterisk_privacy.policy.criterion import Outlook
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.retention import (
    AnyOf,
    Criterion,
    Days,
    UntilCaseClosed,
    UntilCourtFinal,
    UntilDiscussed,
    UntilEvaluation,
    UntilReviewed,
)
from asterisk_privacy.retention import plan as planning
from asterisk_privacy.retention.plan import Item, Promise, judge, plan

CALL = datetime(2024, 2, 20, 23, 30, tzinfo=UTC)  # a leap day, quarter's ends and summer time are near
HOUR = timedelta(hours=1)

days = st.integers(0, 12)
moments = st.integers(-2 * 24, 60 * 24).map(lambda hours: CALL + hours * HOUR) | st.integers(-2, 60).map(lambda d: CALL + timedelta(days=d))
latest = st.integers(1, 50)
single: st.SearchStrategy[Criterion] = st.one_of(
    st.builds(Days, latest),
    st.builds(UntilReviewed, latest, days, days),
    st.builds(UntilEvaluation, latest, days, st.just(55)),
    st.builds(UntilDiscussed, latest, days),
    st.builds(UntilCaseClosed, latest, days, st.integers(1, 12)),
    st.builds(UntilCourtFinal, latest, days, st.integers(1, 12), st.integers(1, 12)),
)
criteria = single | st.builds(AnyOf, latest, st.lists(single, min_size=2, max_size=3).map(tuple))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """As the registry would let it happen: what `objection` refuses is not written down."""
    kind = draw(st.sampled_from(CaseKind))
    case = Case(kind, ((Step.OPENED, draw(moments)),))
    for step in draw(st.lists(st.sampled_from([s for s in Step if s is not Step.OPENED]), max_size=6)):
        at = draw(moments)
        if objection(case, step, at, now=CALL + timedelta(days=99)) is None:
            case = replace(case, steps=(*case.steps, (step, at)))
    return case


@st.composite
def items(draw: st.DrawFn) -> Item:
    linked = draw(st.lists(cases(), max_size=2))
    promises = tuple(
        Promise(f"purpose {n}", promised, draw(st.none() | criteria))
        for n, promised in enumerate(draw(st.lists(criteria, min_size=draw(st.sampled_from((0, 1, 1, 1, 2))), max_size=2)))
    )
    reviewed = draw(st.none() | moments)
    return Item(
        item_id="r1",
        recorded_at=CALL,
        promises=promises,
        milestones={**milestones_of(linked), **({} if reviewed is None else {Milestone.REVIEWED: reviewed})},
        blocks=draw(st.sampled_from(((), (), (), (("held", "anna", CALL),)))),
        court=court_of(linked),
        evaluation=draw(st.none() | st.integers(1, 40).map(lambda d: CALL + timedelta(days=d))),
        lesson=draw(st.none() | moments),
    )


def facts_of(item: Item) -> Facts:
    return Facts(item.recorded_at, item.milestones, item.court, item.evaluation, item.lesson)


def latest_of(criterion: Criterion, facts: Facts) -> datetime:
    """Told from the settings alone, without asking the criterion."""
    parts = criterion.parts if isinstance(criterion, AnyOf) else (criterion,)
    lessons = [part.lesson_days for part in parts if isinstance(part, UntilReviewed | UntilEvaluation)]
    return facts.recorded_at + timedelta(days=max([criterion.latest_days, *(lessons if facts.lesson is not None else [])]))


def bounds(promise: Promise, facts: Facts) -> datetime:
    own = latest_of(promise.criterion, facts)
    return own if promise.today is None else min(own, latest_of(promise.today, facts))


def check(item: Item, moment: datetime, other: datetime, reached: Counter[str]) -> None:
    facts = facts_of(item)
    earlier, later = sorted((moment, other))
    first, second = planning.judge(item, earlier), planning.judge(item, later)

    if item.blocks:
        assert not first.delete and not second.delete and first.blocked, "a legal hold always blocks"
        assert first.reason.startswith("legal hold by anna since 2024-02-20")
        reached["held while due"] += planning.judge(replace(item, blocks=()), later).delete
        return
    assert second.delete or not first.delete, "what ended stays ended"
    assert first.due == second.due or not item.promises, "only events move the end"
    if not item.promises:
        return
    ends = [min(planned.due for planned in _alone(item, promise, later)) for promise in item.promises]
    assert first.due == max(ends), "it goes when the last of its purposes ended"
    assert first.due <= max(bounds(promise, facts) for promise in item.promises), "never after the latest date"
    assert second.delete == (second.due <= later)
    for promise in item.promises:
        for criterion in filter(None, (promise.criterion, promise.today)):
            verdict = criterion.verdict(facts, earlier)
            assert verdict.ends_at <= latest_of(criterion, facts) == criterion.latest(facts), "never after the latest date"
            assert {len(replace(verdict, language=language).reason) > 9 for language in ("nl", "en", "de")} == {True}
            reached["lesson"] += "lesson" in verdict.reason
            reached["court"] += bool(facts.court) and "court case" in verdict.reason
            if isinstance(criterion, AnyOf) and facts.lesson is None:
                parts = [part.verdict(facts, earlier).ends_at for part in criterion.parts]
                assert verdict.ends_at == min(*parts, latest_of(criterion, facts)), "the earliest end that applies wins"
                reached["any of"] += 1
        words = planning.judge(replace(item, promises=(promise,)), earlier).reason
        if promise.today is not None and promise.today != promise.criterion:
            stricter = promise.today.verdict(facts, earlier).ends_at < promise.criterion.verdict(facts, earlier).ends_at
            assert ("stricter policy of today" in words) == stricter, "the reason says whose end it is"
            assert ("as promised on 2024-02-20" in words) != stricter
            reached["stricter" if stricter else "as promised"] += 1
    reached["turned"] += second.delete and not first.delete


def _alone(item: Item, promise: Promise, now: datetime) -> list[planning.Planned]:
    """Judged for what was promised, and for what the policy says today."""
    wordings = [promise.criterion, *([promise.today] if promise.today is not None else [])]
    return [planning.judge(replace(item, promises=(Promise(promise.title, criterion),)), now) for criterion in wordings]


def run(examples: int) -> Counter[str]:
    reached: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
    @given(items(), moments, moments)
    def test(item: Item, moment: datetime, other: datetime) -> None:
        check(item, moment, other, reached)

    test()
    return reached


def test_no_history_breaks_the_rules() -> None:
    reached = run(300)
    for kind in ("held while due", "any of", "stricter", "as promised", "turned", "lesson"):
        assert reached[kind] > 10, reached
    assert reached["court"] > 2, reached


def _no_hold(item: Item, now: datetime, language: str = "en") -> planning.Planned:
    return judge(replace(item, blocks=()), now, language)


def _any_purpose(item: Item, now: datetime, language: str = "en") -> planning.Planned:
    planned = judge(item, now, language)
    return replace(planned, delete=planned.delete or (not item.blocks and any(p.criterion.latest_days < 9 for p in item.promises)))


def _latest_part(self: AnyOf, facts: Facts) -> Outlook:
    end, outlook = max((part.ending(facts) for part in self.parts), key=lambda ending: ending[0])
    return replace(outlook, end=end)


def _promise_first(self: Promise, facts: Facts, now: datetime) -> tuple[bool, datetime, tuple[object, ...]]:
    kept = self.criterion.verdict(facts, now)
    return kept.ended, kept.ends_at, kept.clause


def _today_always(self: Promise, facts: Facts, now: datetime) -> tuple[bool, datetime, tuple[object, ...]]:
    new = (self.today or self.criterion).verdict(facts, now)
    return new.ended, new.ends_at, new.clause


MUTANTS: dict[str, Callable[[], object]] = {
    "a hold does not block": lambda: patch.object(planning, "judge", _no_hold),
    "one ended purpose is enough": lambda: patch.object(planning, "judge", _any_purpose),
    "the latest of several wins": lambda: patch.object(AnyOf, "outlook", _latest_part),
    "the stricter policy of today is not asked": lambda: patch.object(Promise, "verdict", _promise_first),
    "today's policy always wins": lambda: patch.object(Promise, "verdict", _today_always),
    "a lesson has no bound": lambda: patch.object(UntilReviewed, "lesson_time", lambda self: 10**4),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_planted_bugs_are_seen(mutant: str) -> None:
    with MUTANTS[mutant](), pytest.raises((AssertionError, BaseExceptionGroup)):  # type: ignore[attr-defined]
        run(300)


def test_once_final_stays_final() -> None:
    """Whatever is written down about later moments than that at which it was final."""
    reached: Counter[str] = Counter()
    kinds = st.sampled_from((Milestone.JUDGMENT, Milestone.APPEAL, Milestone.FINAL))
    events = st.lists(st.tuples(kinds, moments), max_size=5)

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(events, events, st.integers(1, 12))
    def check_final(before: list[tuple[Milestone, datetime]], later: list[tuple[Milestone, datetime]], appeal_days: int) -> None:
        final = CourtCase(tuple(before)).final_on(appeal_days)
        if final is None:
            return
        after = tuple((kind, max(at, final + HOUR)) for kind, at in later)
        assert CourtCase((*before, *after)).final_on(appeal_days) == final
        reached["final"] += 1
        reached["tried to undo"] += any(kind is not Milestone.FINAL for kind, _ in after)

    check_final()
    assert min(reached.values()) > 50, reached


def test_what_is_held_neither_trips_the_brake_nor_hides_among_all() -> None:
    held = [Item(f"h{n}", CALL, (Promise("p", Days(1)),), {}, blocks=(("held", "anna", CALL),)) for n in range(5)]
    due = [replace(item, item_id=f"d{item.item_id}", blocks=()) for item in held[:2]]
    result = plan([*held, *due], CALL + timedelta(days=9), brake_percent=30, brake_at_least=2)
    assert (len(result.deletions), result.total, result.braked) == (2, 7, False)  # 2 of 7 are 29 %; of the others they would be all
    assert plan([*held, *due], CALL + timedelta(days=9), brake_percent=28, brake_at_least=2).braked


@pytest.mark.parametrize("call", [datetime(2024, 2, 28, 23, 59, tzinfo=UTC), datetime(2026, 3, 28, 23, 30, tzinfo=UTC)])
def test_leap_days_and_summer_time(call: datetime) -> None:
    for criterion in (Days(2), UntilReviewed(30, 2), UntilDiscussed(30, 2)):
        facts = Facts(call, {Milestone.REVIEWED: call, Milestone.DISCUSSED: call})
        assert criterion.verdict(facts, call).ends_at - call == timedelta(hours=48)
    court = CourtCase(((Milestone.JUDGMENT, call),))
    assert court.final_on(2) == call + timedelta(hours=48)
    assert timedelta(hours=24) == retention.DAY
