"""The life of a recording: begun with its promises, sealed or erased, and what happens to it while it is kept."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from peewee import Database

from asterisk_privacy.call.commands import Outcome
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.policy.retention import Milestone, criterion_to_mapping
from asterisk_privacy.registry import audit, consequences, contents, copies, requests
from asterisk_privacy.registry.calls import forget_customer_if_unneeded, tell_if_all_is_gone
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.models import RecordingPurpose
from asterisk_privacy.registry.rows import MAY_FOLLOW, Protected, State, WrongState

NEVER_RECORDED = (Outcome.REFUSED.value, Outcome.UNANNOUNCED.value)
_BEGIN = """INSERT INTO recordings (id, call_id, part, recorded_at, truncated, marked, state_at, node, tenant, state, state_reason)
    SELECT ?, ?, ?, ?, ?, ?, ?, ?, c.tenant, 'writing', '' FROM calls c WHERE c.id = ? AND coalesce(c.outcome, '') NOT IN (?, ?)"""


def begin(engine: Engine, recording_id: str, call_id: str, at: datetime, purposes: Sequence[Purpose], part: int, marked: bool) -> None:
    if not purposes:
        raise ValueError(f"recording {recording_id}: nothing is recorded without a purpose")
    with engine.change_own() as db:
        values = (recording_id, call_id, part, to_ms(at), False, marked, to_ms(at), engine.node)
        if not sql(db, _BEGIN, (*values, call_id, *NEVER_RECORDED)).rowcount:
            raise _why_not_recorded(db, recording_id, call_id)
        _insert_purposes(db, recording_id, purposes, at)
        detail = {f"purpose {p.name}": _criterion_text(p) for p in purposes}
        audit.append(engine, db, "recording.begin", recording_id, {"call": call_id, "part": str(part), "at": at.isoformat(), **detail})


def _why_not_recorded(db: Database, recording_id: str, call_id: str) -> WrongState:
    found = sql(db, "SELECT outcome FROM calls WHERE id = ?", (call_id,)).fetchone()
    if found is None:
        return WrongState(f"recording {recording_id}: call {call_id} does not exist")
    return WrongState(f"recording {recording_id}: call {call_id} is {found[0]}; nothing of it may be recorded")


def seal(
    engine: Engine,
    recording_id: str,
    at: datetime,
    size: int,
    sha256: str,
    duration_ms: int,
    truncated: bool,
    sealed_to: str | None = None,
    pieces: bytes | None = None,
) -> None:
    with engine.change_own() as db:
        fields = {"sealed_at": to_ms(at), "size": size, "sha256": sha256, "duration_ms": duration_ms, "truncated": truncated}
        fields |= {"sealed_to": sealed_to, "pieces": pieces}
        detail = {"sha256": sha256, "size": str(size), "duration_ms": str(duration_ms), "truncated": str(truncated).lower()}
        detail |= {} if pieces is None else {"pieces": contents.told(pieces)}
        move(engine, db, recording_id, State.SEALED, at, "", "recording.seal", detail, fields)


def erase(engine: Engine, recording_id: str, at: datetime, reason: str) -> None:
    """Refused, objected to or broken off while it was being written."""
    with engine.change() as db:
        move(engine, db, recording_id, State.ERASED, at, reason, "recording.erase", {"reason": reason})
        _leave_no_words(engine, db, recording_id)


def deidentify(
    engine: Engine,
    recording_id: str,
    at: datetime,
    how: str,
    was: str,
    size: int,
    sha256: str,
    sealed_to: str | None,
    pieces: bytes | None = None,
) -> None:
    """The row takes the hash of the new version (`was`: of the old one), and the caller is forgotten unless he is heard in another
    recording of the call. Protected under a legal hold: what is evidence is not changed; and while somebody waits for a copy of it."""
    with engine.change() as db:
        _lock(engine, db, recording_id)
        if state_of(db, recording_id) is not State.SEALED:
            raise WrongState(f"recording {recording_id}: is {state_of(db, recording_id)}; only a sealed recording can be de-identified")
        refuse_elsewhere(engine, db, recording_id, engine.in_reach("r"))
        hold = consequences.held(db, recording_id)
        if hold is not None:
            raise Protected(f"recording {recording_id}: is under legal hold {hold}, so it is not changed; first: hold release {hold}")
        if sql(db, "SELECT 1 FROM restrictions WHERE recording_id = ? AND lifted_at IS NULL", (recording_id,)).fetchone():
            raise Protected(f"recording {recording_id}: is restricted, so it is not changed; first: subject restrict --lift")
        _refuse_if_asked_for(db, recording_id, at, "changed")
        call_id, known, old_size = sql(db, "SELECT call_id, sha256, size FROM recordings WHERE id = ?", (recording_id,)).fetchone()
        if known != was:
            raise WrongState(f"recording {recording_id}: the file is not the one of which the row tells; see: asterisk-privacy reconcile")
        values = (size, sha256, pieces, sealed_to, how, engine.node, recording_id)  # on our disk now, and goes to the bucket again
        columns = "size = ?, sha256 = ?, pieces = ?, sealed_to = ?, deidentified = ?, node = ?, place = NULL"
        sql(db, f"UPDATE recordings SET {columns} WHERE id = ?", values)
        detail = {
            "how": how,
            **({} if engine.node is None else {"node": engine.node}),
            "sha256_before": was,
            "size_before": str(old_size),
            "sha256": sha256,
            "size": str(size),
            **({} if pieces is None else {"pieces": contents.told(pieces)}),
        }
        audit.append(engine, db, "recording.deidentify", recording_id, {"at": at.isoformat(), **detail})
        forget_customer_if_unneeded(engine, db, call_id)


def mark_purging(engine: Engine, recording_id: str, at: datetime, reason: str, unless_asked_for: bool = False) -> None:
    """Protected while a legal hold or a restriction is in force: what is only stored is also not deleted (GDPR art. 18(2)).
    `unless_asked_for`: and while a person waits for an answer about it.

    Beside others' calls: holds, cases, restrictions and requests are written alone, so none can come between the look and the
    deletion's begin. Those of a tenant's own user are not: holds and restrictions lock the recording's row, as this does. Of two purgers
    the second finds the row changed.
    """
    with engine.change_own() as db:
        _lock(engine, db, recording_id)
        if sql(db, "SELECT 1 FROM restrictions WHERE recording_id = ? AND lifted_at IS NULL", (recording_id,)).fetchone():
            raise Protected(f"recording {recording_id}: is restricted, so it is not deleted; first: subject restrict --lift")
        hold = consequences.held(db, recording_id)
        if hold is not None:
            raise Protected(f"recording {recording_id}: is under legal hold {hold}, so it is not deleted; first: hold release {hold}")
        if unless_asked_for:
            _refuse_if_asked_for(db, recording_id, at, "deleted")
        move(engine, db, recording_id, State.PURGING, at, reason, "recording.purging", {"reason": reason})


def _refuse_if_asked_for(db: Database, recording_id: str, at: datetime, done: str) -> None:
    for request in requests.concerning(db, "r.id = ?", (recording_id,)).get(recording_id, ()):
        if at < request.until:
            raise Protected(f"recording {recording_id}: request {request.id} concerns it, so it is not {done}; answer that first")


def _lock(engine: Engine, db: Database, recording_id: str) -> None:
    """Whoever puts a hold or a restriction on it waits, or was before us and is seen from here on (PostgreSQL: m0018_turns)."""
    sql(db, f"SELECT 1 FROM recordings WHERE id = ? {engine.LOCKED}", (recording_id,)).fetchone()


class _Alone(Exception):
    """Raised, so that nothing was committed: a commit whose answer is lost would be taken for the deletion's."""


