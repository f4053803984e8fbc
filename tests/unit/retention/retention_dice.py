"""Policies and histories by the thousand, quickly: dice with a seed, and often on the very moment that a rule looks at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import retention_oracle as oracle

from asterisk_privacy.policy.cases import Case, CaseKind, Step, court_of, milestones_of, objection
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.retention import (
    AnyOf,
    Criterion,
    Days,
    UntilCaseClosed,
    UntilCourtFinal,
    UntilDiscussed,
    UntilEvaluation,
    UntilGivenDate,
    UntilReviewed,
)

CALL = datetime(2028, 2, 28, 23, 30, tzinfo=UTC)
STEPS = [step for step in Step if step is not Step.OPENED]


def moment(chance: Random) -> datetime:
    return CALL + timedelta(days=chance.choice((-1, 0, 1, 2, 3, 5, 8, 13, 21)), hours=chance.choice((0, 0, 0, -1, 7)))


def single(chance: Random) -> Criterion:
    latest, plus, few = chance.choice((2, 8, 30)), chance.choice((0, 0, 1, 3)), chance.choice((1, 3, 5))
    return chance.choice(
        (
            Days(latest),
            UntilReviewed(latest, plus, chance.choice((0, 12))),
            UntilEvaluation(latest * 2, plus, chance.choice((0, 50))),
            UntilDiscussed(latest, plus),
            UntilGivenDate(latest, plus, few),
            UntilCaseClosed(latest, plus, few),
            UntilCourtFinal(latest, plus, few, few + 1),
        )
    )


def criterion(chance: Random) -> Criterion:
    if chance.random() < 0.2:
        return AnyOf(chance.choice((4, 30)), tuple(single(chance) for _ in range(2)))
    return single(chance)


def case(chance: Random, kind: CaseKind) -> Case:
    made = Case(kind, ((Step.OPENED, moment(chance)),))
    for step in chance.choices(STEPS, k=5):
        at = moment(chance)
        if objection(made, step, at, CALL + timedelta(days=99)) is None:
            made = replace(made, steps=(*made.steps, (step, at)))
    return made


def check_ends(rounds: int = 3000) -> None:
    """Of every criterion, whatever happened, also what no registry would hand out."""
    chance = Random(4)
    for _ in range(rounds):
        rule, at_once = criterion(chance), chance.choice((None, None, moment(chance)))
        facts = Facts(
            CALL,
            {kind: at_once or moment(chance) for kind in chance.sample(list(Milestone), chance.choice((0, 1, 2, 3, 4)))},
            tuple(
                CourtCase(tuple((chance.choice(list(Milestone)[-3:]), moment(chance)) for _ in range(3)))
                for _ in range(chance.randrange(3))
            ),
            chance.choice((None, CALL + timedelta(days=2, minutes=30), CALL + timedelta(days=40))),
            chance.choice((None, None, moment(chance))),
        )
        ends = oracle.end_of(rule, facts)
        for now in (ends - timedelta(microseconds=1), ends):
            verdict = rule.verdict(facts, now)
            assert (verdict.ends_at, verdict.ended) == (ends, ends <= now), (rule, facts, verdict)
            assert verdict.ends_at <= rule.latest(facts)


def check_replayed(rounds: int = 400) -> None:
    """What cases mean for their recordings."""
    chance = Random(5)
    for _ in range(rounds):
        cases = [case(chance, chance.choice(list(CaseKind))) for _ in range(chance.choice((1, 1, 2)))]
        assert milestones_of(cases) == oracle.milestones_of(cases), cases
        for one, court in zip([c for c in cases if c.kind is CaseKind.COURT], court_of(cases), strict=True):
            since = max(n for n, (step, _) in enumerate(one.steps) if step in (Step.OPENED, Step.REOPENED))
            settled = [at for step, at in one.steps[since:] if step in (Step.CLOSED, Step.FINAL)]
            assert sorted(at for kind, at in court.events if kind is Milestone.FINAL) == sorted(settled), one
