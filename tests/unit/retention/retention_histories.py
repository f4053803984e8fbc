"""Random policies and histories, and the rules that must hold whatever happens; what they reached is counted.

`planning.judge` is asked by its module, so that a planted bug is met.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import retention_oracle as oracle
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from asterisk_privacy.policy.cases import Case, CaseKind, Step, court_of, milestones_of, objection
from asterisk_privacy.policy.facts import Facts, Milestone
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
from asterisk_privacy.retention.plan import Item, Promise

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
    assert milestones_of(linked) == oracle.milestones_of(linked)
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
            assert verdict.ends_at == oracle.end_of(criterion, facts) and verdict.ended == (oracle.end_of(criterion, facts) <= earlier)
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
