"""What waits for a person: recordings that nobody has reviewed, or that belong to no case, for given purposes. One query each."""

from __future__ import annotations

from collections.abc import Collection

from asterisk_privacy.registry import reading
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.registry.tenants import Tenants

MOST = 500  # shown at once: the newest so many, for this week's sample is among them

_WAITING = """SELECT r.id FROM recordings r WHERE r.state = 'sealed' AND {whose}
    AND EXISTS (SELECT 1 FROM recording_purposes p WHERE p.recording_id = r.id AND p.withdrawn_at IS NULL AND p.name IN ({names}))
    AND NOT EXISTS ({done}) ORDER BY r.recorded_at DESC LIMIT ?"""
_REVIEWED = "SELECT 1 FROM milestones m WHERE m.recording_id = r.id AND m.kind = 'reviewed'"
_LINKED = "SELECT 1 FROM case_links l WHERE l.recording_id = r.id"


def unreviewed(engine: Engine, purposes: Collection[str]) -> list[RecordingRow]:
    return _waiting(engine, purposes, _REVIEWED)


def without_case(engine: Engine, purposes: Collection[str]) -> list[RecordingRow]:
    return _waiting(engine, purposes, _LINKED)


def _waiting(engine: Engine, purposes: Collection[str], done: str) -> list[RecordingRow]:
    names = sorted(purposes)
    # the server shows no others anyway, but what keeps them apart there uses no index
    tenant = Tenants(engine).here
    whose, values = ("1 = 1", ()) if tenant is None else ("r.tenant = ?", (tenant,))
    query = _WAITING.format(names=", ".join("?" * len(names)), done=done, whose=whose)
    with engine.read() as db:
        ids = [found for (found,) in sql(db, query, (*values, *names, MOST)).fetchall()]
        return reading.select(engine, among=ids) if ids else []
