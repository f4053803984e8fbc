"""Rows without a recording: what goes, when, and what protects it. Random histories against a second opinion in plain Python."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peewee import PostgresqlDatabase
from raw_database import Raw
from registry_samples import COMPLAINT, T0

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.policy.texts import LANGUAGES, days, rows
from asterisk_privacy.registry import expiry
from asterisk_privacy.registry.engine import sql
from asterisk_privacy.registry.expiry import OF_CALLS, OF_RECORDINGS, Expired
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import LIVING

DAY = timedelta(days=1)
LIFE = RowLife(unkept_calls_days=10, evidence_days=40)
NOW = T0 + 100 * DAY
SPANS, MARKS = (Span(SpanKind.TALK, 0, 1000),), (Mark(MarkKind.KEEP, 500),)
ERASED = (Span(SpanKind.ERASED, 0, 1000),)
PROTECTIONS = ("hold", "case hold", "open case", "restriction", "request", "request of a number")
LIFTED = ("hold released", "closed case", "restriction lifted", "request closed", "request of another")


@dataclass(frozen=True)
class Story:
    """`states` of its recordings; `age` in days: since it ended, and since its recordings came into their states."""

    states: tuple[str, ...]
    age: int
    around: tuple[str, ...] = ()
    ended: bool = True

    @property
    def fate(self) -> str:
        """Written from the manual, not from the SQL."""
        if not self.ended or any(p in PROTECTIONS for p in self.around) or {"writing", "sealed", "purging"} & set(self.states):
            return "whole"
        if "purged" in self.states:
            return "gone" if self.age >= 40 else "reduced" if self.age >= 10 else "whole"
        return "gone" if self.age >= 10 else "whole"


def tell(registry: Registry, name: str, story: Story) -> None:
    """Through the door, as the daemon would, with a clock of its own."""
    end = NOW - story.age * DAY
    registry.begin_call(name, "sales", end - DAY, f"hash {name}" if "sealed" in story.states else None, None, "in")
    registry.note_consent(name, end - DAY, "notice-heard", None)
    ids = [f"{name}-{n}" for n in range(len(story.states))]
    for part, recording in enumerate(ids, 1):
        registry.begin_recording(recording, name, end - DAY, [COMPLAINT], part)
    for recording, state in zip(ids, story.states, strict=True):
        if state in ("sealed", "purging", "purged"):
            registry.seal_recording(recording, end, 1, "ab", 1, False)
        if state == "erased":
            registry.erase_recording(recording, end, "off the record")
    surround(registry, name, story, ids)
    for recording, state in zip(ids, story.states, strict=True):
        if state in ("purging", "purged"):
            registry.mark_purging(recording, end, "due")
        if state == "purged":
            registry.mark_purged(recording, end, "due", "{}")
    protect(registry, name, story, ids)
    if story.ended:
        registry.end_call(name, end, "kept" if ids else "not-kept", [Participant.agent(f"PJSIP/{name}")], SPANS, MARKS)
    else:
        registry.tell_call(name, [Participant.agent(f"PJSIP/{name}")], SPANS, MARKS)


def surround(registry: Registry, name: str, story: Story, ids: list[str]) -> None:
    """What can only be done while a recording is sealed, and does not protect it once it is lifted."""
    sealed = [i for i, state in zip(ids, story.states, strict=True) if state in ("sealed", "purging", "purged")]
    for recording in sealed[:1]:
        if {"case hold", "open case", "closed case"} & set(story.around):
            registry.open_case("complaint", f"K-{name}", T0, "anna")
            registry.link_case(f"K-{name}", recording, T0, "anna")
        if "hold released" in story.around:
            registry.release_hold(registry.place_hold(T0, "anna", "r", ["anna"], recording_id=recording).id, T0, "anna", "r")
        if "restriction lifted" in story.around:
            registry.restrict(recording, T0, "contested")
            registry.lift_restriction(recording, T0, "settled")


PAST_THE_DOOR = {
    "hold": "INSERT INTO legal_holds (recording_id, placed_at, placed_by, reason, listeners) VALUES (?, 1, 'anna', 'r', '[]')",
    "restriction": "INSERT INTO restrictions (recording_id, at, by, reason, except_for) VALUES (?, 1, 'anna', 'r', '[]')",
}


def protect(registry: Registry, name: str, story: Story, ids: list[str]) -> None:
    """Straight into the tables where the door would refuse, because the recording is gone."""
    db = registry._engine.db
    sealed = [i for i, state in zip(ids, story.states, strict=True) if state in ("sealed", "purging", "purged")]
    for kind, insert in PAST_THE_DOOR.items():
        if kind in story.around and sealed:
            table = insert.split()[2]
            turned = isinstance(db, PostgresqlDatabase)
            if turned:
                sql(db, f"ALTER TABLE {table} DISABLE TRIGGER {table}_still_there")
            sql(db, insert, (sealed[0],))
            if turned:
                sql(db, f"ALTER TABLE {table} ENABLE TRIGGER {table}_still_there")
    if "case hold" in story.around and sealed:
        registry.place_hold(T0, "anna", "claim", ["anna"], case=f"K-{name}")
    if {"case hold", "closed case"} & set(story.around) and sealed and "open case" not in story.around:
        registry.case_step(f"K-{name}", "closed", T0, "anna")
    day = T0.date()
    if "request" in story.around:
        registry.open_request("access", "agent", f"PJSIP/{name}", "seen", day, day)
    if "request of a number" in story.around:
        registry.open_request("access", "number", f"hash {name}", "seen", day, day)
    if "request closed" in story.around:
        registry.close_request(registry.open_request("access", "agent", f"PJSIP/{name}", "seen", day, day), "answered")
    if "request of another" in story.around:
        registry.open_request("access", "agent", "PJSIP/somebody-else", "seen", day, day)


def fate(registry: Registry, name: str) -> str:
    call = registry.call(name)
    if call is None:
        assert registry.recordings(call_id=name) == []
        return "gone"
    states = {row.state for row in registry.recordings(call_id=name)}
    spans = ERASED if states and call.ended_at is not None and not states & set(LIVING) else SPANS
    whole = (call.agents, call.spans, call.marks) == ((f"PJSIP/{name}",), spans, MARKS)
    assert whole or (call.agents, call.spans, call.marks) == ((), (), ())
    assert len(call.consent) == 1  # the notice is evidence
    return "whole" if whole else "reduced"


stories = st.builds(
    Story,
    states=st.lists(st.sampled_from(["writing", "sealed", "purging", "purged", "erased"]), max_size=3).map(tuple),
    age=st.sampled_from([0, 9, 10, 11, 39, 40, 41, 90]),
    around=st.lists(st.sampled_from([*PROTECTIONS, *LIFTED]), max_size=2, unique=True).map(tuple),
    ended=st.sampled_from([True, True, True, False]),
).filter(lambda s: s.ended or not s.states or "writing" in s.states)


def protectable(story: Story) -> bool:
    """Holds, cases and restrictions need a recording that was sealed once; a number, a call that still knows it."""
    of_recordings = {"hold", "case hold", "open case", "restriction"} & set(story.around)
    was_sealed = {"sealed", "purging", "purged"} & set(story.states)
    return (not of_recordings or bool(was_sealed)) and ("request of a number" not in story.around or "sealed" in story.states)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much], deadline=None)
@given(told=st.lists(stories.filter(protectable), max_size=6))
def test_what_goes_and_what_stays(tmp_path_factory: pytest.TempPathFactory, told: list[Story]) -> None:
    with Registry.open(tmp_path_factory.mktemp("r") / "registry.sqlite", clock=lambda: NOW) as registry:
        for n, story in enumerate(told):
            tell(registry, f"c{n}", story)
        foretold = registry.would_expire(NOW, LIFE)
        done = registry.expire(NOW, LIFE)
        fates = {f"c{n}": fate(registry, f"c{n}") for n in range(len(told))}
        assert fates == {f"c{n}": story.fate for n, story in enumerate(told)}
        assert (foretold.unkept, foretold.reduced, foretold.evidence) == (done.unkept, done.reduced, done.evidence)
        assert list(fates.values()).count("gone") == done.unkept + done.evidence
        assert registry.expire(NOW, LIFE) == registry.would_expire(NOW, LIFE) == Expired()
        assert registry.verify_audit().ok


@pytest.mark.parametrize("around", [*PROTECTIONS, *LIFTED])
def test_each_protection_by_name(registry: Registry, around: str) -> None:
    states = ("sealed",) if around == "request of a number" else ("purged",)
    tell(registry, "c1", Story(states, 90, (around,)))
    registry.expire(NOW, LIFE)
    assert fate(registry, "c1") == ("whole" if around in PROTECTIONS else "gone")


@pytest.mark.parametrize("around", ["request", "request of another"])
def test_a_request_protects_a_call_that_was_not_kept(registry: Registry, around: str) -> None:
    tell(registry, "c1", Story((), 90, (around,)))
    registry.expire(NOW, LIFE)
    assert fate(registry, "c1") == ("whole" if around == "request" else "gone")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_documents_say_what_the_night_does(registry: Registry, language: str) -> None:
    """To the millisecond, with the numbers as the text writes them."""
    text = rows(LIFE, language)
    assert days(10, language) in text and days(40, language) in text
    tell(registry, "c1", Story((), 0))
    tell(registry, "c2", Story(("purged",), 0))
    for after, fates in ((10, ("gone", "reduced")), (40, ("gone", "gone"))):
        border = NOW + after * DAY
        early = registry.would_expire(border - timedelta(milliseconds=1), LIFE)
        assert not early.unkept and not early.evidence and not (after == 10 and early.reduced)
        registry.expire(border, LIFE)
        assert (fate(registry, "c1"), fate(registry, "c2")) == fates


def test_one_audit_entry_gives_the_counts_and_nothing_of_the_trail_goes(registry: Registry) -> None:
    for n in range(5):
        tell(registry, f"c{n}", Story((), 20))
    tell(registry, "kept", Story(("purged",), 20))
    tell(registry, "old", Story(("purged", "erased"), 90, ("closed case",)))
    before = registry.audit_entries(None)
    assert registry.expire(NOW, LIFE) == Expired(unkept=5, reduced=1, evidence=1, cases=1)
    told, *rest = registry.audit_entries(None)
    assert rest == before and told.action == "rows.expire"
    assert dict(told.detail) == {"at": NOW.isoformat(), "unkept": "5", "reduced": "1", "evidence": "1", "cases": "1"}
    assert registry.expire(NOW, LIFE) == Expired()


def test_a_closed_case_goes_once_no_row_of_its_recordings_is_left(registry: Registry) -> None:
    tell(registry, "c1", Story(("purged",), 45, ("closed case",)))
    registry.open_case("complaint", "K-open", T0, "anna")
    assert registry.expire(NOW, RowLife(10, 50)).cases == 0
    registry.expire(NOW, LIFE)
    assert [c.reference for c in registry.cases()] == ["K-open"]


def test_more_than_fits_in_a_batch(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 3)
    for n in range(8):
        tell(registry, f"c{n}", Story((), 20))
        tell(registry, f"d{n}", Story(("purged",), 20 if n % 2 else 90))
    assert registry.expire(NOW, LIFE) == Expired(unkept=8, reduced=4, evidence=4)
    assert registry.expire(NOW, LIFE) == Expired()


def test_what_is_protected_meanwhile_stays(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the search and the deletion, as a person at the command line would."""
    tell(registry, "c1", Story((), 20))
    batch = expiry._batch

    def interrupted(*args: Any) -> Expired:
        registry.open_request("access", "agent", "PJSIP/c1", "seen", T0.date(), T0.date())
        return batch(*args)

    monkeypatch.setattr(expiry, "_batch", interrupted)
    assert registry.expire(NOW, LIFE) == Expired() and fate(registry, "c1") == "whole"
    assert "rows.expire" not in {entry.action for entry in registry.audit_entries(None)}


