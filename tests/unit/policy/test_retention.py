from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from asterisk_privacy.policy.retention import (
    CRITERIA,
    Criterion,
    Days,
    Facts,
    Milestone,
    UntilCaseClosed,
    UntilReviewed,
    criterion_from_mapping,
    criterion_to_mapping,
)

CALL = datetime(2026, 1, 10, 14, 30, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def after(days: float) -> datetime:
    return CALL + timedelta(days=days)


def facts(**milestones: float) -> Facts:
    """Milestones by name, in days after the call."""
    return Facts(CALL, {Milestone(name.replace("_", "-")): after(days) for name, days in milestones.items()})


@pytest.mark.parametrize(
    ("criterion", "what_happened", "now", "ends", "reason"),
    [
        (Days(30), facts(), 3, 30, "kept for 30 days after the call; it ends on 2026-02-09"),
        (Days(30), facts(), 30, 30, "30 days after the call"),
        (Days(1), facts(), 1, 1, "1 day after the call"),
        (Days(30), facts(reviewed=2, case_opened=3), 10, 30, "kept for 30 days after the call; it ends on 2026-02-09"),
        (UntilReviewed(35), facts(), 3, 35, "kept until it has been reviewed; at the latest on 2026-02-14"),
        (UntilReviewed(35), facts(reviewed=3), 3, 3, "reviewed on 2026-01-13"),
        (UntilReviewed(35, 7), facts(), 3, 35, "kept until 7 days after it was reviewed; at the latest on 2026-02-14"),
        (UntilReviewed(35, 7), facts(reviewed=3), 4, 10, "kept until 7 days after its review on 2026-01-13; it ends on 2026-01-20"),
        (UntilReviewed(35, 7), facts(reviewed=3), 10, 10, "reviewed on 2026-01-13, 7 days kept after that"),
        (UntilReviewed(35, 7), facts(reviewed=30), 31, 35, "kept until 7 days after its review on 2026-02-09; at the latest on 2026-02-14"),
        (UntilReviewed(35, 7), facts(reviewed=30), 35, 35, "latest date reached (35 days after the call)"),
        (UntilReviewed(35), facts(), 35, 35, "latest date reached (35 days after the call)"),
        (UntilReviewed(35), facts(reviewed=50), 60, 35, "latest date reached (35 days after the call)"),
        (UntilCaseClosed(730), facts(), 3, 30, "kept until a case is opened and closed; without a case it ends on 2026-02-09"),
        (UntilCaseClosed(730), facts(), 30, 30, "no case was opened within 30 days"),
        (UntilCaseClosed(730), facts(case_opened=5), 60, 730, "kept until its case is closed; at the latest on 2028-01-10"),
        (UntilCaseClosed(730), facts(case_opened=5), 730, 730, "latest date reached (730 days after the call)"),
        (UntilCaseClosed(730), facts(case_opened=5, case_closed=50), 50, 50, "case closed on 2026-03-01"),
        (
            UntilCaseClosed(730, 30),
            facts(case_opened=5, case_closed=50),
            60,
            80,
            "kept until 30 days after its case was closed on 2026-03-01; it ends on 2026-03-31",
        ),
        (UntilCaseClosed(730, 30), facts(case_opened=5, case_closed=50), 80, 80, "case closed on 2026-03-01, 30 days kept after that"),
        (
            UntilCaseClosed(730, 1),
            facts(case_opened=5),
            6,
            730,
            "kept until 1 day after its case is closed; at the latest on 2028-01-10",
        ),
    ],
)
def test_when_it_ends_and_why(criterion: Criterion, what_happened: Facts, now: float, ends: float, reason: str) -> None:
    verdict = criterion.verdict(what_happened, after(now))
    assert (verdict.ends_at, verdict.reason, verdict.ended) == (after(ends), reason, ends <= now)


def test_it_ends_at_the_moment_itself_not_a_day_later() -> None:
    assert not Days(30).verdict(facts(), after(30) - INSTANT).ended
    assert Days(30).verdict(facts(), after(30)).ended


def test_a_case_reopened_is_waited_for_again() -> None:
    reopened = facts(case_closed=50, case_opened=60)
    assert UntilCaseClosed(730, 30).verdict(reopened, after(100)).ends_at == after(730)


def test_a_case_opened_late_still_counts_while_the_recording_is_there() -> None:
    assert not UntilCaseClosed(730).verdict(facts(case_opened=31), after(32)).ended


def test_a_case_closed_the_moment_it_was_opened_is_closed() -> None:
    assert UntilCaseClosed(730).verdict(facts(case_opened=5, case_closed=5), after(6)).ended


def test_a_case_closed_before_the_call_counts_from_the_call() -> None:
    earlier = facts(case_opened=-9, case_closed=-2)
    assert UntilCaseClosed(730, 30).verdict(earlier, after(1)).ends_at == after(30)
    assert UntilCaseClosed(730).verdict(earlier, after(1)).ends_at == CALL


@pytest.mark.parametrize("begin", [datetime(2024, 2, 28, 12, tzinfo=UTC), datetime(2023, 2, 28, 12, tzinfo=UTC)])
def test_leap_days_are_days(begin: datetime) -> None:
    assert Days(2).verdict(Facts(begin, {}), begin).ends_at - begin == timedelta(hours=48)


def test_summer_time_does_not_move_the_end() -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    evening_before = datetime(2026, 3, 28, 20, 0, tzinfo=amsterdam)
    end = Days(1).verdict(Facts(evening_before, {}), evening_before).ends_at
    assert end == evening_before.astimezone(UTC) + timedelta(hours=24)
    reviewed = Facts(evening_before, {Milestone.REVIEWED: evening_before})
    assert UntilReviewed(30, 1).verdict(reviewed, evening_before).ends_at == end


def test_a_time_without_zone_is_refused() -> None:
    naive = datetime(2026, 1, 1)
    with pytest.raises(ValueError, match="time zone"):
        Facts(naive, {})
    with pytest.raises(ValueError, match="time zone"):
        Facts(CALL, {Milestone.REVIEWED: naive})
    with pytest.raises(ValueError, match="time zone"):
        Days(1).verdict(facts(), naive)


def test_the_rule_in_words() -> None:
    words = [c.in_words() for c in (Days(1), UntilReviewed(9), UntilReviewed(9, 7), UntilCaseClosed(99), UntilCaseClosed(99, 1, 14))]
    assert words == [
        "1 day after the call",
        "it has been reviewed",
        "7 days after it was reviewed",
        "its case is closed (without a case: 30 days after the call)",
        "1 day after its case is closed (without a case: 14 days after the call)",
    ]


def test_a_criterion_without_rules_cannot_be_made() -> None:
    with pytest.raises(TypeError):
        Criterion(30)  # type: ignore[abstract]


@pytest.mark.parametrize("criterion", [Days(30), UntilReviewed(35, 7), UntilCaseClosed(730, 30, 14)])
def test_criteria_survive_as_plain_values(criterion: Criterion) -> None:
    plain = criterion_to_mapping(criterion)
    assert all(type(value) in (str, int) for value in plain.values())
    assert criterion_from_mapping(plain) == criterion
    assert CRITERIA[str(plain["until"])] is type(criterion)


def test_plain_values_may_leave_out_what_has_a_default() -> None:
    assert criterion_from_mapping({"until": "case-closed", "latest_days": 9}) == UntilCaseClosed(9)


@pytest.mark.parametrize(
    ("plain", "names"),
    [
        ({"latest_days": 3}, "unknown retention criterion None"),
        ({"until": "doomsday", "latest_days": 3}, "'doomsday'"),
        ({"until": "days"}, "latest_days; got nothing"),
        ({"until": "days", "latest_days": "3"}, "latest_days"),
        ({"until": "days", "latest_days": True}, "latest_days"),
        ({"until": "days", "latest_days": 3, "plus_days": 1}, "takes latest_days; got latest_days, plus_days"),
    ],
)
def test_wrong_plain_values_are_named(plain: dict[str, object], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        criterion_from_mapping(plain)
