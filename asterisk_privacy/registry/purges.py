"""When the purger ran and what it did; the scheduler asks here whether a night was missed."""

from __future__ import annotations

from datetime import datetime

from peewee import SQL

from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine
from asterisk_privacy.registry.models import Purge
from asterisk_privacy.registry.rows import PurgeRow


def note(engine: Engine, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
    """A real run also drops what forgotten customers left beside the tables: the write-ahead log and old copies of the file."""
    with engine.change() as db:
        Purge.insert(at=to_ms(at), planned=planned, deleted=deleted, failed=failed, dry_run=dry_run, node=engine.node).execute(db)
        detail = {"planned": str(planned), "deleted": str(deleted), "failed": str(failed), "dry_run": str(dry_run).lower()}
        audit.append(engine, db, "purge", "", {"at": at.isoformat(), **detail})
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
