from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from raw_database import Raw
from registry_samples import COMPLAINT, LATER, PROOF, T0, TRAINING

from asterisk_privacy.call.commands import ConsentKind
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.policy.retention import Milestone, UntilCaseClosed
from asterisk_privacy.registry import file_checks, models
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State, WrongState

Sealed = Callable[..., str]


def test_a_call_and_its_recording_come_back_as_they_were_told(registry: Registry) -> None:
    spans = (Span(SpanKind.TALK, 0, 60_000), Span(SpanKind.HOLD, 60_000, 80_000))
    marks = (Mark(MarkKind.KEEP, 30_000),)
    registry.begin_call("c1", "sales", T0, "ff00", b"sealed", "in")
    registry.note_consent("c1", T0, "notice-begun", None)
    registry.note_consent("c1", T0 + timedelta(seconds=4), ConsentKind.AGREED, "1", "training")
    registry.begin_recording("r1", "c1", T0 + timedelta(seconds=4), [COMPLAINT, TRAINING], 1)
    assert registry.open_calls() == ["c1"]
    assert [r.id for r in registry.recordings(state="writing")] == ["r1"]
    registry.seal_recording("r1", T0 + timedelta(minutes=2), 4711, "ab" * 32, 60_000, True)
    registry.end_call("c1", T0 + timedelta(minutes=2), "kept", [Participant.agent("PJSIP/agent")], spans, marks)

    call = registry.call("c1")
    assert call is not None and registry.open_calls() == []
    assert (call.outcome, call.agents, call.customer_hash, call.customer_sealed) == ("kept", ("PJSIP/agent",), "ff00", b"sealed")
    assert [(c.kind, c.key, c.detail) for c in call.consent] == [("notice-begun", None, ""), ("agreed", "1", "training")]
    row = registry.recording("r1")
    assert row is not None
    assert (row.state, row.profile, row.agents, row.part) == (State.SEALED, "sales", ("PJSIP/agent",), 1)
    assert (row.size, row.sha256, row.duration_ms, row.truncated) == (4711, "ab" * 32, 60_000, True)
    assert (row.recorded_at, row.sealed_at) == (T0 + timedelta(seconds=4), T0 + timedelta(minutes=2))
    assert (row.spans, row.marks) == (spans, marks) == (call.spans, call.marks)
    assert [(p.name, p.title, p.basis, p.reasoning, p.criterion) for p in row.purposes] == [
        ("complaint", "Handling complaints", Basis.LEGITIMATE_INTEREST, "we must know what was said", UntilCaseClosed(730, 30)),
        ("training", "Training", Basis.CONSENT, "pressed 1", TRAINING.retention),
    ]


def test_selection_by_state_and_call(registry: Registry, sealed: Sealed) -> None:
    sealed("r1", "c1")
    sealed("r2", "c2", (PROOF,))
    registry.begin_call("c3", "sales", LATER, None, None, "out")
    registry.begin_recording("r3", "c3", LATER, [PROOF], 1)
    assert [r.id for r in registry.recordings()] == ["r1", "r2", "r3"]
    assert [r.id for r in registry.recordings(state=State.SEALED)] == ["r1", "r2"]
    assert [(r.id, r.purposes[0].name) for r in registry.recordings(call_id="c2")] == [("r2", "proof")]
    assert registry.recording("nope") is None and registry.call("nope") is None
    assert [c.id for c in registry.calls(limit=1)] == ["c3"]
    assert [c.id for c in registry.calls(customer_hash="hash-of-c2")] == ["c2"]


def test_what_may_follow_what(registry: Registry, sealed: Sealed) -> None:
    sealed("r1")
    with pytest.raises(WrongState, match="r1: is sealed; it cannot become purged"):
        registry.mark_purged("r1", LATER, "x", "{}")
    with pytest.raises(WrongState, match="sealed"):
        registry.erase_recording("r1", LATER, "x")
    with pytest.raises(WrongState, match="does not exist"):
        registry.mark_purging("r9", LATER, "x")
    registry.mark_purging("r1", LATER, "x")
    with pytest.raises(WrongState, match="purging"):
        registry.milestone("r1", Milestone.REVIEWED, LATER, "anna")
    registry.mark_purged("r1", LATER, "x", "{}")
    for step in (lambda: registry.mark_purging("r1", LATER, "x"), lambda: registry.seal_recording("r1", LATER, 1, "", 1, False)):
        with pytest.raises(WrongState, match="is purged"):
            step()
    assert registry.verify_audit().ok


