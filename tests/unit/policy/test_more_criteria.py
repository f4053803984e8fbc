"""The criteria beyond days, reviewed and case closed: evaluation, lessons, the first of several, and old snapshots."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from asterisk_privacy.policy.evaluations import Calendar, Rhythm, next_turn
from asterisk_privacy.policy.facts import Facts, Milestone
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
    criterion_from_mapping,
    criterion_to_mapping,
)

CALL = datetime(2026, 1, 10, 14, 30, tzinfo=UTC)


def after(days: float) -> datetime:
    return CALL + timedelta(days=days)


@pytest.mark.parametrize(
    ("day", "rhythm", "turn"),
    [
        (date(2026, 1, 1), Rhythm.QUARTERLY, date(2026, 4, 1)),  # not the day itself
        (date(2026, 3, 31), Rhythm.QUARTERLY, date(2026, 4, 1)),
        (date(2026, 12, 31), Rhythm.QUARTERLY, date(2027, 1, 1)),
        (date(2024, 2, 29), Rhythm.MONTHLY, date(2024, 3, 1)),
        (date(2026, 12, 5), Rhythm.MONTHLY, date(2027, 1, 1)),
        (date(2026, 6, 30), Rhythm.HALF_YEARLY, date(2026, 7, 1)),
        (date(2026, 7, 1), Rhythm.HALF_YEARLY, date(2027, 1, 1)),
        (date(2026, 7, 1), Rhythm.YEARLY, date(2027, 1, 1)),
    ],
)
def test_turns_of_the_calendar(day: date, rhythm: Rhythm, turn: date) -> None:
    assert next_turn(day, rhythm) == turn


def test_an_agents_own_dates_come_first() -> None:
    calendar = Calendar(agents={"PJSIP/anna": [date(2026, 3, 9), date(2026, 1, 10), date(2026, 2, 3)]})
    assert calendar.after(CALL, ("PJSIP/anna",)) == datetime(2026, 2, 3, tzinfo=UTC)  # not the day of the call
    assert calendar.after(after(90), ("PJSIP/anna",)) == datetime(2026, 7, 1, tzinfo=UTC)  # none left: the rhythm of all
    assert calendar.after(CALL, ("PJSIP/piet",)) == calendar.after(CALL, ()) == datetime(2026, 4, 1, tzinfo=UTC)
    late = datetime(2026, 4, 1, 1, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))  # still March in UTC
    assert calendar.after(late, ()) == datetime(2026, 4, 1, tzinfo=UTC)


def test_until_the_date_that_it_was_given() -> None:
    warranty = UntilGivenDate(3000, give_within_days=60)
    waiting = warranty.verdict(Facts(CALL, {}), CALL)
    assert waiting.ends_at == after(60) and waiting.reason == "kept until a date is given for it; without a date it ends on 2026-03-11"
    assert warranty.verdict(Facts(CALL, {}), after(60)).reason == "no date was given for it within 60 days"
    given = Facts(CALL, {Milestone.DATE_GIVEN: after(700)})
    assert warranty.verdict(given, after(699)).reason == "kept until the date that it was given, 2027-12-11; it ends on 2027-12-11"
    assert warranty.verdict(given, after(700)).ended and UntilGivenDate(3000, plus_days=9).verdict(given, CALL).ends_at == after(709)
    beyond = Facts(CALL, {Milestone.DATE_GIVEN: after(5000)})
    assert warranty.verdict(beyond, CALL).ends_at == after(3000)  # the latest date comes first
    assert warranty.verdict(Facts(CALL, {Milestone.DATE_GIVEN: after(-5)}), CALL).ends_at == CALL


def test_until_the_day_of_the_evaluation_is_over() -> None:
    quarterly = UntilEvaluation(200).verdict(Facts(CALL, {}), CALL)
    assert quarterly.ends_at == datetime(2026, 4, 2, tzinfo=UTC)
    assert quarterly.reason == "kept until the agent's evaluation on 2026-04-01; it ends on 2026-04-02"
    own = Facts(CALL, {}, evaluation=datetime(2026, 2, 3, tzinfo=UTC))
    assert UntilEvaluation(200, 7).verdict(own, CALL).ends_at == datetime(2026, 2, 11, tzinfo=UTC)
    assert UntilEvaluation(20, 7).verdict(own, CALL).ends_at == after(20)
    assert UntilEvaluation(200, 7).verdict(own, after(60)).reason == "agent evaluated on 2026-02-03, 7 days kept after that"


def test_a_lesson_is_kept_by_a_persons_decision_only_and_bounded() -> None:
    reviewed = {Milestone.REVIEWED: after(5)}
    rule, strict = UntilReviewed(35, lesson_days=100), UntilReviewed(35)
    for lesson, ends in ((None, 5), (20, 20), (3, 5), (60, 60), (100, 100), (300, 100)):
        facts = Facts(CALL, reviewed, lesson=None if lesson is None else after(lesson))
        assert rule.verdict(facts, CALL).ends_at == after(ends)
        assert strict.verdict(facts, CALL).ends_at == after(min(ends, 35))
    facts = Facts(CALL, reviewed, lesson=after(60))
    assert rule.verdict(facts, after(10)).reason == "kept as a lesson, by a person's decision; it ends on 2026-03-11"
    assert rule.verdict(facts, after(60)).reason == "its time as a lesson was over on 2026-03-11"
    for other in (Days(30), UntilCaseClosed(30), UntilCourtFinal(30), UntilDiscussed(30)):
        assert other.verdict(facts, CALL).ends_at <= after(30)
    assert AnyOf(35, (rule, UntilEvaluation(35))).verdict(facts, CALL).ends_at == after(60)
    assert AnyOf(35, (Days(10), UntilCaseClosed(35))).verdict(facts, CALL).ends_at == after(10)


def test_the_first_of_several() -> None:
    rule = AnyOf(90, (UntilReviewed(90, 2), UntilDiscussed(60), UntilEvaluation(90)))
    assert rule.verdict(Facts(CALL, {}), CALL).ends_at == after(60)
    assert rule.verdict(Facts(CALL, {}), after(60)).reason == "latest date reached (60 days after the call)"
    reviewed = Facts(CALL, {Milestone.REVIEWED: after(3)})
    assert rule.verdict(reviewed, after(4)).reason == "kept until 2 days after its review on 2026-01-13; it ends on 2026-01-15"
    both = Facts(CALL, {Milestone.REVIEWED: after(3), Milestone.DISCUSSED: after(4)})
    assert rule.verdict(both, after(9)).reason == "discussed with the customer on 2026-01-14"
    assert rule.in_words() == (
        "2 days after it was reviewed or the matter was discussed with the customer or the agent's next evaluation, whichever comes first"
    )
    waiting = AnyOf(90, (UntilReviewed(90), UntilDiscussed(90))).verdict(Facts(CALL, {}), CALL)
    assert waiting.reason == ("kept until it has been reviewed or the matter was discussed with the customer; at the latest on 2026-04-10")


CRITERIA: tuple[Criterion, ...] = (
    UntilEvaluation(100, 7, 400),
    UntilDiscussed(100, 3),
    UntilCourtFinal(3650, 30, 92, 60),
    AnyOf(100, (UntilReviewed(100), UntilEvaluation(90, 7))),
)


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda c: type(c).__name__)
def test_criteria_survive_as_plain_values(criterion: Criterion) -> None:
    assert criterion_from_mapping(criterion_to_mapping(criterion)) == criterion
    assert len({criterion.in_words(language) for language in ("nl", "en", "de")}) == 3


def test_snapshots_from_before_stay_readable() -> None:
    assert criterion_from_mapping({"until": "reviewed", "latest_days": 35, "plus_days": 2}) == UntilReviewed(35, 2)
    closed = {"until": "case-closed", "latest_days": 9, "plus_days": 1, "link_within_days": 3}
    assert criterion_from_mapping(closed) == UntilCaseClosed(9, 1, 3)


@pytest.mark.parametrize("until", [[], ["reviewed"], [{"until": "never"}], [{"until": "reviewed", "x": 1}]])
def test_wrong_lists_are_named(until: list[object]) -> None:
    with pytest.raises(ValueError, match="retention"):
        criterion_from_mapping({"until": until, "latest_days": 30})
