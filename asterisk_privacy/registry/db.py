"""One SQLite file: how it is opened, changed and read, and what an operator hears when that does not work.

One connection per `RegistryFile`, not bound to the thread that made it: the daemon opens the registry at start and uses it from its
database thread. A lock keeps two threads from mixing their transactions. Other processes are kept apart by SQLite itself (WAL).
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from peewee import IntegrityError, PeeweeException, SqliteDatabase

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.locks import Held, locked
from asterisk_privacy.registry import file_copies
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.file_holder import holder
from asterisk_privacy.registry.migrations import GUARDS, STEPS
from asterisk_privacy.registry.passing import Passing

__all__ = ["RegistryFile", "sql"]

PRAGMAS = {
    "foreign_keys": 1,
    "synchronous": "FULL",  # what the audit trail says happened must survive a power cut
    "secure_delete": 1,  # a forgotten customer is overwritten, not just unlinked
}
_SIDECARS = ("", "-wal", "-shm")


def own_only(path: Path) -> None:
    """Takes the file and its directory, which earlier versions shared with the review page, back from the group. OSError.

    A directory is closed where it is ours and nobody but the group enters it: mode 1770, as earlier units had it. Any other that others
    write to is refused (daemon/exposed.py).
    """
    folder = path.parent.stat()
    if folder.st_uid == os.geteuid() and not folder.st_mode & 0o007 and file_access.others_write(folder):
        path.parent.chmod(folder.st_mode & 0o710)  # without setgid, which the unit's RestrictSUIDSGID lets nobody set
    for beside in (path.with_name(path.name + end) for end in _SIDECARS):
        with suppress(FileNotFoundError):
            found = beside.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                beside.chmod(0o600)


class RegistryFile(Engine):
    """`busy_seconds`: how long to wait for another process."""

    def __init__(self, path: Path, actor: str, clock: Callable[[], datetime], busy_seconds: float) -> None:
        super().__init__(actor, clock)
        self.path = path
        self.where = str(path)
        self.busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._identity: tuple[int, int] | None = None  # device and inode of the file that is open
        self.db: SqliteDatabase = SqliteDatabase(
            str(path), pragmas=PRAGMAS, timeout=busy_seconds, thread_safe=False, autoconnect=False, check_same_thread=False
        )

    def connect(self, create: bool = True) -> None:
        """Creates the file when it does not exist, for its owner only: who can read it can lock it, and stop whoever writes.
        OperatorError says what stands in the way."""
        if not self.path.parent.is_dir():
            raise OperatorError(f"registry {self.path}: directory {self.path.parent} does not exist; make it, or set [registry] path")
        try:
            self._prepare(create)
        except FileNotFoundError:
            raise OperatorError(
                f"registry {self.path}: no such file; the daemon makes it at its first start, or set [registry] path"
            ) from None
        except OSError as error:
            raise OperatorError(
                f"registry {self.path}: cannot open it for writing ({error.strerror}); run as the user that owns it, or mend its mode"
            ) from error
        with self.errors():
            self.db.connect()
            self._identity = self._there()
            # Pages written meanwhile by an opener that is still migrating make this wait up to busy_seconds.
            sql(self.db, "PRAGMA journal_mode = WAL")

    def _prepare(self, create: bool) -> None:
        """Never opens an existing file itself: closing any descriptor of it drops all POSIX locks that this process holds on it, with
        which SQLite tells other processes that it is in use (sqlite.org/howtocorrupt.html, 2.2). Seen: another process then removed
        the WAL under the daemon, whose rows nobody saw until it stopped."""
        if create and not self.path.exists():
            with suppress(FileExistsError):
                made = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL, 0o600)
                file_access.hand_over(made, self.path.parent)
                os.close(made)
        if not self.path.exists():
            raise FileNotFoundError(str(self.path))
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(self.path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def close(self) -> None:
        with self._lock, self.errors():
            self.db.close()

    @contextmanager
    def change(self) -> Iterator[SqliteDatabase]:
        """A write transaction, all or nothing. It takes the write lock first, so that waiting for it is bounded and never a deadlock."""
        with self._lock, self.errors(), self.db.atomic("IMMEDIATE"):
            yield self.db

    @contextmanager
    def read(self) -> Iterator[SqliteDatabase]:
        """A read transaction: all queries in it see one moment, whatever other processes write."""
        with self._lock, self.errors(), self.db.atomic("DEFERRED"):
            yield self.db

    def fold(self) -> None:
        """Empties the write-ahead log into the file, as far as other processes let it."""
        with self._lock, self.errors():
            sql(self.db, "PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Any]:
        return iter(sql(self.db, statement, values))

    @contextmanager
    def only_one(self) -> Iterator[None]:
        """The daemon's purger or a command's, not both: each would take the other's half-done deletions for the leftovers of a crash.

        The lock is on the registry's directory. Passing: somebody has it, and the nightly run comes again ten minutes later.
        """
        try:
            with locked(self.path.parent, f"purge of {self.path}: another one is running"):
                yield
        except Held as error:
            raise Passing(str(error)) from error

    def _there(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def replaced(self) -> str | None:
        """A file that was removed, or another one under its name: SQLite goes on with the old one, which goes with this process."""
        there = self._there()
        if there is None:
            return "its file is gone"
        return None if there == self._identity else "another file has taken its place"

    def damage(self) -> str | None:
        with self._lock, self.errors():
            (found,) = sql(self.db, "PRAGMA quick_check(1)").fetchone()
        return None if found == "ok" else str(found).splitlines()[0]

    def rescue(self, copy: str | None) -> str | None:
        """By SQLite's backup of the connection: what is open is whole, whatever became of its name."""
        with self._lock, self.errors():
            target = Path(copy) if copy is not None else file_copies.rescued(self.path, self.clock())
            file_copies.backup(cast(Any, self.db).connection(), target)
        return str(target)

    def tables(self) -> set[str]:
        return {name for (name,) in sql(self.db, "SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}

    def guards_missing(self) -> list[str]:
        there = {name for (name,) in sql(self.db, "SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()}
        return [name for name in GUARDS if name not in there]

    def steps(self) -> Sequence[Sequence[str]]:
        return STEPS

    def before_upgrade(self, version: int) -> str:
        return file_copies.make(self.path, version, self.clock()).name

    def copies(self) -> list[tuple[str, int]]:
        return [(path.name, int(path.stat().st_mtime * 1000)) for path in file_copies.of(self.path)]

    def forget_copies(self) -> list[str]:
        return file_copies.forget(self.path, self.clock())

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except (PeeweeException, sqlite3.Error) as error:
            raise OperatorError(f"registry {self.path}: {self._in_words(error)}") from error

    def _in_words(self, error: Exception) -> str:
        text = str(error)
        if "locked" in text or "busy" in text:
            return f"{holder(self.path)} kept it locked for more than {self.busy_seconds:g} s; wait for it, or end it, then try again"
        if "readonly" in text or "read-only" in text or "unable to open" in text:
            files = ", ".join(self.path.name + end for end in _SIDECARS)
            return f"cannot be written ({text}); the directory and {files} must belong to the user that runs this"
        if "not a database" in text or "malformed" in text:
            return f"is not a sound SQLite database ({text}); put it aside and restore a backup, or set [registry] path"
        if "full" in text or "I/O" in text:
            return f"the disk does not take it ({text}); make room, then try again"
        if isinstance(error, IntegrityError):
            return f"refused ({text}); the id is taken, or the row that it belongs to does not exist"
        return text or type(error).__name__