def test_a_refused_step_leaves_neither_change_nor_audit_row(registry: Registry, sealed: Sealed) -> None:
    sealed("r1")
    before = registry.verify_audit().entries
    with pytest.raises(WrongState):
        registry.end_call("c1", LATER, "refused", (), (), ())
    with pytest.raises(OperatorError, match="id is taken"):
        registry.begin_call("c1", "sales", T0, None, None, "in")
    with pytest.raises(OperatorError):
        registry.note_consent("nope", T0, "refused", "3")
    assert registry.verify_audit().entries == before
    assert (registry.call("c1") or pytest.fail()).outcome == "kept"


def test_every_change_writes_its_audit_row(registry: Registry, sealed: Sealed) -> None:
    registry.begin_call("c0", "sales", T0, None, None, "in")
    registry.note_consent("c0", T0, "refused", "3")
    registry.begin_recording("r0", "c0", T0, [TRAINING], 1)
    registry.erase_recording("r0", T0, "refused")
    registry.end_call("c0", T0, "refused", (), (), ())
    sealed("r1", purposes=(COMPLAINT, TRAINING))
    registry.add_purpose("r1", PROOF, LATER)
    registry.withdraw_purpose("r1", "training", LATER, "asked")
    registry.milestone("r1", Milestone.REVIEWED, LATER, "anna", "K-7")
    registry.mark_purging("r1", LATER, "why")
    registry.mark_purged("r1", LATER, "why", "{}")
    registry.note_purge(LATER, 1, 1, 0, False)
    registry.audit("anna", "listen", "r1", {"purpose": "complaint"})
    actions = [e.action for e in reversed(registry.audit_entries()) if e.action != "audit.chain"]
    assert actions == [
        *("call.begin", "consent.refused", "recording.begin", "recording.erase", "call.end"),
        *("call.begin", "recording.begin", "recording.seal", "call.end", "recording.add-purpose", "recording.withdraw-purpose"),
        *("milestone.reviewed", "recording.purging", "recording.purged", "call.forget-customer", "purge", "listen"),
    ]
    newest = registry.audit_entries(limit=1)[0]
    assert (newest.seq, newest.actor, newest.subject, newest.detail) == (len(actions), "anna", "r1", {"purpose": "complaint"})
    assert [e.actor for e in registry.audit_entries(subject="r1") if e.action.startswith("milestone")] == ["anna"]


def test_no_recording_without_a_purpose_nor_of_a_call_that_refused(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, None, None, "in")
    with pytest.raises(ValueError, match="without a purpose"):
        registry.begin_recording("r1", "c1", T0, [], 1)
    registry.end_call("c1", T0, "refused", (), (), ())
    with pytest.raises(WrongState, match="refused"):
        registry.begin_recording("r1", "c1", T0, [COMPLAINT], 1)
    with pytest.raises(WrongState, match="c2 does not exist"):
        registry.begin_recording("r1", "c2", T0, [COMPLAINT], 1)


def test_a_moment_without_timezone_is_refused(registry: Registry) -> None:
    with pytest.raises(ValueError, match="no timezone"):
        registry.begin_call("c1", "sales", datetime(2026, 3, 1), None, None, "in")
    assert registry.verify_audit().entries == 0


def test_added_twice_is_served_once_and_objected_stays_off(registry: Registry, sealed: Sealed) -> None:
    sealed("r1", purposes=(TRAINING,))
    registry.add_purpose("r1", COMPLAINT, T0)
    registry.add_purpose("r1", COMPLAINT, LATER)
    assert [(p.name, p.added_at) for p in (registry.recording("r1") or pytest.fail()).purposes][1:] == [("complaint", T0)]
    registry.withdraw_purpose("r1", "complaint", LATER, "the customer asked")
    assert [p.name for p in (registry.recording("r1") or pytest.fail()).purposes] == ["training"]
    with pytest.raises(WrongState, match="objected"):
        registry.add_purpose("r1", COMPLAINT, LATER)
    with pytest.raises(WrongState, match="does not serve"):
        registry.withdraw_purpose("r1", "complaint", LATER, "again")