def mark_purged(engine: Engine, recording_id: str, at: datetime, reason: str, evidence: str) -> None:
    try:
        with engine.change_own() as db:
            if not _ends_beside_others(engine, db, recording_id):
                raise _Alone
            _mark_purged(engine, db, recording_id, at, reason, evidence)
    except _Alone:
        with engine.change() as db:
            _mark_purged(engine, db, recording_id, at, reason, evidence)


def _ends_beside_others(engine: Engine, db: Database, recording_id: str) -> bool:
    """Whether it is the last of its call or of a case is then known without being alone: it is in no case, its call is over (so no change
    of a call in progress asks the same), and who else deletes of this call waits until we are done."""
    call = f"SELECT ended_at FROM calls WHERE id = (SELECT call_id FROM recordings WHERE id = ?) {engine.LOCKED}"
    ended = sql(db, call, (recording_id,)).fetchone()
    return ended is not None and ended[0] is not None and not _in_a_case(db, recording_id)


def _in_a_case(db: Database, recording_id: str) -> bool:
    return sql(db, "SELECT 1 FROM case_links WHERE recording_id = ? LIMIT 1", (recording_id,)).fetchone() is not None


def _mark_purged(engine: Engine, db: Database, recording_id: str, at: datetime, reason: str, evidence: str) -> None:
    contents.note_destroyed(engine, db, recording_id, json.loads(evidence).get("sha256_before"))
    evidence = copies.told_in(evidence, copies.of(engine, db, recording_id), engine.node)
    detail = {"reason": reason, "evidence": evidence}
    move(engine, db, recording_id, State.PURGED, at, reason, "recording.purged", detail, {"evidence": evidence, "pieces": None})
    _leave_no_words(engine, db, recording_id)


