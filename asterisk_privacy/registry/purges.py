"""When the purger ran and what it did; the scheduler asks here whether a night was missed, and whether the clock can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from peewee import SQL, Database

from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.clocks import ClockDoubt, doubt
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.models import Purge
from asterisk_privacy.registry.rows import PurgeRow

AT_ONCE = 500  # rows in one transaction


def note(engine: Engine, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
    """A real run also drops what forgotten customers left beside the tables: the write-ahead log and old copies of the file."""
    with engine.change() as db:
        Purge.insert(at=to_ms(at), planned=planned, deleted=deleted, failed=failed, dry_run=dry_run, node=engine.node).execute(db)
        detail = {"planned": str(planned), "deleted": str(deleted), "failed": str(failed), "dry_run": str(dry_run).lower()}
        audit.append(engine, db, "purge", "", {"at": at.isoformat(), **detail})
        audit.take_in(engine, db)
        if not dry_run:
            for name in engine.forget_copies():
                audit.append(engine, db, "backup.forget", name, {})
    if not dry_run:
        engine.fold()


def last(engine: Engine) -> PurgeRow | None:
    """The last real run; a dry run deletes nothing and does not count."""
    with engine.read() as db:
        own = SQL(engine.own("t1"))  # t1: what peewee calls the table
        row = Purge.select().where(Purge.dry_run == False, own).order_by(Purge.id.desc()).first(db)  # noqa: E712
    return None if row is None else PurgeRow(from_ms(row.at), row.planned, row.deleted, row.failed, bool(row.dry_run))


def note_found_due(engine: Engine, ends: Sequence[tuple[str, datetime]]) -> None:
    for start in range(0, len(ends), AT_ONCE):
        with engine.aside() as db:
            for recording_id, end in ends[start : start + AT_ONCE]:
                sql(db, "UPDATE recordings SET found_due = ? WHERE id = ? AND state = 'sealed'", (to_ms(end), recording_id))


def clock_doubt(engine: Engine, now: datetime) -> ClockDoubt | None:
    """What this node's own entries say against `now`, from the last run on that deleted by its clock. None also where nothing is kept:
    then nothing can be deleted, and a machine that gets its time only after its first start needs nobody."""
    with engine.read() as db:
        if sql(db, "SELECT 1 FROM calls LIMIT 1").fetchone() is None:
            return None
        query = "SELECT at FROM audit WHERE chain = ? AND seq >= ? ORDER BY seq"
        return doubt((from_ms(at) for (at,) in engine.stream(query, (engine.chain, _last_entry(engine, db)))), now)


def _last_entry(engine: Engine, db: Database) -> int:
    """Of a real run, in this node's chain; the first of all if there was none."""
    query = """SELECT seq FROM audit WHERE chain = ? AND action = 'purge' AND detail LIKE '%"dry_run":"false"%' ORDER BY seq DESC LIMIT 1"""
    found = sql(db, query, (engine.chain,)).fetchone()
    return 1 if found is None else int(found[0])
