"""The audit trail: rows that only grow, each carrying a hash over itself and the row before it; a head row counts them.

What `check` notices: a row changed, removed, inserted or moved, a tail cut off, a guard (trigger) taken away. What it cannot notice:
somebody with write access to the whole file who computes every hash anew from the row of his choice, head included. For that there are
signed checkpoints (checkpoints.py, verify.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from peewee import Database

from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.migrations.m0001_first import GENESIS
from asterisk_privacy.registry.models import AuditEntry
from asterisk_privacy.registry.rows import AuditRow

_COLUMNS = "seq, at, actor, action, subject, detail, prev, hash"


def entry_hash(prev: str, seq: int, at: int, actor: str, action: str, subject: str, detail: str) -> str:
    """SHA-256 (hex) over canonical JSON of every column and the hash of the row before. `at` in ms, `detail` as stored (JSON text)."""
    body = json.dumps([prev, seq, at, actor, action, subject, detail], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(body.encode("ascii")).hexdigest()


def append(engine: Engine, db: Database, action: str, subject: str, detail: Mapping[str, str], actor: str | None = None) -> None:
    """Within the caller's transaction, so that a change and its audit row live or die together."""
    entries, prev = sql(db, "SELECT entries, hash FROM audit_head WHERE id = 1").fetchone()
    seq, at, who = int(entries) + 1, to_ms(engine.clock()), actor or engine.actor
    text = json.dumps(dict(detail), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = entry_hash(prev, seq, at, who, action, subject, text)
    sql(db, f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (seq, at, who, action, subject, text, prev, digest))
    sql(db, "UPDATE audit_head SET entries = ?, hash = ? WHERE id = 1", (seq, digest))


@dataclass(frozen=True, slots=True)
class Walk:
    """How far the chain was walked (`entries`), the hash of the last row, the first fault, and the hashes of the rows asked for."""

    entries: int
    last: str
    why: str | None = None
    first_bad: int | None = None  # seq of the first entry that cannot be trusted; None when the fault is not in an entry
    hashes: Mapping[int, str] | None = None


def check(engine: Engine, db: Database, start: tuple[int, str] | None = None, wanted: Collection[int] = ()) -> Walk:
    """The whole chain, or what follows entry `start` (seq, hash); the head, and the guards. One row at a time is in memory."""
    head = sql(db, "SELECT entries, hash FROM audit_head WHERE id = 1").fetchone()
    walk = _walk(engine, db, start or (0, GENESIS), frozenset(wanted))
    if walk.why is not None:
        return walk
    count = walk.entries
    if head is None:
        return _with_fault(walk, None, "the head record is missing")
    if head[0] > count:
        return _with_fault(walk, count + 1, f"the head counts {head[0]} entries, but only {count} are there: the tail was cut off")
    if head[0] < count:
        return _with_fault(walk, head[0] + 1, f"the head counts {head[0]} entries, but {count} are there: rows were added past it")
    if head[1] != walk.last:
        return _with_fault(walk, count or None, "the last entry is not the one that the head names")
    missing = engine.guards_missing()
    if missing:
        return _with_fault(walk, None, f"the entries agree, but the guards {', '.join(missing)} were taken from the registry")
    return walk


def _with_fault(walk: Walk, seq: int | None, why: str) -> Walk:
    return Walk(walk.entries, walk.last, why, seq, walk.hashes)


def _walk(engine: Engine, db: Database, start: tuple[int, str], wanted: Collection[int]) -> Walk:
    count, last = start
    if count:
        found = sql(db, "SELECT hash FROM audit WHERE seq = ?", (count,)).fetchone()
        if found is None:
            return Walk(count, last, f"entry {count}, to which the last checkpoint was signed, is missing", count)
        if found[0] != last:
            return Walk(count, last, f"entry {count} is not the one to which the last checkpoint was signed", count)
    bad: tuple[int, str] | None = None
    hashes: dict[int, str] = {}
    rows = engine.stream(f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq", (count,))
    for seq, at, actor, action, subject, detail, prev, digest in rows:
        count += 1
        if seq in wanted:
            hashes[seq] = digest
        if bad is not None:
            continue
        if seq != count:
            bad = (count, f"entry {count} is missing")
        elif prev != last:
            bad = (seq, f"entry {seq} does not follow the entry before it: one of them was removed, inserted, moved or changed")
        elif digest != entry_hash(prev, seq, at, actor, action, subject, detail):
            bad = (seq, f"entry {seq} was changed: its hash does not fit it")
        last = digest
    return Walk(count, last, None if bad is None else bad[1], None if bad is None else bad[0], hashes)


def entries(engine: Engine, limit: int | None, subject: str | None = None) -> list[AuditRow]:
    """The newest first."""
    with engine.read() as db:
        query = AuditEntry.select().order_by(AuditEntry.seq.desc()).limit(limit)
        if subject is not None:
            query = query.where(AuditEntry.subject == subject)
        return [AuditRow(e.seq, from_ms(e.at), e.actor, e.action, e.subject, json.loads(e.detail), e.hash) for e in query.execute(db)]