def add_purpose(engine: Engine, recording_id: str, purpose: Purpose, at: datetime) -> None:
    """Nothing happens when the recording serves it already. WrongState when the customer objected to it, or it is no longer kept."""
    with engine.change() as db:
        state = state_of(db, recording_id)
        if state not in (State.WRITING, State.SEALED):
            raise WrongState(f"recording {recording_id}: is {state}; it cannot take on purpose {purpose.name}")
        present = _purpose(db, recording_id, purpose.name)
        if present is not None and present.withdrawn_at is not None:
            raise WrongState(f"recording {recording_id}: the customer objected to purpose {purpose.name}; it stays off")
        if present is not None:
            return
        _insert_purposes(db, recording_id, [purpose], at)
        detail = {"at": at.isoformat(), f"purpose {purpose.name}": _criterion_text(purpose)}
        audit.append(engine, db, "recording.add-purpose", recording_id, detail)


def withdraw_purpose(engine: Engine, recording_id: str, name: str, at: datetime, reason: str) -> None:
    """An objection: the recording goes on serving its other purposes; with none left it is due at once."""
    with engine.change() as db:
        changed = (
            RecordingPurpose.update(withdrawn_at=to_ms(at), withdrawn_why=reason)
            .where(
                RecordingPurpose.recording_id == recording_id,
                RecordingPurpose.name == name,
                RecordingPurpose.withdrawn_at.is_null(),
            )
            .execute(db)
        )
        if not changed:
            raise WrongState(f"recording {recording_id}: does not serve purpose {name}")
        audit.append(engine, db, "recording.withdraw-purpose", recording_id, {"purpose": name, "at": at.isoformat()})


def milestone(engine: Engine, recording_id: str, kind: Milestone, at: datetime, by: str, note: str) -> None:
    """The note stays out of the audit trail, which cannot forget; a digest of it shows whether it was changed."""
    if kind not in (Milestone.REVIEWED, Milestone.DATE_GIVEN):
        raise WrongState(f"recording {recording_id}: {kind} is an event of its case; write it down with: asterisk-privacy case")
    with engine.change() as db:
        state = state_of(db, recording_id)
        if state is not State.SEALED:
            done = "reviewed" if kind is Milestone.REVIEWED else "given a date"
            raise WrongState(f"recording {recording_id}: is {state}; only a sealed recording can be {done}")
        values = (recording_id, kind.value, to_ms(at), by, note)
        sql(db, "INSERT INTO milestones (recording_id, kind, at, by, note) VALUES (?, ?, ?, ?, ?)", values)
        digest = hashlib.sha256(note.encode()).hexdigest()
        audit.append(engine, db, f"milestone.{kind}", recording_id, {"at": at.isoformat(), "note_sha256": digest}, actor=by)


