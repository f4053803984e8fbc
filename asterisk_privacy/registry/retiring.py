"""A node that does not come back: what its rows say then, and its name, which nobody takes by mistake.

All of it is done in the name of that node, by whoever holds its lock: its daemon cannot run meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, sql

_MARK = """INSERT INTO nodes (name, version, started_at, seen_at, stopped, calls, waiting, alarms, retired_at, retired_why)
    VALUES (?, '', ?, ?, 1, 0, 0, 0, ?, ?) ON CONFLICT (name) DO UPDATE SET retired_at = excluded.retired_at,
    retired_why = excluded.retired_why, calls = 0"""

_READMIT = "UPDATE nodes SET retired_at = NULL, retired_why = '', version = '' WHERE name = ? AND retired_at IS NOT NULL"
_UNREACHABLE = "UPDATE recordings SET state_reason = ? WHERE id = ? AND state = 'sealed' AND state_reason != ?"


def is_known(engine: Engine) -> bool:
    """Whether this node ever told of itself or wrote a row."""
    with engine.read() as db:
        tables = (("nodes", "name"), ("recordings", "node"), ("calls", "node"), ("purges", "node"))
        return any(sql(db, f"SELECT 1 FROM {table} WHERE {column} = ? LIMIT 1", (engine.node,)).fetchone() for table, column in tables)


def on_its_disk(engine: Engine, state: str) -> list[str]:
    """Ids of its recordings in that state of which no row says that they are in a bucket."""
    with engine.read() as db:
        query = f"SELECT id FROM recordings r WHERE {engine.own('r')} AND state = ? AND place IS NULL ORDER BY id"
        return [found for (found,) in sql(db, query, (state,)).fetchall()]


def note_unreachable(engine: Engine, ids: Sequence[str], at: datetime, reason: str) -> None:
    """They stay sealed, since nobody knows what becomes of the disk; their rows and the trail say why nobody hears them."""
    with engine.change() as db:
        for recording_id in ids:
            changed = sql(db, _UNREACHABLE, (reason, recording_id, reason))
            if changed.rowcount:
                audit.append(engine, db, "recording.unreachable", recording_id, {"at": at.isoformat(), "reason": reason})


def retire(engine: Engine, at: datetime, reason: str, counts: dict[str, int]) -> None:
    with engine.change() as db:
        now = to_ms(at)
        sql(db, _MARK, (engine.node, now, now, now, reason))
        told = {name: str(count) for name, count in counts.items()}
        audit.append(engine, db, "node.retire", str(engine.node), {"at": at.isoformat(), "reason": reason, **told})


def readmit(engine: Engine, at: datetime, reason: str) -> None:
    """OperatorError: it is not retired."""
    with engine.change() as db:
        if sql(db, _READMIT, (engine.node,)).rowcount:
            audit.append(engine, db, "node.readmit", str(engine.node), {"at": at.isoformat(), "reason": reason})
            return
    raise OperatorError(f"node {engine.node}: is not retired; see: asterisk-privacy registry nodes")


def is_awaited(engine: Engine) -> bool:
    """Whether the name was given to a new machine, whose daemon has not told of itself yet."""
    with engine.read() as db:
        return sql(db, "SELECT 1 FROM nodes WHERE name = ? AND version = ''", (engine.node,)).fetchone() is not None


def refuse_if_retired(engine: Engine) -> None:
    if engine.node is None:
        return
    with engine.read() as db:
        found = sql(db, "SELECT retired_at, retired_why FROM nodes WHERE name = ? AND retired_at IS NOT NULL", (engine.node,)).fetchone()
    if found is not None:
        raise OperatorError(
            f"registry {engine.where}: node {engine.node} was retired on {from_ms(found[0]):%Y-%m-%d} ({found[1]}); its rows are closed; "
            f"give this machine another [registry] node, or let a new one have the name: asterisk-privacy registry readmit {engine.node}"
        )
