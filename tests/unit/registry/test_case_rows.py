"""Cases, holds and lessons in the file: carried over from before, audited in the same transaction, forgotten with the audio."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from raw_database import Raw
from registry_samples import COMPLAINT, LATER, T0

from asterisk_privacy.policy.cases import Step
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.db import RegistryFile, sql
from asterisk_privacy.registry.migrate import migrate
from asterisk_privacy.registry.migrations import STEPS
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, WrongState

Sealed = Callable[..., str]
DAY = timedelta(days=1)


@pytest.fixture
def registry(place: Path | Server) -> Iterator[Registry]:
    with Registry.open(place, clock=lambda: LATER + 100 * DAY) as opened:
        yield opened


def row(registry: Registry, recording_id: str) -> RecordingRow:
    return registry.recording(recording_id) or pytest.fail()


def test_a_case_decides_for_all_its_recordings(registry: Registry, sealed: Sealed) -> None:
    sealed("r1"), sealed("r2", part=2)
    registry.open_case("complaint", "K-1", T0, "anna", "angry")
    for recording_id in ("r1", "r2", "r2"):
        registry.link_case("K-1", recording_id, LATER, "anna")
    assert registry.cases("K-1")[0].recordings == ("r1", "r2")
    assert set(row(registry, "r2").milestones) == {Milestone.CASE_OPENED}
    registry.case_step("K-1", Step.CLOSED, LATER, "anna")
    assert row(registry, "r1").milestones[Milestone.CASE_CLOSED] == row(registry, "r2").milestones[Milestone.CASE_CLOSED] == LATER
    registry.case_step("K-1", Step.REOPENED, LATER + DAY, "anna")
    [case] = registry.cases(recording_id="r1")
    assert (case.closed_at, case.reopened_at, case.opened_at) == (None, LATER + DAY, T0)
    assert Milestone.CASE_CLOSED not in row(registry, "r1").milestones
    registry.open_case("complaint", "K-2", T0, "anna")
    registry.link_case("K-2", "r1", LATER, "anna")
    registry.case_step("K-2", Step.CLOSED, LATER + 2 * DAY, "anna")
    assert Milestone.CASE_CLOSED not in row(registry, "r1").milestones  # K-1 is still open
    registry.case_step("K-1", Step.CLOSED, LATER + DAY, "anna")
    assert row(registry, "r1").milestones[Milestone.CASE_CLOSED] == LATER + 2 * DAY


@pytest.mark.parametrize("kind", sorted(set(Milestone) - {Milestone.REVIEWED, Milestone.DATE_GIVEN}))
def test_what_happens_in_a_case_is_no_milestone_of_a_recording(registry: Registry, sealed: Sealed, kind: Milestone) -> None:
    sealed("r1")
    with pytest.raises(WrongState, match="asterisk-privacy case"):
        registry.milestone("r1", kind, LATER, "anna", "K-1")
    assert row(registry, "r1").history == ()


def test_of_several_reviews_the_last_counts(registry: Registry, sealed: Sealed) -> None:
    sealed("r1")
    for day in (3, 1, 2):
        registry.milestone("r1", Milestone.REVIEWED, LATER + day * DAY, "anna")
    assert row(registry, "r1").milestones == {Milestone.REVIEWED: LATER + 3 * DAY}


def test_a_change_and_its_audit_row_live_or_die_together(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1")
    registry.open_case("court", "C-1", T0, "anna", "Mrs Jansen sues")
    registry.link_case("C-1", "r1", T0, "anna")
    hold = registry.place_hold(LATER, "anna", "Mrs Jansen sues", ["anna"], case="C-1")
    before = registry.audit_entries(None)
    assert [e.action for e in before[:3]] == ["hold.place", "case.link", "case.opened"] and {e.actor for e in before[:3]} == {"anna"}
    raw.refuse_audit()
    for change in (
        lambda: registry.case_step("C-1", Step.CLOSED, LATER, "anna"),
        lambda: registry.open_case("court", "C-2", T0, "anna"),
        lambda: registry.release_hold(hold.id, LATER, "anna", "x"),
        lambda: registry.place_hold(LATER, "anna", "x", ["anna"], recording_id="r1"),
        lambda: registry.lesson("r1", LATER + 9 * DAY, LATER, "anna", "x"),
    ):
        with pytest.raises(Exception, match="no more"):
            change()
    raw.take_audit()
    assert registry.audit_entries(None) == before and registry.verify_audit().ok
    assert len(registry.cases()) == len(registry.holds()) == 1 and registry.cases("C-1")[0].closed_at is None
    assert row(registry, "r1").circumstances.lesson is None
    assert "Jansen" not in repr(raw("SELECT * FROM audit"))


@pytest.mark.parametrize("on_case", [False, True])
def test_no_deletion_begins_under_a_hold(registry: Registry, sealed: Sealed, on_case: bool) -> None:
    """Whatever a planner thought: looked at again in the transaction that would begin it."""
    sealed("r1"), sealed("r2", "c2")
    registry.open_case("court", "C-1", T0, "anna")
    hold = registry.place_hold(LATER, "anna", "claim", ["anna"], **({"case": "C-1"} if on_case else {"recording_id": "r1"}))
    registry.link_case("C-1", "r1", LATER, "anna")  # linked after the hold was placed
    with pytest.raises(WrongState, match=f"legal hold {hold.id}"):
        registry.mark_purging("r1", LATER, "due")
    assert row(registry, "r1").state == "sealed" and [h.id for h in row(registry, "r1").circumstances.holds] == [hold.id]
    registry.mark_purging("r2", LATER, "due")
    registry.release_hold(hold.id, LATER, "anna", "over")
    registry.mark_purging("r1", LATER, "due")
    assert row(registry, "r1").circumstances.holds == ()


def test_words_go_with_the_last_recording_of_a_closed_case(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1"), sealed("r2", "c2")
    registry.open_case("complaint", "K-1", T0, "anna", "Mrs Jansen")
    for recording_id in ("r1", "r2"):
        registry.link_case("K-1", recording_id, LATER, "anna")
    registry.lesson("r1", LATER + 9 * DAY, LATER, "anna", "Jansen was calm")
    registry.release_hold(registry.place_hold(LATER, "anna", "Jansen sues", ["anna"], recording_id="r1").id, LATER, "anna", "Jansen paid")
    registry.case_step("K-1", Step.CLOSED, LATER, "anna", "paid Mrs Jansen")
    for recording_id, left in (("r1", 2), ("r2", 0)):
        registry.mark_purging(recording_id, LATER, "due")
        registry.mark_purged(recording_id, LATER, "due", json.dumps({"found": True}))
        assert raw("SELECT count(*) FROM case_events WHERE note LIKE '%Jansen%'") == [(left,)]
        assert raw("SELECT count(*) FROM lessons WHERE reason != ''") == [(0,)]
        assert raw("SELECT count(*) FROM legal_holds WHERE reason LIKE '%Jansen%' OR release_reason != ''") == [(0,)]
    assert [note.step for note in registry.cases("K-1")[0].history] == [Step.OPENED, Step.CLOSED]


def test_cases_that_were_milestones_are_carried_over(path: Path) -> None:
    """A file of the first schema: cases were opened and closed on each recording by itself."""
    file = RegistryFile(path, "test", utc_now, 5.0)
    file.connect()
    migrate(file, STEPS[:1])
    with file.change() as db:
        sql(db, "INSERT INTO calls (id, profile, direction, begun_at) VALUES ('c1', 'sales', 'in', 1)")
        for recording in ("r1", "r2", "r3"):
            columns = "id, call_id, part, state, recorded_at, state_at, state_reason"
            sql(db, f"INSERT INTO recordings ({columns}) VALUES (?, 'c1', 1, 'sealed', 1, 1, '')", (recording,))
        for recording, kind, at, note in (
            ("r1", "case-opened", 1000, "K-1"),
            ("r2", "case-opened", 2000, "K-1"),
            ("r1", "case-closed", 3000, "K-1"),
            ("r2", "case-closed", 4000, "K-1"),
            ("r1", "case-opened", 1000, "K-2"),
            ("r1", "case-closed", 1000, "K-2"),  # at the same moment
            ("r3", "case-opened", 1000, "K-3"),
            ("r2", "case-opened", 1000, "K-3"),
            ("r2", "case-closed", 2000, "K-3"),  # r3 still waits for it
            ("r3", "reviewed", 1000, "fine"),
        ):
            sql(db, "INSERT INTO milestones (recording_id, kind, at, by, note) VALUES (?, ?, ?, 'anna', ?)", (recording, kind, at, note))
    migrate(file)
    file.close()
    with Registry.open(path) as now:
        told = {c.reference: (c.kind.value, c.closed_at and c.closed_at.second, c.recordings, c.case.closed_at) for c in now.cases()}
        assert {name: (kind, closed, ids) for name, (kind, closed, ids, _) in told.items()} == {
            "K-1": ("complaint", 4, ("r1", "r2")),
            "K-2": ("complaint", 1, ("r1",)),
            "K-3": ("complaint", None, ("r2", "r3")),
        }
        assert all((closed is None) == (pure is None) for _, closed, _, pure in told.values())
        assert Milestone.CASE_CLOSED in row(now, "r1").milestones and Milestone.CASE_CLOSED not in row(now, "r3").milestones
        assert [m.kind for m in row(now, "r3").history] == [Milestone.REVIEWED]
        assert now.verify_audit().ok
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM milestones").fetchone() == (1,)


def test_a_lesson_counts_by_the_last_decision(registry: Registry, sealed: Sealed) -> None:
    sealed("r1")
    for until in (90, 30):
        registry.lesson("r1", LATER + until * DAY, LATER, "anna", "calm")
    lesson = row(registry, "r1").circumstances.lesson
    assert lesson is not None and (lesson.until, lesson.reason) == (LATER + 30 * DAY, "calm")
    with pytest.raises(WrongState, match="over already"):
        registry.lesson("r1", LATER, LATER, "anna", "calm")
    registry.mark_purging("r1", LATER, "due")
    with pytest.raises(WrongState, match="is purging"):
        registry.lesson("r1", LATER + DAY, LATER, "anna", "calm")
    assert COMPLAINT.retention.lesson_limit() is None


def test_cases_without_a_reference_are_carried_over_too(path: Path) -> None:
    """A file of the fifth schema: what was left of cases as milestones (opened or closed without a reference)."""
    file = RegistryFile(path, "test", utc_now, 5.0)
    file.connect()
    migrate(file, STEPS[:4])
    with file.change() as db:
        sql(db, "INSERT INTO calls (id, profile, direction, begun_at) VALUES ('c1', 'sales', 'in', 1)")
        states = {"open": "sealed", "shut": "sealed", "again": "sealed", "only-shut": "sealed", "linked": "sealed", "gone": "erased"}
        for recording, state in states.items():
            columns = "id, call_id, part, state, recorded_at, state_at, state_reason"
            sql(db, f"INSERT INTO recordings ({columns}) VALUES (?, 'c1', 1, ?, 1, 1, '')", (recording, state))
        sql(db, "INSERT INTO cases (id, kind, reference, opened_at) VALUES (1, 'complaint', 'K-1', 1000)")
        sql(db, "INSERT INTO case_events (case_id, kind, at, by, note) VALUES (1, 'opened', 1000, 'anna', '')")
        sql(db, "INSERT INTO case_links (case_id, recording_id, at, by) VALUES (1, 'linked', 1000, 'anna')")
        for recording, kind, at in (
            ("open", "case-opened", 1000),
            ("shut", "case-opened", 1000),
            ("shut", "case-closed", 3000),
            *[("again", kind, at) for kind, at in (("case-opened", 1), ("case-closed", 3000), ("case-opened", 4000), ("reviewed", 5000))],
            ("only-shut", "case-closed", 4000),
            ("linked", "case-closed", 5000),  # of a case that was opened again since: it stays open
            ("gone", "case-opened", 1000),
            ("open", "reviewed", 6000),
        ):
            sql(db, "INSERT INTO milestones (recording_id, kind, at, by, note) VALUES (?, ?, ?, 'anna', '')", (recording, kind, at))
    migrate(file)
    file.close()
    with Registry.open(path) as now:
        told = {c.reference: (c.closed_at and c.closed_at.second, c.recordings, c.case.closed_at is not None) for c in now.cases()}
        assert told == {
            "K-1": (None, ("linked",), False),
            "recording open": (None, ("open",), False),
            "recording again": (None, ("again",), False),
            "recording shut": (3, ("shut",), True),
            "recording only-shut": (4, ("only-shut",), True),
        }
        assert set(row(now, "open").milestones) == {Milestone.CASE_OPENED, Milestone.REVIEWED}
        for recording in ("shut", "only-shut"):
            assert Milestone.CASE_CLOSED in row(now, recording).milestones
        assert Milestone.CASE_CLOSED not in row(now, "linked").milestones
        assert now.verify_audit().ok
