"""Copies of a SQLite registry, made before its schema is upgraded, and removed when they are old."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import from_ms

BACKUP_LIFE = timedelta(days=30)


def make(registry: Path, version: int, now: datetime) -> Path:
    """Named with the schema and the moment, such as registry.sqlite.schema-4-20261122T091500Z. OperatorError if it cannot be written:
    then nothing is changed."""
    copy = registry.with_name(f"{registry.name}.schema-{version}-{now:%Y%m%dT%H%M%SZ}")
    try:
        backup(registry, copy)
    except OSError as error:
        raise OperatorError(
            f"registry {registry}: the copy before the upgrade, {copy.name}, cannot be written ({error.strerror}); make room there, or "
            "mend the directory's mode; nothing was changed"
        ) from error
    return copy


def rescued(registry: Path, now: datetime) -> Path:
    """Of a registry whose file is gone; forgotten as the others are."""
    return registry.with_name(f"{registry.name}.schema-rescued-{now:%Y%m%dT%H%M%SZ}")


def backup(source: Path | sqlite3.Connection, target: Path) -> None:
    """A whole copy by SQLite's backup API, mode 0600: under its name it is complete, and safe on the disk."""
    draft = target.with_name(target.name + ".new")
    draft.unlink(missing_ok=True)
    made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    file_access.hand_over(made, target.parent)
    os.close(made)
    reader = sqlite3.connect(source) if isinstance(source, Path) else source
    writer = sqlite3.connect(draft)
    try:
        reader.backup(writer)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    finally:
        writer.close()
        if reader is not source:
            reader.close()
    os.replace(draft, target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def of(registry: Path) -> list[Path]:
    return sorted(registry.parent.glob(f"{registry.name}.schema-*"))


def forget(registry: Path, now: datetime) -> list[str]:
    """Removes copies older than BACKUP_LIFE and names them. OperatorError: one cannot be removed."""
    gone = []
    try:
        for copy in of(registry):
            if from_ms(int(copy.stat().st_mtime * 1000)) < now - BACKUP_LIFE:
                copy.unlink()
                gone.append(copy.name)
    except OSError as error:
        raise OperatorError(f"registry {registry}: cannot remove an old copy of it ({error}); remove it by hand") from error
    return gone