def state_of(db: Database, recording_id: str) -> State:
    row = sql(db, "SELECT state FROM recordings WHERE id = ?", (recording_id,)).fetchone()
    if row is None:
        raise WrongState(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
    return State(row[0])


def move(
    engine: Engine,
    db: Database,
    recording_id: str,
    to: State,
    at: datetime,
    reason: str,
    action: str,
    detail: Mapping[str, str],
    fields: Mapping[str, object] | None = None,
) -> None:
    """The one place where a state changes; MAY_FOLLOW says what may follow what."""
    values = {"state": to.value, "state_at": to_ms(at), "state_reason": reason, **(fields or {})}
    columns = ", ".join(f"{column} = ?" for column in values)
    before = [state.value for state, after in MAY_FOLLOW.items() if to in after]
    ours = f"CASE state WHEN 'writing' THEN {engine.own('recordings')} ELSE {engine.in_reach('recordings')} END"
    change = f"UPDATE recordings SET {columns} WHERE id = ? AND state IN ({', '.join('?' * len(before))}) AND {ours}"
    if not sql(db, change, (*values.values(), recording_id, *before)).rowcount:
        state = state_of(db, recording_id)
        refuse_elsewhere(engine, db, recording_id, engine.own("r") if state is State.WRITING else engine.in_reach("r"))
        raise WrongState(f"recording {recording_id}: is {state}; it cannot become {to}")
    audit.append(engine, db, action, recording_id, {"at": at.isoformat(), **detail})


def refuse_elsewhere(engine: Engine, db: Database, recording_id: str, ours: str) -> None:
    """What lies on another node's disk nobody here can seal, replace or delete, and so nobody here may say that it was done."""
    if engine.node is None:
        return
    if sql(db, f"SELECT 1 FROM recordings r WHERE r.id = ? AND {ours}", (recording_id,)).fetchone() is None:
        query = "SELECT r.node, p.address FROM recordings r LEFT JOIN places p ON p.id = r.place WHERE r.id = ?"
        node, address = sql(db, query, (recording_id,)).fetchone()
        there = f"on node {node or 'unknown'}, not on {engine.node}"
        if address is not None and address != engine.bucket:
            there = f"in {address}, which {engine.node} does not use ([s3])"
        raise WrongState(f"recording {recording_id}: its file is {there}; do this there")


def _leave_no_words(engine: Engine, db: Database, recording_id: str) -> None:
    """The audio is gone: so go free words about it, and the customer when nothing else of the call is kept, whose row says so."""
    sql(db, "UPDATE milestones SET note = '' WHERE recording_id = ? AND note != ''", (recording_id,))
    consequences.forget_words(db, recording_id)
    (call_id,) = sql(db, "SELECT call_id FROM recordings WHERE id = ?", (recording_id,)).fetchone()
    tell_if_all_is_gone(db, call_id)
    forget_customer_if_unneeded(engine, db, call_id)


def _purpose(db: Database, recording_id: str, name: str) -> RecordingPurpose | None:
    found: RecordingPurpose | None = (
        RecordingPurpose.select().where(RecordingPurpose.recording_id == recording_id, RecordingPurpose.name == name).first(db)
    )
    return found


def _insert_purposes(db: Database, recording_id: str, purposes: Sequence[Purpose], at: datetime) -> None:
    values = [(recording_id, p.name, p.title, p.basis.value, p.reasoning, _criterion_text(p), to_ms(at)) for p in purposes]
    columns = "recording_id, name, title, basis, reasoning, criterion, added_at"
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(values))
    sql(db, f"INSERT INTO recording_purposes ({columns}) VALUES {rows}", tuple(itertools.chain.from_iterable(values)))


def _criterion_text(purpose: Purpose) -> str:
    return json.dumps(criterion_to_mapping(purpose.retention), sort_keys=True, separators=(",", ":"))
