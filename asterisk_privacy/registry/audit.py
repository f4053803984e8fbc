"""The audit trail: rows that only grow, each carrying a hash over itself and the row before it; a head row counts them.

In a file they are one chain, called ''. On a server each node has a chain of its own, beside '', which tells of the begin of each and has
the checkpoints, so that no chain can be lost as a whole unnoticed (chains.py).

What `check` notices: a row changed, removed, inserted or moved, a tail cut off. What it cannot notice: somebody with write access to the
whole file who computes every hash anew from the row of his choice, head included. For that there are signed checkpoints (checkpoints.py,
verify.py).
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from peewee import Database

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import chains
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, Entry, Head, sql
from asterisk_privacy.registry.migrations.m0001_first import GENESIS
from asterisk_privacy.registry.models import AuditEntry
from asterisk_privacy.registry.postgres_chains import GENESIS_WORDS
from asterisk_privacy.registry.rows import AuditRow


def entry_hash(prev: str, seq: int, at: int, actor: str, action: str, subject: str, detail: str) -> str:
    """SHA-256 (hex) over canonical JSON of every column and the hash of the row before. `at` in ms, `detail` as stored (JSON text)."""
    body = json.dumps([prev, seq, at, actor, action, subject, detail], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(body.encode("ascii")).hexdigest()


def genesis(chain: str) -> str:
    """What the first entry of a chain follows: another hash for each name, so that none can take another's place."""
    return hashlib.sha256((GENESIS_WORDS + chain).encode()).hexdigest() if chain else GENESIS


def append(
    engine: Engine, db: Database, action: str, subject: str, detail: Mapping[str, str], actor: str | None = None, chain: str | None = None
) -> None:
    """Within the caller's transaction, so that a change and its audit row live or die together. `chain`: None is that of this node."""
    chain = engine.chain if chain is None else chain
    entries, prev = engine.heads.get(chain) or _head(engine, db, chain)
    at, who = to_ms(engine.clock()), actor or engine.actor
    text = json.dumps(dict(detail), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = entry_hash(prev, entries + 1, at, who, action, subject, text)
    engine.enter(db, chain, Entry(entries + 1, at, who, action, subject, text, prev, digest))
    if chain in engine.heads:
        engine.heads[chain] = Head(entries + 1, digest)


def _head(engine: Engine, db: Database, chain: str) -> Head:
    """Of a chain that is not there it makes one; the first chain tells of it, so that it cannot be lost as a whole and nobody notice."""
    found = sql(db, "SELECT entries, hash FROM audit_head WHERE chain = ?", (chain,)).fetchone()
    if found is None:
        if not chain or sql(db, "SELECT 1 FROM audit WHERE chain = ? LIMIT 1", (chain,)).fetchone():
            gone = f"audit trail of {engine.where}: the head record of {chains.called(chain)} is missing"
            raise OperatorError(f"{gone}, so nothing can be added to it; see: asterisk-privacy audit verify")
        found = (0, genesis(chain))
        sql(db, "INSERT INTO audit_head (chain, entries, hash) VALUES (?, ?, ?)", (chain, *found))
        if not engine.apart:
            append(engine, db, chains.BEGINS, chain, {}, chain=chains.FIRST)
    return Head(int(found[0]), found[1])


def take_in(engine: Engine, db: Database) -> None:
    """Chains of tenants' own users, who cannot write in the first one: it tells of them from here on."""
    if engine.node is None:
        return
    query = """SELECT chain FROM audit_head h WHERE tenant IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.chain = '' AND a.action = ? AND a.subject = h.chain) ORDER BY chain"""
    for (chain,) in sql(db, query, (chains.BEGINS,)).fetchall():
        append(engine, db, chains.BEGINS, chain, {}, chain=chains.FIRST)


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a chain was walked (`entries`), the hash of the last row, the first fault, and the hashes of the rows asked for."""

    entries: int
    last: str
    why: str | None = None
    first_bad: int | None = None  # seq of the first entry that cannot be trusted; None when the fault is not in an entry
    hashes: Mapping[int, str] | None = None


def check(engine: Engine, db: Database, chain: str, start: Head | None = None, wanted: Collection[int] = ()) -> Walk:
    """A whole chain, or what follows entry `start`; and its head. One row at a time is in memory."""
    head = sql(db, "SELECT entries, hash FROM audit_head WHERE chain = ?", (chain,)).fetchone()
    walk = _walk(engine, db, chain, start or Head(0, genesis(chain)), frozenset(wanted))
    if walk.why is not None:
        return walk
    count = walk.entries
    if head is None:
        return _with_fault(walk, None, f"the head record is missing; {count} entries are there" if chain else "the head record is missing")
    if head[0] > count:
        return _with_fault(walk, count + 1, f"the head counts {head[0]} entries, but only {count} are there: the tail was cut off")
    if head[0] < count:
        return _with_fault(walk, head[0] + 1, f"the head counts {head[0]} entries, but {count} are there: rows were added past it")
    if head[1] != walk.last:
        return _with_fault(walk, count or None, "the last entry is not the one that the head names")
    return walk


def unguarded(engine: Engine) -> str | None:
    """What is wrong with the guards of all chains, if anything is."""
    missing = engine.guards_missing()
    return f"the entries agree, but the guards {', '.join(missing)} were taken from the registry" if missing else None


def _with_fault(walk: Walk, seq: int | None, why: str) -> Walk:
    return Walk(walk.entries, walk.last, why, seq, walk.hashes)


def _walk(engine: Engine, db: Database, chain: str, start: Head, wanted: Collection[int]) -> Walk:
    count, last = start
    if count:
        found = sql(db, "SELECT hash FROM audit WHERE chain = ? AND seq = ?", (chain, count)).fetchone()
        if found is None:
            return Walk(count, last, f"entry {count}, to which the last checkpoint was signed, is missing", count)
        if found[0] != last:
            return Walk(count, last, f"entry {count} is not the one to which the last checkpoint was signed", count)
    bad: tuple[int, str] | None = None
    hashes: dict[int, str] = {}
    columns = "seq, at, actor, action, subject, detail, prev, hash"
    rows = engine.stream(f"SELECT {columns} FROM audit WHERE chain = ? AND seq > ? ORDER BY seq", (chain, count))
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
    """The newest first; of several chains each in its own order, merged by the clocks of those who wrote."""
    with engine.read() as db:
        found = [_newest(db, chain, limit, subject) for chain in reversed(chains.there(engine, db))]  # the first chain told before
    return list(itertools.islice(heapq.merge(*found, key=lambda row: row.at, reverse=True), limit))


def _newest(db: Database, chain: str, limit: int | None, subject: str | None) -> list[AuditRow]:
    query = AuditEntry.select().where(AuditEntry.chain == chain).order_by(AuditEntry.seq.desc()).limit(limit)
    if subject is not None:
        query = query.where(AuditEntry.subject == subject)
    rows = query.execute(db)
    return [AuditRow(e.seq, from_ms(e.at), e.actor, e.action, e.subject, json.loads(e.detail), e.hash, e.chain) for e in rows]
