"""When the purger ran and what it did; the scheduler asks here whether a night was missed."""

from __future__ import annotations

from datetime import datetime

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.db import RegistryFile
from asterisk_privacy.registry.migrate import forget_backups
from asterisk_privacy.registry.models import Purge
from asterisk_privacy.registry.rows import PurgeRow


def note(file: RegistryFile, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
    """A real run also drops what forgotten customers left beside the tables: the write-ahead log and old copies of the file."""
    with file.change() as db:
        Purge.insert(at=to_ms(at), planned=planned, deleted=deleted, failed=failed, dry_run=dry_run).execute(db)
        detail = {"planned": str(planned), "deleted": str(deleted), "failed": str(failed), "dry_run": str(dry_run).lower()}
        audit.append(file, db, "purge", "", {"at": at.isoformat(), **detail})
        if not dry_run:
            try:
                for name in forget_backups(file):
                    audit.append(file, db, "backup.forget", name, {})
            except OSError as error:
                raise OperatorError(f"registry {file.path}: cannot remove an old copy of it ({error}); remove it by hand") from error
    if not dry_run:
        file.fold()


def last(file: RegistryFile) -> PurgeRow | None:
    """The last real run; a dry run deletes nothing and does not count."""
    with file.read() as db:
        row = Purge.select().where(Purge.dry_run == False).order_by(Purge.id.desc()).first(db)  # noqa: E712
    return None if row is None else PurgeRow(from_ms(row.at), row.planned, row.deleted, row.failed, bool(row.dry_run))
