"""What the audit trail tells of a move from a SQLite file: that it was made, what was moved, and whether the old copies are gone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from peewee import Database

from asterisk_privacy.registry.clock import from_ms
from asterisk_privacy.registry.engine import Engine, sql

SUBJECT = "registry"  # of both entries: the trail has an index by subject; the first is in the first chain, behind what was moved
MOVED = "registry.move"
OLD_REMOVED = "registry.old-copies-removed"


@dataclass(frozen=True, slots=True)
class Moved:
    """`entries` and `head`: of the old trail when it was moved. `removed_at`: when its old copies went; None: they are still there."""

    seq: int
    at: datetime
    actor: str
    entries: int
    head: str
    detail: Mapping[str, str]
    removed_at: datetime | None


def moved(engine: Engine) -> Moved | None:
    """The move that filled this registry, if one did."""
    with engine.read() as db:
        return told(db)


def told(db: Database) -> Moved | None:
    query = "SELECT seq, at, actor, action, detail FROM audit WHERE subject = ? AND action IN (?, ?)"
    entries = sql(db, query, (SUBJECT, MOVED, OLD_REMOVED)).fetchall()
    found: Moved | None = None
    for seq, at, actor, action, text in sorted(entries, key=lambda entry: entry[3] == OLD_REMOVED):  # one move, and a clock may be set back
        detail = json.loads(text)
        if action == MOVED:
            found = Moved(seq, from_ms(at), actor, int(detail["entries"]), detail["head"], detail, None)
        elif found is not None:
            found = Moved(found.seq, found.at, found.actor, found.entries, found.head, found.detail, from_ms(at))
    return found


def old_copies(db: Database, recorded_at: datetime) -> list[str]:
    """Of a recording of that time: what its deletion does not reach, one line."""
    move = told(db)
    if move is None or move.removed_at is not None or recorded_at > move.at:
        return []
    files = f" and, if it was there, its file in {move.detail['store']}" if move.detail.get("store") else ""
    return [
        f"its row in {move.detail['from']}{files}, left by the move of {move.at:%Y-%m-%d} (audit entry {move.seq}); "
        "remove them with: asterisk-privacy migrate --remove-old"
    ]
