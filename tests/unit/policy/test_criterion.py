"""What every criterion does of itself, also one that is added tomorrow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from asterisk_privacy.policy.criterion import LATEST_DAYS_MAX, Criterion, Outlook
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.retention import CRITERIA, NO_EVENTS, AnyOf, Days, UntilDiscussed, UntilReviewed
from asterisk_privacy.policy.words import Clause

CALL = datetime(2026, 1, 10, 14, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class UntilPaid(Criterion):
    """As the recipe in `policy/retention.py` has it; nothing is said of its settings anywhere."""

    plus_days: int = 0
    reminder_days: int = 14

    def outlook(self, facts: Facts) -> Outlook:
        return Outlook(None, (), ("kept-until", self.rule()))

    def events(self) -> frozenset[Milestone]:
        return NO_EVENTS

    def rule(self) -> Clause:
        return ("days", self.latest_days)


@pytest.mark.parametrize(
    ("criterion", "setting"),
    [
        (UntilPaid(0), "latest_days"),
        (UntilPaid(-1), "latest_days"),
        (UntilPaid(LATEST_DAYS_MAX + 1), "latest_days"),
        (UntilPaid(30, plus_days=-5), "plus_days"),
        (UntilPaid(30, plus_days=30), "plus_days"),
        (UntilPaid(30, reminder_days=-1), "reminder_days"),
        (UntilPaid(30, reminder_days=LATEST_DAYS_MAX + 1), "reminder_days"),
    ],
)
def test_a_new_criterion_refuses_absurd_settings_by_name(criterion: Criterion, setting: str) -> None:
    (problem,) = criterion.problems("purposes.x.retention")
    assert problem.place == f"purposes.x.retention.{setting}" and problem.remedy


def test_a_new_criterion_with_sane_settings_is_fine() -> None:
    assert list(UntilPaid(30, plus_days=29, reminder_days=0).problems("x")) == []


@pytest.mark.parametrize("kind", CRITERIA.values(), ids=CRITERIA)
def test_it_names_the_events_that_it_needs(kind: type[Criterion]) -> None:
    """Those that it does not name change nothing; of those that it names one ends it, alone or after the one before it."""
    criterion = kind(90)
    before = criterion.ending(Facts(CALL, {}))
    for milestone in Milestone:
        at = CALL + timedelta(days=3)
        in_court = (CourtCase(((milestone, at),)),) if milestone in (Milestone.JUDGMENT, Milestone.APPEAL, Milestone.FINAL) else ()
        changed = criterion.ending(Facts(CALL, {} if in_court else {milestone: at}, in_court)) != before
        assert changed == (milestone in criterion.events()), milestone
    assert criterion.by_age_alone() == (not criterion.events())


def test_of_several_the_events_of_all() -> None:
    either = AnyOf(90, (Days(30), UntilReviewed(90), UntilDiscussed(90)))
    assert either.events() == {Milestone.REVIEWED, Milestone.DISCUSSED} and not either.by_age_alone()
    assert AnyOf(90, (Days(30), Days(40))).by_age_alone()