@pytest.mark.parametrize("outcome", ["not-kept", "refused", "unannounced", "failed", "kept"])
def test_a_call_of_which_nothing_is_kept_forgets_who_called(registry: Registry, path: Path, outcome: str) -> None:
    registry.begin_call("c1", "sales", T0, "hash-that-must-go", b"sealed-that-must-go", "in")
    registry.end_call("c1", T0, outcome, [Participant.agent("PJSIP/agent")], (), ())
    call = registry.call("c1")
    assert call is not None and call.customer_hash is None and call.customer_sealed is None
    registry.close()  # the last one out folds the WAL into the file
    assert b"that-must-go" not in path.read_bytes()


def test_the_customer_is_forgotten_with_the_last_recording_of_the_call(registry: Registry, sealed: Sealed) -> None:
    registry.begin_call("c1", "sales", T0, "h", b"s", "in")
    registry.begin_recording("r0", "c1", T0, [COMPLAINT], 1)
    registry.erase_recording("r0", T0, "objected")
    assert (registry.call("c1") or pytest.fail()).customer_hash == "h"  # the call goes on: the agent may still keep it
    sealed("r1", "c1", part=2)
    sealed("r2", "c1", part=3)
    registry.milestone("r1", Milestone.REVIEWED, LATER, "anna", "Mrs Jansen was right")
    for recording_id, left in (("r1", "h"), ("r2", None)):
        registry.mark_purging(recording_id, LATER, "due")
        assert (registry.call("c1") or pytest.fail()).customer_hash == "h"
        registry.mark_purged(recording_id, LATER, "due", json.dumps({"found": True}))
        assert (registry.call("c1") or pytest.fail()).customer_hash == left
    row = registry.recording("r1")
    told = {"found": True, **({"node": registry.nodes.name} if registry.nodes.name else {})}
    assert row is not None and (row.state, row.state_reason, row.evidence) == ("purged", "due", json.dumps(told))
    assert [(m.kind, m.by, m.note) for m in row.history] == [(Milestone.REVIEWED, "anna", "")]


TALKED = (Span(SpanKind.NOTICE, 0, 4000), Span(SpanKind.TALK, 4000, 60_000))


def ended(registry: Registry, outcome: str = "kept") -> None:
    registry.end_call("c1", T0 + timedelta(minutes=2), outcome, (), TALKED, ())


def told(registry: Registry) -> tuple[str | None, list[str]]:
    """What the call's row and the recordings' say of it: they share the story."""
    call = registry.call("c1") or pytest.fail()
    assert all(row.spans == call.spans for row in registry.recordings(call_id="c1"))
    return call.outcome, [span.kind.value for span in call.spans]


def purged(registry: Registry, recording_id: str) -> None:
    registry.mark_purging(recording_id, LATER, "due")
    registry.mark_purged(recording_id, LATER, "due", json.dumps({"found": True}))


KEPT, GONE = ("kept", ["notice", "talk"]), ("not-kept", ["notice", "erased"])


def test_what_is_gone_is_not_told_as_kept_however_it_ended(registry: Registry) -> None:
    """A purge, an erasure, an objection and a withdrawal end a sealed recording in the same way."""
    registry.begin_call("c1", "sales", T0, "h", b"s", "in")
    for part in (1, 2):
        registry.begin_recording(f"r{part}", "c1", T0, [COMPLAINT], part)
        registry.seal_recording(f"r{part}", T0, 1000, "ab" * 32, 28_000, False)
    ended(registry)
    assert told(registry) == KEPT
    purged(registry, "r1")
    assert told(registry) == KEPT, "another part is there"
    registry.withdraw_purpose("r2", "complaint", LATER, "objected")
    registry.mark_purging("r2", LATER, "due")
    assert told(registry) == KEPT, "its file may still be there"
    registry.mark_purged("r2", LATER, "due", json.dumps({"found": True}))
    assert told(registry) == GONE


def test_what_ended_before_the_call_is_not_told_as_kept_by_its_end(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, "h", b"s", "in")
    registry.begin_recording("r1", "c1", T0, [COMPLAINT], 1)
    registry.seal_recording("r1", T0, 1000, "ab" * 32, 28_000, False)
    purged(registry, "r1")
    ended(registry)
    assert told(registry) == GONE


