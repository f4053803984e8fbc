"""Random policies and histories against rules that must hold whatever happens (retention_histories.py); planted bugs that they and
others must see stand in test_planted_bugs.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retention_histories import CALL, HOUR, moments, run

from asterisk_privacy.policy import retention
from asterisk_privacy.policy.facts import CourtCase, Facts, Milestone
from asterisk_privacy.policy.retention import Days, UntilDiscussed, UntilReviewed
from asterisk_privacy.retention.plan import Item, Promise, plan


def test_no_history_breaks_the_rules() -> None:
    reached = run(300)
    for kind in ("held while due", "any of", "stricter", "as promised", "turned", "lesson"):
        assert reached[kind] > 10, reached
    assert reached["court"] > 2, reached


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
