"""All rows of a registry in a SQLite file into an empty one on PostgreSQL, in one transaction: half a move is never seen by anybody.

The audit trail goes over entry by entry, hashes and all, so that checkpoints signed over the old one fit the new one. It stays the first
chain there, and the node goes on in its own. That is why only an empty registry can take it: entries that follow others would need other
hashes. Rows are streamed (COPY), then read back and compared with the file's, table by table, before anything counts. Tables and columns
are found, not listed here: what a later version adds goes too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, cast

import psycopg
from peewee import Database
from psycopg import sql as names

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit, chains
from asterisk_privacy.registry.db import RegistryFile
from asterisk_privacy.registry.engine import sql
from asterisk_privacy.registry.moved import MOVED, SUBJECT
from asterisk_privacy.registry.server import RegistryServer

_VERSION, _HEAD, _CLAIMS = "schema_version", "audit_head", "claims"
EVERY = 1000  # rows between two reports of progress
Progress = Callable[[int], None]
"""Is told how many rows more were carried over, or compared."""


@dataclass(frozen=True, slots=True)
class Table:
    """`key`: columns that sort its rows alike on both sides."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]

    def select(self) -> str:
        return f"SELECT {_listed(self.columns)} FROM {self.name} ORDER BY {_listed(self.key)}"


@dataclass(frozen=True, slots=True)
class Sum:
    """Of a table's rows, in the order of its key: SHA-256 (hex) over a line of JSON for each."""

    rows: int
    sha256: str


def counts(source: RegistryFile) -> dict[str, int]:
    """Rows of each table, those that others refer to first. Within a transaction of `source`."""
    return {name: int(sql(source.db, f"SELECT count(*) FROM {name}").fetchone()[0]) for name in _in_order(source)}


def not_empty(target: RegistryServer) -> list[str]:
    """Tables in which there is something already. Within a transaction of `target`."""
    found = []
    for name in sorted(target.tables() - {_VERSION, _CLAIMS}):
        condition = " WHERE entries != 0" if name == _HEAD else ""
        if sql(target.db, f"SELECT EXISTS (SELECT 1 FROM {name}{condition})").fetchone()[0]:
            found.append(name)
    return found


def refuse_unless_empty(target: RegistryServer) -> None:
    with target.read():
        filled = not_empty(target)
    if filled:
        raise OperatorError(
            f"registry {target.where}: is not empty ({', '.join(filled[:4])}), and an audit trail cannot be put behind another one; name "
            "an empty database (createdb), or leave the old registry where it is: see docs/admin.md, moving to PostgreSQL"
        )


def move(source: RegistryFile, target: RegistryServer, detail: Mapping[str, str], progress: Progress) -> dict[str, Sum]:
    """Within a transaction of `source` that nobody else can write in. `detail` goes into the new trail, with counts and hashes.
    OperatorError, and nothing is in the target: it is not empty, lacks a right, or gives back something else than was sent."""
    assert target.node is not None
    with target.change() as db:
        refuse_unless_empty(target)  # again: files took their time, and another node may have begun
        connection = cast("Callable[[], psycopg.Connection[Any]]", db.connection)()
        tables = _tables(source, connection)
        for table in tables:
            connection.execute(_alter(table, "DISABLE"))
        connection.execute(f"DELETE FROM {_HEAD}".encode())
        sent = {table.name: _carry(source, connection, table, target.node, progress) for table in tables}
        for table in tables:
            connection.execute(_alter(table, "ENABLE"))
        _go_on_counting(source, connection)
        for table in tables:
            here = sent[table.name]
            there = _sum(target.stream(table.select()), lambda row: row, progress)
            if here != there:
                raise OperatorError(
                    f"registry {target.where}: table {table.name} came out otherwise than it went in ({here.rows} and {there.rows} rows); "
                    "nothing was moved; please report it"
                )
        walk = audit.check(target, db, chains.FIRST)
        if walk.why is not None:
            raise OperatorError(f"registry {target.where}: {walk.why}; nothing was moved")
        told = json.dumps({name: [one.rows, one.sha256] for name, one in sent.items()}, sort_keys=True)
        audit.append(
            target, db, MOVED, SUBJECT, {**detail, "entries": str(walk.entries), "head": walk.last, "tables": told}, chain=chains.FIRST
        )
    return sent


