from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from asterisk_privacy.policy.retention import Criterion, Days, Facts, Milestone, UntilCaseClosed, UntilReviewed
from asterisk_privacy.retention.plan import Item, Promise, all_of_several_days, exceeds, judge, plan

T0 = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
NO_BRAKE = (100, 1)


def item(name: str, *criteria: Criterion, milestones: dict[Milestone, datetime] | None = None, at: datetime = T0) -> Item:
    return Item(name, at, tuple(Promise(type(c).__name__, c) for c in criteria), milestones or {})


def day(n: float) -> datetime:
    return T0 + timedelta(days=n)


def words(row: Item, now: datetime) -> str:
    facts = Facts(row.recorded_at, row.milestones)
    return "; ".join(f"{p.title}: {p.criterion.verdict(facts, now).reason}" for p in row.promises)


def test_it_goes_when_all_its_purposes_ended_and_says_why_for_each() -> None:
    both = item("r1", Days(30), UntilReviewed(90), milestones={Milestone.REVIEWED: day(40)})
    assert not judge(both, day(29)).delete
    waiting = judge(both, day(35))
    assert not waiting.delete and waiting.due == day(40)
    assert waiting.reason == words(both, day(35)) and "UntilReviewed: kept until its review on 2026-04-10" in waiting.reason
    ended = judge(both, day(40))
    assert ended.delete and ended.due == day(40)
    assert ended.reason == words(both, day(40)) and "; UntilReviewed: reviewed on 2026-04-10" in ended.reason


def test_the_border_is_exact() -> None:
    assert not judge(item("r1", Days(30)), day(30) - timedelta(microseconds=1)).delete
    assert judge(item("r1", Days(30)), day(30)).delete


def test_what_somebody_asks_for_waits_until_a_moment_and_says_so() -> None:
    asked = replace(item("r1", Days(30)), waits=((day(40), ("asked-for", "7", day(39))),))
    waiting = judge(asked, day(40) - timedelta(microseconds=1))
    assert waiting.blocked and not waiting.delete and "request 7 of a person concerns it" in waiting.reason
    over = judge(asked, day(40))
    assert over.delete and not over.blocked and "request" not in over.reason


def test_without_a_purpose_nothing_keeps_it() -> None:
    planned = judge(item("r1"), day(3))
    assert planned.delete and planned.due == T0 and "no purpose" in planned.reason


def test_the_longest_due_comes_first() -> None:
    result = plan([item("b", Days(20)), item("a", Days(30)), item("c", Days(90)), item("d", Days(20))], day(40), *NO_BRAKE)
    assert [p.item_id for p in result.items] == ["b", "d", "a", "c"]
    assert [p.item_id for p in result.deletions] == ["b", "d", "a"]


@pytest.mark.parametrize(
    ("due", "kept", "percent", "at_least", "braked"),
    [
        (25, 75, 25, 20, False),  # exactly the share
        (26, 74, 25, 20, True),
        (19, 0, 25, 20, False),  # a small store may go whole
        (20, 0, 25, 20, True),  # exactly the number
        (20, 60, 25, 20, False),
        (20, 59, 25, 20, True),
        (50, 0, 100, 20, False),  # more than all there are cannot be
        (0, 10, 1, 1, False),
        (1, 2, 33, 1, True),
        (1, 2, 34, 1, False),
    ],
)
def test_the_brake_at_its_border(due: int, kept: int, percent: int, at_least: int, braked: bool) -> None:
    rows = [item(f"d{n}", Days(10)) for n in range(due)] + [item(f"k{n}", Days(90)) for n in range(kept)]
    result = plan(rows, day(20), percent, at_least)
    assert result.braked is braked and len(result.deletions) == due


moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
spans = st.integers(1, 800)
criteria = st.one_of(
    st.builds(Days, spans),
    st.builds(UntilReviewed, spans, st.integers(0, 60)),
    st.builds(UntilCaseClosed, spans, st.integers(0, 60), st.integers(1, 60)),
)


@st.composite
def stores(draw: st.DrawFn) -> list[Item]:
    size = draw(st.integers(0, 12))
    return [
        item(
            f"r{n}",
            *draw(st.lists(criteria, max_size=3)),
            milestones=draw(st.dictionaries(st.sampled_from(Milestone), moments)),
            at=draw(moments),
        )
        for n in range(size)
    ]


