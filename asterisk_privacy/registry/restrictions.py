"""Recordings that are only stored (GDPR art. 18): see rows.RestrictionRow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from peewee import Database

from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.recordings import state_of
from asterisk_privacy.registry.rows import RestrictionRow, State, WrongState


def restrict(engine: Engine, recording_id: str, at: datetime, reason: str, except_for: Sequence[str]) -> None:
    with engine.change() as db:
        state = state_of(db, recording_id)
        if state is not State.SEALED:
            raise WrongState(f"recording {recording_id}: is {state}; only a sealed recording can be restricted")
        if load(db, "r.id = ?", (recording_id,)):
            raise WrongState(f"recording {recording_id}: is restricted already; lift that first with: subject restrict --lift")
        names = list(dict.fromkeys(except_for))
        values = (recording_id, to_ms(at), engine.actor, reason, json.dumps(names))
        sql(db, "INSERT INTO restrictions (recording_id, at, by, reason, except_for) VALUES (?, ?, ?, ?, ?)", values)
        audit.append(
            engine, db, "recording.restrict", recording_id, {"at": at.isoformat(), "reason": reason, "except_for": ", ".join(names)}
        )


def lift(engine: Engine, recording_id: str, at: datetime, reason: str) -> None:
    with engine.change() as db:
        statement = "UPDATE restrictions SET lifted_at = ?, lifted_why = ? WHERE recording_id = ? AND lifted_at IS NULL"
        if not sql(db, statement, (to_ms(at), reason, recording_id)).rowcount:
            raise WrongState(f"recording {recording_id}: is not restricted")
        audit.append(engine, db, "recording.lift-restriction", recording_id, {"at": at.isoformat(), "reason": reason})


def active(engine: Engine) -> dict[str, RestrictionRow]:
    """Those not lifted, by recording id."""
    with engine.read() as db:
        return load(db)


def load(db: Database, where: str = "1 = 1", values: Sequence[object] = ()) -> dict[str, RestrictionRow]:
    """`where` is about the columns of recordings, as r."""
    query = f"""SELECT x.recording_id, x.at, x.by, x.reason, x.except_for
        FROM restrictions x JOIN recordings r ON r.id = x.recording_id WHERE x.lifted_at IS NULL AND {where}"""
    rows = sql(db, query, values).fetchall()
    return {r[0]: RestrictionRow(r[0], from_ms(r[1]), r[2], r[3], tuple(json.loads(r[4]))) for r in rows}
