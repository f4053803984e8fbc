"""Copies that a deletion does not reach: exports that the audit trail knows of, copies of the registry made before an upgrade, and what a
move to another registry has left."""

from __future__ import annotations

import json
from collections.abc import Sequence

from peewee import Database

from asterisk_privacy.registry.chains import entry_called
from asterisk_privacy.registry.clock import from_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.moved import old_copies

# Each leaves the recording's audio somewhere else. The person who made the copy must delete it, or say why he may keep it.
LEAVING = ("recording.export", "recording.subject-copy", "recording.hand-over")


def told_in(evidence: str, copies: Sequence[str], node: str | None) -> str:
    """The evidence (a JSON object) with these copies and the node that deleted, where nodes have names; as it was without both."""
    more = ({"copies": list(copies)} if copies else {}) | ({"node": node} if node is not None else {})
    return evidence if not more else json.dumps({**json.loads(evidence), **more}, sort_keys=True)


def of(engine: Engine, db: Database, recording_id: str) -> list[str]:
    """One line each. Backups of the disk are not known here: how long those live is written in your own backup plan."""
    marks = ", ".join("?" * len(LEAVING))
    query = f"SELECT chain, seq, at, actor, action, detail FROM audit WHERE subject = ? AND action IN ({marks}) ORDER BY at, chain, seq"
    found = [
        f"{action.partition('.')[2]}{_to(detail)} by {actor} on {from_ms(at):%Y-%m-%d} (audit entry {entry_called(chain, seq)})"
        for chain, seq, at, actor, action, detail in sql(db, query, (recording_id, *LEAVING))
    ]
    for (begun,) in sql(db, "SELECT recorded_at FROM recordings WHERE id = ?", (recording_id,)).fetchall():
        found += old_copies(db, from_ms(begun))
        for name, at in engine.copies():
            if at >= begun:
                found.append(f"its row in {name}, the copy of the registry from before an upgrade; removed by itself after 30 days")
    return found


def _to(detail: str) -> str:
    to = json.loads(detail).get("to")
    return f" to {to}" if to else ""
