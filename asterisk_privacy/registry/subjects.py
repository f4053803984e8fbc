"""What exists about one person: recordings by the hash of a number or by agent, and who listened to them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.registry import reading
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.participants import of_agent, of_number
from asterisk_privacy.registry.rows import LIVING, RecordingRow

CHUNK = 500  # recordings read at once

LISTENING = {
    "recording.export": "copy made",
    "recording.listen": "listened",
    "recording.subject-copy": "copy for the person",
    "recording.export-refused": "refused",
    "recording.listen-refused": "refused",
    "recording.export-failed": "failed",
    "recording.listen-failed": "failed",
    "recording.subject-copy-failed": "failed",
}
COMPATIBLE_WITH = "compatible_with"  # in the detail of such an audit row


@dataclass(frozen=True, slots=True)
class ListenRow:
    recording_id: str
    at: datetime
    by: str
    what: str  # a value of LISTENING
    purpose: str
    reason: str
    compatible_with: str = ""  # the purpose that it was made for, where it was heard for one that the policy calls compatible with that

    @property
    def by_others(self) -> bool:
        """Somebody could hear it, and not for the person concerned."""
        return self.what in ("copy made", "listened")


def recordings(
    engine: Engine, *, hashes: Collection[str], agent: str | None, since: datetime | None, until: datetime | None
) -> list[RecordingRow]:
    """Those still there, the oldest first; `since` included, `until` excluded. Of deleted ones nobody knows whose they were."""
    states = [state.value for state in LIVING]
    where = [f"r.state IN ({_marks(states)})"]
    values: list[object] = list(states)
    concerned, whose = of_number(hashes) if agent is None else of_agent(agent)
    where.append(concerned)
    values += whose
    for condition, moment in (("r.recorded_at >= ?", since), ("r.recorded_at < ?", until)):
        if moment is not None:
            where.append(condition)
            values.append(to_ms(moment))
    query = f"SELECT r.id FROM recordings r JOIN calls c ON c.id = r.call_id WHERE {' AND '.join(where)} ORDER BY r.recorded_at, r.id"
    with engine.read() as db:
        ids = [found for (found,) in sql(db, query, values).fetchall()]
        return [row for at in range(0, len(ids), CHUNK) for row in reading.select(engine, among=ids[at : at + CHUNK])]


def listens(engine: Engine, recording_id: str) -> list[ListenRow]:
    """The oldest first, from the audit trail; attempts that were refused or failed too."""
    query = f"SELECT at, actor, action, detail FROM audit WHERE subject = ? AND action IN ({_marks(LISTENING)}) ORDER BY at, chain, seq"
    with engine.read() as db:
        rows = sql(db, query, (recording_id, *LISTENING)).fetchall()
    told = [(at, actor, action, json.loads(detail)) for at, actor, action, detail in rows]
    return [
        ListenRow(
            recording_id,
            from_ms(at),
            actor,
            LISTENING[action],
            detail.get("purpose", ""),
            detail.get("reason", ""),
            detail.get(COMPATIBLE_WITH, ""),
        )
        for at, actor, action, detail in told
    ]


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))
