"""Cases: opened, linked to recordings, what happened in them, closed. What may follow what is `policy.cases`'.

References and notes are words of people, so they stay out of the audit trail, which cannot forget; digests of them stand there.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from peewee import Database

from asterisk_privacy.policy.cases import CaseKind, Step, objection
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.case_rows import CaseNote, CaseRow
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.recordings import state_of
from asterisk_privacy.registry.rows import State, WrongState

REFERENCE_MAX = 100


def digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def open_(engine: Engine, kind: CaseKind, reference: str, at: datetime, by: str, note: str) -> CaseRow:
    if not reference.strip() or len(reference) > REFERENCE_MAX or not reference.isprintable():
        raise WrongState(f"case {reference[:40]!r}: a reference is 1 to {REFERENCE_MAX} printable characters: the number in your system")
    if at > engine.clock():
        raise WrongState(f"case {reference}: {at:%Y-%m-%d %H:%M} is still to come; write down what happened")
    with engine.change() as db:
        if sql(db, "SELECT 1 FROM cases WHERE reference = ?", (reference,)).fetchone():
            raise WrongState(f"case {reference}: exists already; link recordings to it, or reopen it if it is closed")
        made = "INSERT INTO cases (kind, reference, opened_at) VALUES (?, ?, ?) RETURNING id"
        case_id = int(sql(db, made, (kind.value, reference, to_ms(at))).fetchone()[0])
        _note(engine, db, case_id, Step.OPENED, at, by, note, {"kind": kind.value, "reference_sha256": digest(reference)})
        return wanted(db, reference)


def link(engine: Engine, reference: str, recording_id: str, at: datetime, by: str) -> CaseRow:
    """Nothing happens when it is linked already."""
    with engine.change() as db:
        case = wanted(db, reference)
        if case.closed_at is not None:
            raise WrongState(f"case {reference}: is closed since {case.closed_at:%Y-%m-%d}; reopen it, or open another")
        state = state_of(db, recording_id)
        if state is not State.SEALED:
            raise WrongState(f"recording {recording_id}: is {state}; only a sealed recording can be linked to a case")
        if recording_id not in case.recordings:
            _of_one_company(db, case, recording_id)
            values = (case.id, recording_id, to_ms(at), by)
            sql(db, "INSERT INTO case_links (case_id, recording_id, at, by) VALUES (?, ?, ?, ?)", values)
            audit.append(engine, db, "case.link", recording_id, {"case": str(case.id), "at": at.isoformat()}, actor=by)
        return wanted(db, reference)


def unlink(engine: Engine, reference: str, recording_id: str, at: datetime, by: str, reason: str) -> CaseRow:
    """WrongState when it is not linked, or a legal hold on the case keeps it."""
    with engine.change() as db:
        case = wanted(db, reference)
        if recording_id not in case.recordings:
            raise WrongState(f"case {reference}: recording {recording_id} is not linked to it")
        held = sql(db, "SELECT id FROM legal_holds WHERE case_id = ? AND released_at IS NULL", (case.id,)).fetchone()
        if held is not None:
            raise WrongState(f"case {reference}: is under legal hold {held[0]}, which keeps its recordings; release that first")
        sql(db, engine.UNLINK, (case.id, recording_id))
        detail = {"case": str(case.id), "at": at.isoformat(), "reason_sha256": digest(reason)}
        audit.append(engine, db, "case.unlink", recording_id, detail, actor=by)
        return wanted(db, reference)


def step(engine: Engine, reference: str, kind: Step, at: datetime, by: str, note: str) -> CaseRow:
    """An event, the closing or the reopening. WrongState says why it cannot be."""
    with engine.change() as db:
        case = wanted(db, reference)
        why_not = objection(case.case, kind, at, engine.clock())
        if why_not is not None:
            raise WrongState(f"case {reference}: {why_not}")
        _note(engine, db, case.id, kind, at, by, note, {})
        closed = wanted(db, reference).case.closed_at
        sql(db, "UPDATE cases SET closed_at = ? WHERE id = ?", (None if closed is None else to_ms(closed), case.id))
        if kind is Step.REOPENED:
            sql(db, "UPDATE cases SET reopened_at = ? WHERE id = ?", (to_ms(at), case.id))
        return wanted(db, reference)


def _of_one_company(db: Database, case: CaseRow, recording_id: str) -> None:
    """A case that nobody's user opened, the hoster's say, is from its first recording on that company's, whose people then see it too."""
    (mine,) = sql(db, "SELECT tenant FROM cases WHERE id = ?", (case.id,)).fetchone()
    (its,) = sql(db, "SELECT tenant FROM recordings WHERE id = ?", (recording_id,)).fetchone()
    if mine is None and its is not None and not case.recordings:
        sql(db, "UPDATE cases SET tenant = ? WHERE id = ?", (its, case.id))
    elif mine != its:
        raise WrongState(f"case {case.reference}: is of {mine or 'no tenant'}, and recording {recording_id} is of {its or 'none'}")


def wanted(db: Database, reference: str) -> CaseRow:
    found = select(db, reference=reference)
    if not found:
        raise WrongState(f"case {reference}: is unknown; see: asterisk-privacy case list")
    if len(found) > 1:
        raise WrongState(f"case {reference}: {len(found)} tenants have one of that name; say whose with [registry] tenant")
    return found[0]


def select(db: Database, reference: str | None = None, among: Sequence[str] | None = None) -> list[CaseRow]:
    """That one, or those of the recordings `among` these ids, or all; the oldest first."""
    where, values = "", tuple(among or ())
    if reference is not None:
        where, values = "WHERE c.reference = ?", (reference,)
    elif among is not None:
        where = f"WHERE c.id IN (SELECT case_id FROM case_links WHERE recording_id IN ({', '.join('?' * len(among))}))"
    history: dict[int, list[CaseNote]] = defaultdict(list)
    query = f"SELECT e.case_id, e.kind, e.at, e.by, e.note FROM case_events e JOIN cases c ON c.id = e.case_id {where} ORDER BY e.id"
    for case_id, kind, at, by, note in sql(db, query, values):
        history[case_id].append(CaseNote(Step(kind), from_ms(at), by, note))
    linked: dict[int, list[str]] = defaultdict(list)
    query = f"SELECT l.case_id, l.recording_id FROM case_links l JOIN cases c ON c.id = l.case_id {where} ORDER BY l.at, l.rowid"
    for case_id, linked_id in sql(db, query, values):
        linked[case_id].append(linked_id)
    query = f"SELECT c.id, c.kind, c.reference, c.opened_at, c.reopened_at, c.closed_at FROM cases c {where} ORDER BY c.opened_at, c.id"
    return [
        CaseRow(
            id_,
            CaseKind(kind),
            name,
            from_ms(opened),
            from_ms_or_none(reopened),
            from_ms_or_none(closed),
            tuple(history[id_]),
            tuple(linked[id_]),
        )
        for id_, kind, name, opened, reopened, closed in sql(db, query, values).fetchall()
    ]


def _note(engine: Engine, db: Database, case_id: int, kind: Step, at: datetime, by: str, note: str, detail: dict[str, str]) -> None:
    values = (case_id, kind.value, to_ms(at), by, note)
    sql(db, "INSERT INTO case_events (case_id, kind, at, by, note) VALUES (?, ?, ?, ?, ?)", values)
    told = {**detail, "at": at.isoformat(), "note_sha256": digest(note)}
    audit.append(engine, db, f"case.{kind}", f"case-{case_id}", told, actor=by)
