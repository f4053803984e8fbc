from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from asterisk_privacy.policy.cases import Case, CaseKind, Step, court_of, milestones_of, objection
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.retention import UntilCaseClosed, UntilCourtFinal, UntilDiscussed

T0 = datetime(2024, 2, 1, tzinfo=UTC)  # a leap year


def day(number: float) -> datetime:
    return T0 + timedelta(days=number)


def a_case(kind: CaseKind = CaseKind.COMPLAINT, **steps: float) -> Case:
    """Steps in days, as they were written down; `reopened_2` is a second one."""
    return Case(kind, tuple((Step(name.partition("_")[0]), day(at)) for name, at in steps.items()))


def court(**steps: float) -> Case:
    return a_case(CaseKind.COURT, opened=0, **steps)


@pytest.mark.parametrize(
    ("case", "step", "at", "why"),
    [
        (a_case(opened=0), Step.CLOSED, 5, None),
        (a_case(opened=0), Step.CLOSED, -1, "before it was opened"),
        (a_case(opened=0), Step.CLOSED, 101, "still to come"),
        (a_case(opened=0, closed=5), Step.CLOSED, 6, "closed since 2024-02-06"),
        (a_case(opened=0, closed=5), Step.DISCUSSED, 3, "reopen it first"),
        (a_case(opened=0, closed=5), Step.REOPENED, 4, "before it was closed"),
        (a_case(opened=0, closed=5), Step.REOPENED, 5, None),
        (a_case(opened=0), Step.REOPENED, 5, "open already"),
        (a_case(opened=0, closed=5, reopened=9), Step.CLOSED, 7, "before it was opened (2024-02-10)"),
        (a_case(opened=0), Step.JUDGMENT, 5, "of a court case"),
        (court(), Step.JUDGMENT, 5, None),
        (court(), Step.APPEAL, 5, "no judgment"),
        (court(judgment=5), Step.APPEAL, 4, "no judgment before 2024-02-05"),
        (court(judgment=5), Step.APPEAL, 5, None),
        (court(judgment=5, final=9), Step.APPEAL, 10, "final since"),
        (court(final=9), Step.REOPENED, 10, "final since"),
        (court(final=9), Step.CLOSED, 10, "final since"),
        (court(closed=9), Step.REOPENED, 10, None),
    ],
)
def test_what_may_follow_what(case: Case, step: Step, at: float, why: str | None) -> None:
    said = objection(case, step, day(at), now=day(100))
    assert said is None if why is None else said is not None and why in said


@pytest.mark.parametrize(
    ("steps", "final"),
    [
        ({}, None),
        ({"judgment": 10}, 40),
        ({"judgment": 10, "appeal": 40}, None),  # on the last day
        ({"judgment": 10, "appeal": 40.1}, 40),  # too late
        ({"judgment": 10, "appeal": 20, "judgment_2": 90}, 120),
        ({"judgment": 10, "appeal": 20, "judgment_2": 90, "final": 95}, 95),
        ({"judgment": 10, "final": 60}, 40),  # it was final before somebody wrote that down
        ({"final": 7}, 7),
        ({"judgment": 10, "appeal": 41, "judgment_2": 90}, 40),  # final stays final
        ({"appeal": 20, "judgment": 10}, None),  # written down in the wrong order
        ({"judgment": 10, "judgment_2": 20}, 50),
        ({"closed": 12}, 12),
        ({"closed": 12, "reopened": 15}, None),
        ({"judgment": 10, "closed": 12, "reopened": 15}, 40),
    ],
)
def test_when_a_court_case_is_final(steps: dict[str, float], final: float | None) -> None:
    assert court(**steps).in_court().final_on(appeal_days=30) == (None if final is None else day(final))


def test_the_last_of_several_court_cases_counts() -> None:
    rule, first, second = UntilCourtFinal(900, plus_days=5, appeal_days=30), court(judgment=10), court(final=70)
    assert rule.verdict(Facts(T0, {}, court_of([first, second])), T0).ends_at == day(75)
    assert rule.verdict(Facts(T0, {}, court_of([first, second, court()])), T0).ends_at == day(900)
    complaint = a_case(opened=0)
    assert court_of([complaint]) == () and rule.verdict(Facts(T0, {}), T0).ends_at == day(30)
    assert rule.verdict(Facts(T0, {}, (CourtCase(),)), day(31)).reason.startswith("kept until 5 days after its court case is final")


def test_several_cases_of_one_recording() -> None:
    opened, closed = a_case(opened=0), a_case(opened=0, closed=5)
    assert Milestone.CASE_CLOSED not in milestones_of([opened, closed])
    assert milestones_of([closed, a_case(opened=0, closed=9)])[Milestone.CASE_CLOSED] == day(9)
    assert Milestone.CASE_CLOSED not in milestones_of([a_case(opened=0, closed=5, reopened=7)])
    assert milestones_of([court(final=8)])[Milestone.CASE_CLOSED] == day(8)
    assert milestones_of([]) == {}
    facts = Facts(T0, milestones_of([closed]))
    assert UntilCaseClosed(900, 3).verdict(facts, T0).ends_at == day(8)


def test_discussed_counts_once_every_open_case_was() -> None:
    talked, silent = a_case(opened=0, discussed=4), a_case(opened=0)
    assert milestones_of([talked])[Milestone.DISCUSSED] == day(4)
    assert Milestone.DISCUSSED not in milestones_of([talked, silent])
    assert milestones_of([talked, a_case(opened=0, closed=9)])[Milestone.DISCUSSED] == day(4)
    assert Milestone.DISCUSSED not in milestones_of([a_case(opened=0, discussed=4, closed=5, reopened=7)])  # it must be talked about again
    facts = Facts(T0, milestones_of([talked]))
    assert UntilDiscussed(100, 2).verdict(facts, T0).ends_at == day(6)