@settings(max_examples=60, deadline=None)
@given(rows=stores(), now=moments, percent=st.integers(1, 100), at_least=st.integers(1, 12))
def test_nothing_outlives_its_latest_date_and_nothing_goes_while_a_purpose_lives(
    rows: list[Item], now: datetime, percent: int, at_least: int
) -> None:
    result = plan(rows, now, percent, at_least)
    assert sorted(p.item_id for p in result.items) == sorted(row.item_id for row in rows)
    verdicts = {p.item_id: p for p in result.items}
    for row in rows:
        planned = verdicts[row.item_id]
        facts = Facts(row.recorded_at, row.milestones)
        lives = any(not promise.criterion.verdict(facts, now).ended for promise in row.promises)
        latest = max((row.recorded_at + timedelta(days=p.criterion.latest_days) for p in row.promises), default=row.recorded_at)
        assert planned.delete is not lives
        assert now < latest or planned.delete
        assert planned.delete == (planned.due <= now)
        assert row.promises == () or planned.due <= latest
        assert all(promise.title in planned.reason for promise in row.promises)
        event(f"delete {planned.delete}, {len(row.promises)} purposes")
    going = sum(p.delete for p in result.items)
    assert result.braked == (going >= at_least and going / max(len(rows), 1) * 100 > percent + 1e-9)
    event(f"braked {result.braked}")


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 100))
def test_more_than_a_share_in_whole_numbers(part: int, whole: int, percent: int) -> None:
    assert exceeds(part, whole, percent) == (100 * part - percent * whole > 0)


def held(item_id: str, days: int, at: datetime = T0) -> Item:
    return replace(item(item_id, Days(days), at=at), blocks=(("held", "anna", T0),))


LAST = day(9.5)  # the run before the one at day 10.5


@pytest.mark.parametrize(
    ("ages", "last_run", "stops"),
    [
        ([0], None, False),  # the first run of a store with one recording
        ([0, 0.4, 0.9], None, False),  # ... and with those of a day
        ([0, 0.4, 2], None, True),
        ([0, 0.4, 2], LAST, True),  # the last run found none of them due: the policy is another one now
        ([9, 9.1, 9.2], LAST, False),  # one day's, which have ended since
        ([8, 8.1, 9.9], day(8), False),  # the recorder was off for two days
        ([8, 8.1, 9.9], day(9), True),
        ([], None, False),
    ],
)
def test_all_at_once_of_several_days_stops_however_few(ages: list[float], last_run: datetime | None, stops: bool) -> None:
    """`ages`: days from T0 on which they end."""
    ended = [item(f"r{n}", Days(1), at=day(age - 1)) for n, age in enumerate(ages)]
    made = plan(ended, day(10.5), 25, 20)
    assert all_of_several_days(made, last_run) is stops and not made.braked
    kept = item("k", Days(90))
    assert not all_of_several_days(plan([*ended, kept], day(10.5), 25, 20), last_run), "something stays"
    under_hold = plan([*ended, held("h", 1)], day(10.5), 25, 20)
    assert all_of_several_days(under_hold, last_run) is stops, "a hold does not make it less"
    assert not all_of_several_days(plan([*ended, held("h", 90)], day(10.5), 25, 20), last_run)


def test_what_was_objected_to_goes_whatever_else_goes_with_it() -> None:
    made = plan([item("a", at=day(0)), item("b", at=day(5))], day(10.5), 25, 20)
    assert len(made.deletions) == 2 and not all_of_several_days(made, LAST)


def test_what_an_earlier_run_found_due_is_no_surprise() -> None:
    """Two were held until now; a third has an end that is another one than what was found."""
    ends = [replace(item(f"r{n}", Days(1), at=day(n)), found_due=day(n + 1)) for n in (0, 3)]
    made = plan(ends, day(10.5), 25, 20)
    assert len(made.deletions) == 2 and not all_of_several_days(made, LAST)
    later = replace(item("c", Days(5), at=day(0)), found_due=day(1))
    assert not all_of_several_days(plan([*ends, later], day(10.5), 25, 20), LAST), "one alone is of one day"
    assert all_of_several_days(plan([*ends, later, item("d", Days(1), at=day(0))], day(10.5), 25, 20), LAST)


def test_what_is_due_and_held_is_told_once() -> None:
    first = plan([held("h", 1), held("later", 90)], day(10.5), 25, 20)
    assert first.newly_held == (("h", day(1)),)
    assert plan([replace(held("h", 1), found_due=day(1))], day(10.5), 25, 20).newly_held == ()
