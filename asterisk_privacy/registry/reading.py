"""Recordings as rows, with their purposes, milestones and the timeline of their call: a few queries however many rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from peewee import Database

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import marked_only
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis
from asterisk_privacy.policy.retention import Criterion, Milestone, criterion_from_mapping
from asterisk_privacy.registry import participants, requests
from asterisk_privacy.registry.calls import load_marks, load_spans
from asterisk_privacy.registry.case_rows import NOTHING, Circumstances
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.holds import circumstances
from asterisk_privacy.registry.objections import load as load_objections
from asterisk_privacy.registry.restrictions import load as load_restrictions
from asterisk_privacy.registry.rows import (
    KeptPurpose,
    MilestoneNote,
    OpenRequest,
    RecordingRow,
    RestrictionRow,
    State,
    effective_milestones,
)


class Ours(Enum):
    """Which recordings, where several nodes share the registry."""

    ALL = "all"
    OWN = "own"  # that this node began
    IN_REACH = "in reach"  # whose files this node can delete

    def of(self, engine: Engine, recordings: str) -> str:
        """SQL; `recordings`: the table or its alias."""
        return {Ours.ALL: "1 = 1", Ours.OWN: engine.own(recordings), Ours.IN_REACH: engine.in_reach(recordings)}[self]


# Plain SQL and tuples: the purger reads every kept recording each night, and model instances cost five times as much.
_RECORDINGS = """SELECT r.id, r.call_id, c.profile, r.state, r.recorded_at, r.sealed_at, r.duration_ms, r.size, r.sha256,
    r.truncated, r.marked, r.part, c.spans, c.marks, r.state_at, r.state_reason, r.evidence, r.deidentified, r.node, b.address,
    r.tenant
    FROM recordings r JOIN calls c ON c.id = r.call_id LEFT JOIN places b ON b.id = r.place {where} ORDER BY r.recorded_at, r.id"""
_PURPOSES = """SELECT p.recording_id, p.name, p.title, p.basis, p.reasoning, p.criterion, p.added_at
    FROM recording_purposes p JOIN recordings r ON r.id = p.recording_id {where} ORDER BY p.rowid"""
_MILESTONES = """SELECT m.recording_id, m.kind, m.at, m.by, m.note
    FROM milestones m JOIN recordings r ON r.id = m.recording_id {where} ORDER BY m.id"""


def select(
    engine: Engine,
    *,
    recording_id: str | None = None,
    state: State | None = None,
    call_id: str | None = None,
    among: Sequence[str] | None = None,
    ours: Ours = Ours.ALL,
) -> list[RecordingRow]:
    """The oldest first. `among`: only these ids, at most a few thousand."""
    wanted = {"r.id": recording_id, "r.state": None if state is None else state.value, "r.call_id": call_id}
    given = {column: value for column, value in wanted.items() if value is not None}
    conditions = [f"{column} = ?" for column in given]
    values: tuple[str, ...] = tuple(given.values())
    if among is not None:
        conditions.append(f"r.id IN ({', '.join('?' * len(among))})")
        values += tuple(among)
    if ours is not Ours.ALL:
        conditions.append(ours.of(engine, "r"))
    where = " AND ".join(conditions)
    with engine.read() as db:
        rows = sql(db, _RECORDINGS.format(where=f"WHERE {where}" if where else ""), values).fetchall()
        living = " AND ".join(filter(None, (where, "p.withdrawn_at IS NULL")))
        purposes = _purposes(db, _PURPOSES.format(where=f"WHERE {living}"), values)
        restrictions = load_restrictions(db, where or "1 = 1", values)
        objected = load_objections(db, where or "1 = 1", values)
        history = notes_of(db, f"WHERE {where}" if where else "", values)
        asked = requests.concerning(db, where or "1 = 1", values)
        people = participants.of_recordings(db, where or "1 = 1", values)
        around = circumstances(db, among if recording_id is None else (recording_id,))
    return [_readable(row, people, purposes, restrictions, objected, history, around, asked) for row in rows]


def _readable(row: Sequence[Any], *beside: Mapping[str, Any]) -> RecordingRow:
    try:
        return _row(row, *beside)
    except (ValueError, TypeError, OverflowError) as error:
        raise OperatorError(f"recording {row[0]}: its row cannot be read ({error}); restore the registry from a backup") from error


def _row(
    row: Sequence[Any],
    people: Mapping[str, tuple[Participant, ...]],
    purposes: Mapping[str, Sequence[KeptPurpose]],
    restrictions: Mapping[str, RestrictionRow],
    objected: Mapping[str, frozenset[str]],
    history: Mapping[str, Sequence[MilestoneNote]],
    around: Mapping[str, Circumstances],
    asked: Mapping[str, tuple[OpenRequest, ...]],
) -> RecordingRow:
    (
        id_,
        call,
        profile,
        status,
        recorded_at,
        sealed_at,
        duration_ms,
        size,
        sha256,
        truncated,
        marked,
        part,
        spans,
        marks,
        state_at,
        state_reason,
        evidence,
        deidentified,
        node,
        place,
        tenant,
    ) = row
    return RecordingRow(
        id=id_,
        call_id=call,
        profile=profile,
        participants=people.get(id_, ()),
        state=State(status),
        recorded_at=from_ms(recorded_at),
        sealed_at=from_ms_or_none(sealed_at),
        duration_ms=duration_ms,
        size=size,
        sha256=sha256,
        truncated=bool(truncated),
        marked=bool(marked),
        part=part,
        purposes=tuple(purposes.get(id_, ())),
        milestones=effective_milestones(history.get(id_, ()), around.get(id_, NOTHING).milestones),
        history=tuple(history.get(id_, ())),
        spans=marked_only(load_spans(spans), load_marks(marks)) if marked else load_spans(spans),
        marks=load_marks(marks),
        state_at=from_ms(state_at),
        state_reason=state_reason,
        evidence=evidence,
        restriction=restrictions.get(id_),
        circumstances=around.get(id_, NOTHING),
        deidentified=deidentified,
        node=node,
        place=place,
        objected=objected.get(id_, frozenset()),
        tenant=tenant,
        requests=asked.get(id_, ()),
    )


def in_state(engine: Engine, state: State, ours: Ours) -> dict[str, str]:
    """Id and call of each, the oldest first, without a look at what else their rows say: one that cannot be read is among them."""
    with engine.read() as db:
        query = f"SELECT id, call_id FROM recordings r WHERE state = ? AND {ours.of(engine, 'r')} ORDER BY recorded_at, id"
        return dict(sql(db, query, (state.value,)).fetchall())


def state(engine: Engine, recording_id: str) -> State | None:
    with engine.read() as db:
        found = sql(db, "SELECT state FROM recordings WHERE id = ?", (recording_id,)).fetchone()
    return None if found is None else State(found[0])


def purging(engine: Engine) -> dict[str, str]:
    with engine.read() as db:
        query = f"SELECT id, state_reason FROM recordings r WHERE state = 'purging' AND {engine.in_reach('r')} ORDER BY recorded_at, id"
        return dict(sql(db, query).fetchall())


def _purposes(db: Database, query: str, values: tuple[str, ...]) -> dict[str, list[KeptPurpose]]:
    found: dict[str, list[KeptPurpose]] = defaultdict(list)
    for recording_id, name, title, basis, reasoning, criterion, added_at in sql(db, query, values):
        try:
            promise = _criterion(criterion)
        except ValueError as error:
            raise OperatorError(
                f"recording {recording_id}: its promise for purpose {name} cannot be read ({error}); use the version that wrote it"
            ) from error
        found[recording_id].append(KeptPurpose(name, title, Basis(basis), reasoning, promise, from_ms(added_at)))
    return found


def notes_of(db: Database, where: str, values: tuple[str, ...]) -> dict[str, list[MilestoneNote]]:
    """`where` is about the columns of recordings, as r."""
    found: dict[str, list[MilestoneNote]] = defaultdict(list)
    for recording_id, kind, at, by, note in sql(db, _MILESTONES.format(where=where), values):
        found[recording_id].append(MilestoneNote(Milestone(kind), from_ms(at), by, note))
    return found


@lru_cache(maxsize=256)
def _criterion(text: str) -> Criterion:
    return criterion_from_mapping(json.loads(text))
