"""Legal holds, which no deletion passes, and lessons; and what both and the cases mean for each recording."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from peewee import Database

from asterisk_privacy.policy.cases import court_of, milestones_of
from asterisk_privacy.registry import audit, cases
from asterisk_privacy.registry.case_rows import CaseRow, Circumstances, HoldRow, LessonRow
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.recordings import state_of
from asterisk_privacy.registry.rows import State, WrongState

_HOLDS = """SELECT h.id, h.recording_id, c.reference, h.placed_at, h.placed_by, h.reason, h.listeners, h.released_at, h.released_by,
    h.release_reason FROM legal_holds h LEFT JOIN cases c ON c.id = h.case_id"""
_IN_FORCE = "WHERE h.released_at IS NULL"
_IN_FORCE_AMONG = f"""{_IN_FORCE} AND (h.recording_id IN ({{ids}})
    OR h.case_id IN (SELECT case_id FROM case_links WHERE recording_id IN ({{ids}})))"""


def place(
    engine: Engine, recording_id: str | None, reference: str | None, at: datetime, by: str, reason: str, listeners: Sequence[str]
) -> HoldRow:
    """On one recording, or on all that are or will be linked to a case."""
    if (recording_id is None) == (reference is None):
        raise ValueError("a legal hold is on a recording or on a case")
    with engine.change() as db:
        case_id = None
        if reference is not None:
            case_id = cases.wanted(db, reference).id
        elif recording_id is not None and (state := state_of(db, recording_id)) is not State.SEALED:
            what = "what is gone cannot be held" if state is not State.WRITING else "hold it once it is sealed"
            raise WrongState(f"recording {recording_id}: is {state}; {what}")
        values = (recording_id, case_id, to_ms(at), by, reason, json.dumps(sorted(set(listeners))))
        statement = "INSERT INTO legal_holds (recording_id, case_id, placed_at, placed_by, reason, listeners) VALUES (?, ?, ?, ?, ?, ?)"
        hold_id = int(sql(db, f"{statement} RETURNING id", values).fetchone()[0])
        detail = {
            "hold": str(hold_id),
            "at": at.isoformat(),
            "reason_sha256": cases.digest(reason),
            "listeners": ", ".join(sorted(set(listeners))),
        }
        audit.append(engine, db, "hold.place", recording_id or f"case-{case_id}", detail, actor=by)
        return next(hold for hold in _select(db) if hold.id == hold_id)


def release(engine: Engine, hold_id: int, at: datetime, by: str, reason: str) -> HoldRow:
    with engine.change() as db:
        found = next((hold for hold in _select(db) if hold.id == hold_id), None)
        if found is None:
            raise WrongState(f"legal hold {hold_id}: is unknown; see: asterisk-privacy hold list")
        if found.released_at is not None:
            raise WrongState(f"legal hold {hold_id}: was released on {found.released_at:%Y-%m-%d} already")
        values = (to_ms(at), by, reason, hold_id)
        sql(db, "UPDATE legal_holds SET released_at = ?, released_by = ?, release_reason = ? WHERE id = ?", values)
        subject = found.recording_id or f"case-{cases.wanted(db, found.case or '').id}"
        detail = {"hold": str(hold_id), "at": at.isoformat(), "reason_sha256": cases.digest(reason)}
        audit.append(engine, db, "hold.release", subject, detail, actor=by)
        return next(hold for hold in _select(db) if hold.id == hold_id)


def select(engine: Engine, only_active: bool) -> list[HoldRow]:
    with engine.read() as db:
        return _select(db, _IN_FORCE if only_active else "")


def lesson(engine: Engine, recording_id: str, until: datetime, at: datetime, by: str, reason: str) -> None:
    """The latest decision counts. How long the purposes allow it is for the caller to look at; the criterion bounds it anyway."""
    if until <= at:
        raise WrongState(f"recording {recording_id}: a lesson until {until:%Y-%m-%d} is over already; write a date that is still to come")
    with engine.change() as db:
        state = state_of(db, recording_id)
        if state is not State.SEALED:
            raise WrongState(f"recording {recording_id}: is {state}; only a sealed recording can be a lesson")
        values = (recording_id, to_ms(until), to_ms(at), by, reason)
        sql(db, "INSERT INTO lessons (recording_id, until, at, by, reason) VALUES (?, ?, ?, ?, ?)", values)
        detail = {"until": until.isoformat(), "at": at.isoformat(), "reason_sha256": cases.digest(reason)}
        audit.append(engine, db, "recording.lesson", recording_id, detail, actor=by)


def circumstances(db: Database, among: Sequence[str] | None = None) -> Mapping[str, Circumstances]:
    """Of every recording (or of those `among` these ids) that has any: few among many, so all of it fits in memory."""
    one, values = ("", ()) if among is None else (f"WHERE recording_id IN ({', '.join('?' * len(among))})", tuple(among))
    linked: dict[str, list[int]] = defaultdict(list)
    for id_, case_id in sql(db, f"SELECT recording_id, case_id FROM case_links {one} ORDER BY case_id", values):
        linked[id_].append(case_id)
    known: dict[int, CaseRow] = {row.id: row for row in cases.select(db, among=among)} if linked else {}
    holds: dict[str, list[HoldRow]] = defaultdict(list)
    by_reference: dict[str, list[HoldRow]] = defaultdict(list)
    for hold in _select(db, _IN_FORCE if among is None else _IN_FORCE_AMONG.format(ids=", ".join("?" * len(among))), (*values, *values)):
        if hold.recording_id is not None:
            holds[hold.recording_id].append(hold)
        else:
            by_reference[hold.case or ""].append(hold)
    for id_, case_ids in linked.items():
        for case_id in case_ids:
            holds[id_].extend(by_reference.get(known[case_id].reference, ()))
    lessons = {
        id_: LessonRow(from_ms(until), from_ms(at), by, reason)
        for id_, until, at, by, reason in sql(db, f"SELECT recording_id, until, at, by, reason FROM lessons {one} ORDER BY id", values)
    }
    wanted = linked.keys() | holds.keys() | lessons.keys()
    if among is not None:
        wanted &= set(among)
    return {id_: _circumstances([known[n] for n in linked.get(id_, ())], holds.get(id_, ()), lessons.get(id_)) for id_ in wanted}


def _circumstances(rows: Sequence[CaseRow], holds: Sequence[HoldRow], lesson_: LessonRow | None) -> Circumstances:
    pure = [row.case for row in rows]
    in_force = tuple(sorted(holds, key=lambda hold: hold.id))
    return Circumstances(tuple(row.reference for row in rows), milestones_of(pure), court_of(pure), in_force, lesson_)


def _select(db: Database, where: str = "", values: Sequence[object] = ()) -> list[HoldRow]:
    return [
        HoldRow(id_, recording, case, from_ms(at), by, why, tuple(json.loads(listeners)), from_ms_or_none(until), who, words)
        for id_, recording, case, at, by, why, listeners, until, who, words in sql(db, f"{_HOLDS} {where} ORDER BY h.id", values).fetchall()
    ]