def _tables(source: RegistryFile, connection: psycopg.Connection[Any]) -> list[Table]:
    """OperatorError where the two sides have other columns."""
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    there: dict[str, set[str]] = {}
    for name, column in connection.execute(query).fetchall():
        there.setdefault(name, set()).add(column)
    found = []
    for name in _in_order(source):
        info = sql(source.db, f"PRAGMA table_info({name})").fetchall()
        columns = [row[1] for row in info]
        key = [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
        if "rowid" in there.get(name, ()):  # where the order of rows means something, PostgreSQL has a column for it
            columns, key = ["rowid", *columns], ["rowid"]
        if set(columns) != there.get(name):
            raise OperatorError(f"registry {source.where}: table {name} has other columns than on the server; both must be of this version")
        found.append(Table(name, tuple(columns), tuple(key)))
    return found


def _in_order(source: RegistryFile) -> list[str]:
    """Tables of the file, each behind those that it refers to."""
    found = sorted(name for name in source.tables() if not name.startswith("sqlite_") and name != _VERSION)
    refers = {name: {row[2] for row in sql(source.db, f"PRAGMA foreign_key_list({name})").fetchall()} for name in found}
    return list(TopologicalSorter(refers).static_order())


def _carry(source: RegistryFile, connection: psycopg.Connection[Any], table: Table, node: str, progress: Progress) -> Sum:
    into = f"COPY {table.name} ({_listed(table.columns)}) FROM STDIN"
    at = table.columns.index("node") if "node" in table.columns else None

    def named(row: Sequence[object]) -> Sequence[object]:
        """A file belongs to one PBX and names none; from now on its rows say which."""
        return row if at is None or row[at] else (*row[:at], node, *row[at + 1 :])

    with connection.cursor() as cursor, cursor.copy(into.encode()) as copy:

        def sent(row: Sequence[object]) -> Sequence[object]:
            whole = named(row)
            copy.write_row(whole)
            return whole

        return _sum(source.stream(table.select()), sent, progress)


def _sum(rows: Iterator[Any], each: Callable[[Sequence[object]], Sequence[object]], progress: Progress) -> Sum:
    sha, count = hashlib.sha256(), 0
    for row in rows:
        count += 1
        sha.update(json.dumps([_plain(value) for value in each(tuple(row))], separators=(",", ":")).encode("ascii") + b"\n")
        if count % EVERY == 0:
            progress(EVERY)
    progress(count % EVERY)
    return Sum(count, sha.hexdigest())


def _plain(value: object) -> object:
    """A truth is a number in one and a truth in the other; JSON has no bytes."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, bytes | memoryview):
        return {"hex": bytes(value).hex()}
    return value


def _go_on_counting(source: RegistryFile, connection: psycopg.Connection[Any]) -> None:
    """Numbers go on behind those that the file has given, also to rows that are gone: the audit trail still names them."""
    given = dict(sql(source.db, "SELECT name, seq FROM sqlite_sequence").fetchall()) if _has_sequences(source.db) else {}
    query = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'"
    for table, column in connection.execute(query).fetchall():
        last = connection.execute(_last(table, column)).fetchone()
        most = max(int(last[0]) if last and last[0] is not None else 0, int(given.get(table, 0)))
        if most:
            connection.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", (table, column, most))


def _has_sequences(db: Database) -> bool:
    return sql(db, "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone() is not None


def _last(table: str, column: str) -> names.Composed:
    return names.SQL("SELECT max({}) FROM {}").format(names.Identifier(column), names.Identifier(table))


def _alter(table: Table, verb: str) -> bytes:
    """What triggers would compute is carried over as it is. Only the owner of a table can let them rest."""
    return f"ALTER TABLE {table.name} {verb} TRIGGER USER".encode()


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(column if column == "rowid" else f'"{column}"' for column in columns)
