"""Where a registry is kept: in a SQLite file of its own (db.py), or in a database on a PostgreSQL server (server.py).

All queries are written once, in what both understand; the little that SQLite says otherwise is said for PostgreSQL by dialect.py.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol, cast

from peewee import Database

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clocks import Difference
from asterisk_privacy.registry.dialect import to_postgres

NODE = re.compile("[A-Za-z0-9_.-]{1,64}")


class Empty(OperatorError):
    """There are no tables yet."""


class Cursor(Protocol):
    """As much of a database's cursor as is used here."""

    @property
    def rowcount(self) -> int: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def __iter__(self) -> Iterator[Any]: ...


def sql(db: Database, statement: str, values: Sequence[object] = ()) -> Cursor:
    """Plain SQL, where peewee's expressions would say less or cost more."""
    if db.param != "?":
        statement = to_postgres(statement)
    return cast("Callable[[str, Sequence[object]], Cursor]", db.execute_sql)(statement, values)


class Head(NamedTuple):
    """Of an audit chain: how many entries it has, and the hash of the last."""

    entries: int
    hash: str


class Entry(NamedTuple):
    """Of an audit chain, as it is stored. `at` in ms."""

    seq: int
    at: int
    actor: str
    action: str
    subject: str
    detail: str
    prev: str
    hash: str


AUDIT_COLUMNS = "chain, seq, at, actor, action, subject, detail, prev, hash"


class Engine(ABC):
    """`actor` stands in the audit rows of whoever uses this object; `clock` times them.

    `node` names the PBX on whose behalf it works, where several share the registry; None: there is only one, and every row is its own.
    `bucket`: the address of the one that this node uses; what is in it every node that uses it can delete.
    """

    db: Database
    where: str  # for people: a path, or an address without a password
    UNLINK = "DELETE FROM case_links WHERE case_id = ? AND recording_id = ?"
    FORGET_SUBJECTS = "DELETE FROM request_subjects WHERE request_id = ?"
    LOCKED = ""  # behind a SELECT: nobody else changes these rows before we are done. In a file there is one writer anyway

    def __init__(self, actor: str, clock: Callable[[], datetime], node: str | None = None, bucket: str | None = None) -> None:
        if node is not None and not NODE.fullmatch(node):
            raise ValueError(f"{node!r} is no name of a node")
        self.actor = actor
        self.clock = clock
        self.node = node
        self.bucket = bucket
        self.chain = node or ""  # of the audit trail, in which this object writes
        self.apart = False  # for a tenant's own user of the database, who locks and changes nothing but what is the tenant's
        self.heads: dict[str, Head] = {}  # of chains, where they are known within a transaction without asking

    @abstractmethod
    def close(self) -> None: ...

    # Which changes go side by side is decided by these two, and nowhere else.

    @abstractmethod
    def change(self) -> AbstractContextManager[Database]:
        """A write transaction, all or nothing: the only one there is meanwhile. It takes the write lock first, so that waiting for it is
        bounded and never a deadlock. For all that looks at what other nodes write (a campaign's count, a hold, a case), and for all
        that they must not miss."""

    def change_own(self) -> AbstractContextManager[Database]:
        """A write transaction of a call in progress, or of one recording's deletion: it touches its own audit chain, rows that this node
        began, and of others' one that it locks first (a recording, its call, a quota's count). Other nodes have theirs at the same time,
        one of `change` never. What else it reads of others' rows can be changed by `change` only: so nothing that is reckoned over several
        rows of others belongs in here. In a file it is the same as `change`."""
        return self.change()

    def aside(self) -> AbstractContextManager[Database]:
        """A write transaction for what neither the audit trail nor another writer depends on; a server need not keep them in line."""
        return self.change()

    @abstractmethod
    def read(self) -> AbstractContextManager[Database]:
        """A read transaction: all queries in it see one moment, whatever others write."""

    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """What the database complains of becomes an OperatorError of one line."""

    @abstractmethod
    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Any]:
        """Rows one by one, within a transaction: there may be millions."""

    def enter(self, db: Database, chain: str, entry: Entry) -> None:
        """Adds an entry to the end of an audit chain, and moves its head there."""
        sql(db, f"INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (chain, *entry))
        sql(db, "UPDATE audit_head SET entries = ?, hash = ? WHERE chain = ?", (entry.seq, entry.hash, chain))

    @abstractmethod
    def fold(self) -> None:
        """What was deleted goes from the logs beside the tables, as far as that is ours to do."""

    def claim_node(self) -> None:  # noqa: B027  # a file has one daemon: its own lock sees to that
        """By a daemon, for its life: two with one name would take each other's open rows for what a crash left."""

    @abstractmethod
    def only_one(self) -> AbstractContextManager[None]:
        """Keeps a second purger away, on whichever node. OperatorError: there is one."""

    def difference(self) -> Difference | None:
        """Between our clock and the server's. A file has none."""
        return None

    def was_taken(self, transaction: str) -> bool:
        """Whether that change was written. A file leaves no doubt: what it did not say is written is not."""
        return False

    def replaced(self) -> str | None:
        """Why what is open here is not what its place leads to any more."""
        return None

    def damage(self) -> str | None:
        """What is broken in it, as far as the database looks after that itself."""
        return None

    def rescue(self, copy: str | None) -> str | None:
        """A whole copy of what is open here, when its file is gone, into `copy` or a new one; its path. None: there is no file."""
        return None

    @abstractmethod
    def tables(self) -> set[str]:
        """All that are there, whosoever."""

    @abstractmethod
    def guards_missing(self) -> list[str]:
        """Triggers that guard the audit trail and are not there, or switched off."""

    @abstractmethod
    def steps(self) -> Sequence[Sequence[str]]:
        """Migrations from nothing to the schema of this program."""

    def empty(self) -> OperatorError:
        """What is said where there are no tables and none may be made now: Empty, if they could."""
        return Empty(f"registry {self.where}: is empty; the daemon makes its tables at its first start, or see [registry]")

    @abstractmethod
    def before_upgrade(self, version: int) -> str:
        """Called with the write lock: makes a copy, or sees to it that there is one. Returns its name; OperatorError: none can be had."""

    @abstractmethod
    def copies(self) -> list[tuple[str, int]]:
        """Name and time (ms) of each copy made before an upgrade."""

    @abstractmethod
    def forget_copies(self) -> list[str]:
        """Removes those that are too old, and names them: they know customers whom the registry has forgotten since."""

    def own(self, recordings: str) -> str:
        """SQL: rows that this node began and must end. `recordings`: a table with a column node, or its alias."""
        return "1 = 1" if self.node is None else f"{recordings}.node = '{self.node}'"

    def out_of_reach(self, recordings: str, nodes: Collection[str]) -> str:
        """SQL: recordings of these nodes whose files this node cannot delete."""
        named = ", ".join(f"'{node}'" for node in sorted(nodes) if NODE.fullmatch(node))
        return f"({recordings}.node IN ({named}) AND NOT coalesce({self.in_reach(recordings)}, FALSE))"

    def in_reach(self, recordings: str) -> str:
        """SQL: recordings whose files this node can delete."""
        if self.node is None or self.bucket is None:
            return self.own(recordings)
        address = self.bucket.replace("'", "''")
        return f"({self.own(recordings)} OR {recordings}.place = (SELECT id FROM places WHERE address = '{address}'))"
