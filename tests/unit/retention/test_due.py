"""The quick way to what is due finds all that judging everything finds: on random histories, at the border, at a million."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retention_samples import T0, Place

from asterisk_privacy.daemon.purging import RegistryRows, to_item
from asterisk_privacy.policy.evaluations import Calendar
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import (
    CRITERIA,
    AnyOf,
    CourtCase,
    Criterion,
    Days,
    Facts,
    Milestone,
    UntilCaseClosed,
    UntilReviewed,
    criterion_from_mapping,
)
from asterisk_privacy.registry import due
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State, WrongState
from asterisk_privacy.retention.border import MILLISECOND, border
from asterisk_privacy.retention.plan import plan

NO_MATTER = {"quota_places"}  # tables that name a recording and say nothing about its end

spans = st.integers(1, 400)
simple = st.sampled_from(sorted(CRITERIA)).flatmap(
    lambda until: st.builds(lambda latest: criterion_from_mapping({"until": until, "latest_days": latest}), spans)
)
criteria: st.SearchStrategy[Criterion] = simple | st.builds(
    lambda latest, parts: AnyOf(latest, tuple(parts)), spans, st.lists(simple, min_size=2, max_size=3)
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))
events_of_one = st.dictionaries(st.sampled_from(Milestone), st.timedeltas(timedelta(0), timedelta(days=450)))
calendars = st.dictionaries(st.just("PJSIP/anna"), st.lists(st.dates(datetime(2025, 6, 1).date(), datetime(2027, 6, 1).date()), max_size=3))


@settings(max_examples=150, deadline=None)
@given(criterion=criteria, now=moments, age=st.timedeltas(timedelta(0), timedelta(days=450)), dates=calendars)
def test_without_events_only_age_counts(criterion: Criterion, now: datetime, age: timedelta, dates: dict[str, list[object]]) -> None:
    """What the border relies on, for every criterion and calendar: at the border ended, after it alive, before it ended."""
    calendar = Calendar(agents=dates)  # type: ignore[arg-type]

    def evaluation(at: datetime) -> datetime:
        return calendar.after(at, ("PJSIP/anna",))

    def ended(at: datetime) -> bool:
        return criterion.verdict(Facts(at, {}, evaluation=evaluation(at)), now).ended

    edge = border(criterion, now, evaluation)
    assert ended(edge) and not ended(edge + MILLISECOND)
    at = now - age
    assert ended(at) == (at <= edge) or edge < at < edge + MILLISECOND


def both(place: Place, now: datetime) -> tuple[list[str], list[str]]:
    rows = RegistryRows(place.registry)
    quick = plan(rows.maybe_due(now), now, 100, 1, total=rows.count())
    full = plan([to_item(row) for row in place.registry.recordings(state=State.SEALED)], now, 100, 1)
    assert quick.total == full.total and quick.braked == full.braked
    assert [(p.item_id, p.due, p.reason) for p in quick.items] == [(p.item_id, p.due, p.reason) for p in full.deletions]
    told = plan(rows.items(), now, 100, 1)
    assert [(p, p.reason) for p in told.items] == [(p, p.reason) for p in full.items], "what explains all says the same"
    return [p.item_id for p in quick.items], [p.item_id for p in full.items]


def a_purpose(name: str, criterion: Criterion) -> Purpose:
    return Purpose(name, name, Basis.CONTRACT, "because", Trigger.ALWAYS, criterion)


steps = st.lists(
    st.tuples(st.sampled_from(["reviewed", "dated", "opened", "closed", "withdraw", "nothing"]), st.integers(0, 420)), max_size=3
)


@settings(max_examples=25, deadline=None)
@given(
    recordings=st.lists(st.tuples(st.integers(0, 400), st.lists(criteria, min_size=1, max_size=3), steps), max_size=8),
    nights=st.lists(st.integers(0, 800), min_size=1, max_size=4),
)
def test_the_quick_plan_is_the_full_plan(
    tmp_path_factory: pytest.TempPathFactory, recordings: list[tuple[int, list[Criterion], list[tuple[str, int]]]], nights: list[int]
) -> None:
    """Random promises, reviews, cases in time and late, objections."""
    place = Place(tmp_path_factory.mktemp("due"), clock=lambda: T0 + timedelta(days=3000))
    for number, (day, promises, events) in enumerate(recordings):
        name, at = f"{number:032x}", T0 + timedelta(days=day)
        place.registry.begin_call(name, "sales", at, None, None, "in")
        place.registry.begin_recording(name, name, at, [a_purpose(f"p{n}", c) for n, c in enumerate(promises)], 1)
        place.registry.seal_recording(name, at, 11, "ab" * 32, 1000, False)
        for n, (what, later) in enumerate(events):
            case, when = f"{number}-{n}", at + timedelta(days=later)
            if what == "withdraw":
                left = place.registry.recording(name)
                if left is not None and left.purposes:
                    place.registry.withdraw_purpose(name, left.purposes[0].name, at + timedelta(days=later), "asked")
            elif what == "reviewed":
                place.registry.milestone(name, Milestone.REVIEWED, when, "anna")
            elif what == "dated":
                place.registry.milestone(name, Milestone.DATE_GIVEN, when, "anna")
            elif what == "opened":
                place.registry.open_case("complaint", case, when, "anna")
                place.registry.link_case(case, name, when, "anna")
            elif what == "closed":
                for row in place.registry.cases(recording_id=name):
                    with suppress(WrongState):  # before it was opened, or twice
                        place.registry.case_step(row.reference, "closed", when, "anna")
    for night in nights:
        both(place, T0 + timedelta(days=night, hours=3))
    place.registry.close()


def test_at_the_border_to_the_millisecond(place: Place) -> None:
    recording = place.record(Days(30))
    assert both(place, T0 + timedelta(days=30) - MILLISECOND)[0] == []
    assert both(place, T0 + timedelta(days=30))[0] == [recording]


def test_an_event_makes_the_young_due_and_a_late_case_keeps_the_old(place: Place) -> None:
    reviewed, late, all_objected = (place.record(c) for c in (UntilReviewed(300), UntilCaseClosed(300, 0, 30), Days(300)))
    now = T0 + timedelta(days=31)
    place.registry.milestone(reviewed, Milestone.REVIEWED, T0 + timedelta(days=1), "anna")
    place.registry.open_case("complaint", "C-1", now - timedelta(hours=1), "anna")
    place.registry.link_case("C-1", late, now - timedelta(hours=1), "anna")
    place.registry.withdraw_purpose(all_objected, "p", now, "asked")
    assert sorted(both(place, now)[0]) == sorted([reviewed, all_objected])


def test_the_last_purpose_withdrawn_makes_the_youngest_due(place: Place) -> None:
    """Where age alone would pass it over: no other promise is near its end."""
    recording = place.record(Days(300))
    place.registry.withdraw_purpose(recording, "p", T0, "asked")
    assert both(place, T0 + timedelta(days=1))[0] == [recording]


def test_chunk_by_chunk_none_is_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "CHUNK", 2)
    recordings = [place.record(Days(30), file=False) for _ in range(5)]
    assert sorted(both(place, T0 + timedelta(days=31))[0]) == sorted(recordings)


def test_what_cannot_be_read_is_not_passed_over(place: Place) -> None:
    recording = place.record(Days(300))
    assert both(place, T0)[0] == []
    with sqlite3.connect(place.registry.where) as db:
        db.execute('UPDATE recording_purposes SET criterion = \'{"until": "doomsday"}\'')
    others = [place.record(Days(30)) for _ in range(3)]
    report = place.purger().run(T0 + timedelta(days=400), dry_run=False)
    assert [(failure.item_id, "cannot be read" in failure.why) for failure in report.failed] == [(recording, True)]
    assert place.registry.state(recording) is State.SEALED and sorted(report.deleted) == sorted(others), "it stops no other"


def test_every_table_that_names_a_recording_was_thought_of(tmp_path: Path) -> None:
    """A new one must make its recording eventful, as in m0007_due, or stand here."""
    Registry.open(tmp_path / "r.sqlite").close()
    with sqlite3.connect(tmp_path / "r.sqlite") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        naming = {t for t in tables if any(column[1] == "recording_id" for column in db.execute(f"PRAGMA table_info({t})"))}
        guarded = {t for (t,) in db.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%eventful%'")}
    assert naming - NO_MATTER == guarded


def test_the_purger_plans_the_quick_way_and_explains_the_full_way(place: Place) -> None:
    due, kept = place.record(Days(30)), place.record(Days(300))
    now = T0 + timedelta(days=31)
    quick = place.purger().run(now, dry_run=True)
    assert [p.item_id for p in quick.plan.items] == [due] and quick.plan.total == 2
    full = place.purger().run(now, dry_run=True, explain=True)
    assert {p.item_id for p in full.plan.items} == {due, kept} and full.plan.total == 2


@settings(max_examples=150, deadline=None)
@given(criterion=criteria, now=moments, age=st.timedeltas(timedelta(0), timedelta(days=450)), events=events_of_one, dates=calendars)
def test_what_age_alone_ends_no_event_ends_sooner(
    criterion: Criterion, now: datetime, age: timedelta, events: dict[Milestone, timedelta], dates: dict[str, list[object]]
) -> None:
    """What keeps eventful recordings off the list; and each criterion that says so is a Days or an evaluation, or made of such."""
    at = now - age
    evaluation = Calendar(agents=dates).after(at, ("PJSIP/anna",))  # type: ignore[arg-type]
    milestones = {kind: at + later for kind, later in events.items()}
    court = (CourtCase(tuple(milestones.items())),)
    alone = criterion.verdict(Facts(at, {}, evaluation=evaluation), now).ends_at
    for lesson in (None, now):
        eventful = criterion.verdict(Facts(at, milestones, court, evaluation, lesson), now).ends_at
        assert not criterion.by_age_alone() or eventful >= alone
