"""Brings a registry file to the schema of this version, in one transaction; an existing file is copied first."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from peewee import SqliteDatabase

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.db import RegistryFile, sql
from asterisk_privacy.registry.migrations import STEPS

BACKUP_LIFE = timedelta(days=30)


def migrate(file: RegistryFile, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """OperatorError if the file is newer than this program or belongs to another one; then it is left as it was."""
    with file.read() as db:
        version = _version(file.path, db)
    if version == len(steps):
        return
    with file.change() as db:  # the write lock: nobody else migrates, and the copy misses nothing
        version = _version(file.path, db)
        if version > len(steps):
            raise OperatorError(
                f"registry {file.path}: schema {version} is newer than this program ({len(steps)}); install the newer version again, "
                f"or restore the copy that it made before it migrated"
            )
        if version == len(steps):
            return
        if version == 0:
            sql(db, "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY, applied_at INTEGER NOT NULL)")
        else:
            copy = _copy_of(file, version)
        for number, statements in enumerate(steps[version:], start=version + 1):
            for statement in statements:
                sql(db, statement)
            sql(db, "INSERT INTO schema_version (version, applied_at) VALUES (?, ?)", (number, to_ms(file.clock())))
        if version:
            audit.append(file, db, "registry.upgrade", "", {"from": str(version), "to": str(len(steps)), "copy": copy.name})


def _copy_of(file: RegistryFile, version: int) -> Path:
    """Named with the schema and the moment, such as registry.sqlite.schema-4-20261122T091500Z. OperatorError if it cannot be written:
    then nothing is changed."""
    copy = file.path.with_name(f"{file.path.name}.schema-{version}-{file.clock():%Y%m%dT%H%M%SZ}")
    try:
        backup(file.path, copy)
    except OSError as error:
        raise OperatorError(
            f"registry {file.path}: the copy before the upgrade, {copy.name}, cannot be written ({error.strerror}); make room there, or "
            "mend the directory's mode; nothing was changed"
        ) from error
    return copy


def backup(source: Path, target: Path) -> None:
    """A whole copy by SQLite's backup API, mode 0600: under its name it is complete, and safe on the disk."""
    draft = target.with_name(target.name + ".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    reader = sqlite3.connect(source)
    writer = sqlite3.connect(draft)
    try:
        reader.backup(writer)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        writer.close()
        reader.close()
    os.replace(draft, target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def forget_backups(file: RegistryFile) -> list[str]:
    """Removes copies older than BACKUP_LIFE and names them: they still know customers that the registry has forgotten since."""
    gone = []
    for copy in sorted(file.path.parent.glob(f"{file.path.name}.schema-*")):
        if from_ms(int(copy.stat().st_mtime * 1000)) < file.clock() - BACKUP_LIFE:
            copy.unlink()
            gone.append(copy.name)
    return gone


def _version(path: Path, db: SqliteDatabase) -> int:
    tables = {name for (name,) in sql(db, "SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}
    if "schema_version" in tables:
        found = sql(db, "SELECT max(version) FROM schema_version").fetchone()[0]
        return 0 if found is None else int(found)
    if tables:
        raise OperatorError(f"registry {path}: belongs to another program (it has tables, but no schema_version); set [registry] path")
    return 0