def test_what_is_broken_off_after_the_call_is_not_told_as_kept(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, "h", b"s", "in")
    registry.begin_recording("r1", "c1", T0, [COMPLAINT], 1)
    ended(registry)
    assert told(registry) == KEPT
    registry.erase_recording("r1", LATER, "objected")
    assert told(registry) == GONE


def test_how_a_call_ended_stays_told_beside_that_all_is_gone(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, "h", b"s", "in")
    registry.begin_recording("r1", "c1", T0, [COMPLAINT], 1)
    registry.seal_recording("r1", T0, 1000, "ab" * 32, 28_000, False)
    ended(registry, "failed")
    purged(registry, "r1")
    assert told(registry) == ("failed", ["notice", "erased"])
    assert registry.verify_audit().ok
    assert [e.detail["outcome"] for e in registry.audit_entries(None) if e.action == "call.end"] == ["failed"]


def test_last_purge_is_the_last_real_one(registry: Registry) -> None:
    assert registry.last_purge() is None
    registry.note_purge(T0, 5, 4, 1, False)
    registry.note_purge(LATER, 9, 0, 0, True)
    last = registry.last_purge()
    assert last is not None and (last.at, last.planned, last.deleted, last.failed, last.dry_run) == (T0, 5, 4, 1, False)


def test_after_a_purge_a_forgotten_customer_is_nowhere_in_the_files(registry: Registry, sealed: Sealed, path: Path) -> None:
    sealed("r1", "c1")
    sealed("r2", "c2")
    old, young = (path.with_name(f"{path.name}.schema-{n}") for n in (1, 2))
    for copy, age in ((old, timedelta(days=31)), (young, timedelta(days=29))):
        copy.write_bytes(b"hash-of-c1")
        os.utime(copy, times=((T0 - age).timestamp(),) * 2)
    registry.mark_purging("r1", LATER, "due")
    registry.mark_purged("r1", LATER, "due", "{}")
    registry.note_purge(LATER, 1, 0, 0, True)
    assert old.exists()  # a dry run changes nothing
    registry.note_purge(LATER, 1, 1, 0, False)
    assert not old.exists() and young.exists()
    assert registry.audit_entries(1)[0].action == "backup.forget"
    left = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    assert b"hash-of-c1" not in left and b"hash-of-c2" in left


def test_neither_number_nor_note_nor_customer_reaches_the_audit_trail(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1")
    registry.milestone("r1", Milestone.REVIEWED, LATER, "anna", "Mrs Jansen was right")
    registry.note_consent("c1", LATER, "objected", None, "Mrs Jansen")
    text = repr(raw("SELECT * FROM audit"))
    assert "Jansen" not in text and "hash-of" not in text and "sealed number" not in text


def test_a_promise_that_cannot_be_read_names_the_recording(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1")
    raw('UPDATE recording_purposes SET criterion = \'{"until": "whenever"}\'')
    with pytest.raises(OperatorError, match="recording r1: its promise for purpose complaint cannot be read"):
        registry.recordings()


def test_models_and_tables_agree(registry: Registry) -> None:
    for model in models.ALL:
        meta = model._meta
        found = registry._engine.db.get_columns(meta.table_name)
        columns = {column.name for column in found} - {"rowid"}  # which SQLite has without saying so
        assert columns == {field.column_name for field in meta.sorted_fields}, meta.table_name
        nullable = {column.name for column in found if column.null}
        assert nullable == {field.column_name for field in meta.sorted_fields if field.null}, meta.table_name


def test_evidence_is_written_through(registry: Registry, path: Path) -> None:
    db = registry._engine.db
    assert [db.execute_sql(f"PRAGMA {p}").fetchone()[0] for p in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")] == [
        *("wal", 2, 1, 1)
    ]


def test_a_purged_row_without_evidence_cannot_be(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1")
    with pytest.raises(raw.refusal):
        raw("UPDATE recordings SET state = 'purged'")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_states_come_page_by_page_in_order_and_whole(
    registry: Registry, sealed: Sealed, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(file_checks, "PAGE", 2)
    for n in range(count):
        sealed(f"r{(n * 3) % 5}", call=f"c{n}")
    assert list(registry.soundness.files.states()) == sorted((f"r{(n * 3) % 5}", State.SEALED) for n in range(count))