def test_quota_counts_of_a_period_that_is_over_go_with_the_last_recording(registry: Registry, raw: Raw) -> None:
    tell(registry, "c1", Story(("purged",), 90))
    tell(registry, "c2", Story(("sealed",), 90))
    for agent, period, recording in (("a", "2026-03", "c1-0"), ("b", "2026-03", "c2-0"), ("c", f"{NOW:%Y-%m}", "c1-0")):
        raw("INSERT INTO quota_counts VALUES ('p', ?, ?, 5)", agent, period)
        raw("INSERT INTO quota_places VALUES ('p', ?, ?, 0, ?)", agent, period, recording)
    registry.expire(NOW, RowLife(10, 400))
    assert [agent for (agent,) in raw("SELECT agent FROM quota_counts ORDER BY agent")] == ["b", "c"]
    assert [agent for (agent,) in raw("SELECT agent FROM quota_places ORDER BY agent")] == ["b", "c"]


def test_nothing_that_hangs_on_them_is_forgotten(path: Path, registry: Registry) -> None:
    """Whoever adds a table that points to calls or recordings must say here what becomes of it."""
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        points = {(table, to) for table in tables for _, _, to, *_ in db.execute(f"PRAGMA foreign_key_list({table})")}
    assert {table for table, to in points if to == "recordings"} == set(OF_RECORDINGS)
    assert {table for table, to in points if to == "calls"} == {*OF_CALLS, "recordings"}


def test_what_went_is_not_in_the_file_any_more(registry: Registry, path: Path) -> None:
    registry.begin_call("c1", "sales", T0, None, None, "in")
    registry.end_call("c1", T0, "not-kept", [Participant.agent("PJSIP/unforgettable")], SPANS, ())
    assert any(b"unforgettable" in file.read_bytes() for file in path.parent.iterdir())
    registry.expire(NOW, LIFE)
    assert not any(b"unforgettable" in file.read_bytes() for file in path.parent.iterdir())
