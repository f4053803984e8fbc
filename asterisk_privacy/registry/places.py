"""In which bucket recordings are. A row says so once the bucket has given the file back and the file of the node is gone: from then on
every node that uses this bucket can delete, replace and look for it, also when the node that made it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from peewee import Database

from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.engine import Engine, sql

PAGE = 500


def brought(engine: Engine, recording_id: str, sha256: str, address: str) -> bool:
    """Whether the row says so now. Not of another node's recording, nor of one on its way out, nor when another version has taken the place
    of the file with that hash meanwhile."""
    with engine.aside() as db:
        query = f"UPDATE recordings SET place = ? WHERE id = ? AND sha256 = ? AND state = 'sealed' AND {engine.own('recordings')}"
        return sql(db, query, (number(db, address), recording_id, sha256)).rowcount == 1


def astray(engine: Engine, address: str, after: str = "") -> Iterator[tuple[str, str]]:
    """Ids, behind `after`, and hashes of this node's sealed recordings whose rows do not say that they are at `address`: they wait on its
    disk, a crash came between the upload and the row, or the address was another. A page at a time."""
    while True:
        query = f"""SELECT id, sha256 FROM recordings r WHERE {engine.own("r")} AND state = 'sealed' AND id > ?
            AND (place IS NULL OR place != coalesce((SELECT id FROM places WHERE address = ?), 0)) ORDER BY id LIMIT ?"""
        with engine.read() as db:
            page = sql(db, query, (after, address, PAGE)).fetchall()
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1][0]


def number(db: Database, address: str) -> int:
    """Of the address; a new one is written down."""
    query = "SELECT id FROM places WHERE address = ?"
    found = sql(db, query, (address,)).fetchone()
    if found is None:
        sql(db, "INSERT INTO places (address) VALUES (?) ON CONFLICT (address) DO NOTHING", (address,))
        found = sql(db, query, (address,)).fetchone()
    return int(found[0])


def is_compared(engine: Engine, since: datetime) -> bool:
    """Whether some node has compared what is in our bucket with the rows since then, by the server's clock."""
    with engine.read() as db:
        query = "SELECT 1 FROM places WHERE address = ? AND compared_at > ?"
        return engine.node is not None and sql(db, query, (engine.bucket, to_ms(since))).fetchone() is not None


def note_compared(engine: Engine, at: datetime) -> None:
    if engine.node is not None and engine.bucket is not None:
        with engine.aside() as db:
            sql(db, "UPDATE places SET compared_at = ? WHERE id = ?", (to_ms(at), number(db, engine.bucket)))
