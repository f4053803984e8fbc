"""A registry's tables without the registry, on either engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg

from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.dialect import to_postgres


class Raw:
    """Somebody with the database's own command at hand."""

    def __init__(self, place: Path | Server) -> None:
        self._place = place
        self.refusal = sqlite3.IntegrityError if isinstance(place, Path) else psycopg.IntegrityError

    def __call__(self, statement: str, *values: object, unguarded: bool = False) -> list[tuple[object, ...]]:
        """`unguarded` lifts the triggers while the statement runs."""
        return self.run([(statement, values)], unguarded)[-1]

    def run(self, statements: Sequence[tuple[str, tuple[object, ...]]], unguarded: bool = False) -> list[list[tuple[object, ...]]]:
        if isinstance(self._place, Server):
            return self._postgres(self._place, statements, unguarded)
        return self._sqlite(self._place, statements, unguarded)

    def drop_guard(self, name: str) -> None:
        table = "audit_head" if "head" in name else "audit"
        self(f"DROP TRIGGER {name}" + (f" ON {table}" if isinstance(self._place, Server) else ""))

    def refuse_audit(self) -> None:
        """From now on no audit row can be added."""
        if isinstance(self._place, Server):
            self("ALTER TABLE audit ADD CONSTRAINT \"no more\" CHECK (actor = 'no more') NOT VALID")
        else:
            self("CREATE TRIGGER no BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no more'); END")

    def take_audit(self) -> None:
        self('ALTER TABLE audit DROP CONSTRAINT "no more"' if isinstance(self._place, Server) else "DROP TRIGGER no")

    @staticmethod
    def _sqlite(path: Path, statements: Sequence[tuple[str, tuple[object, ...]]], unguarded: bool) -> list[list[tuple[object, ...]]]:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall() if unguarded else []
            for name, _ in guards:
                db.execute(f"DROP TRIGGER {name}")
            result = [db.execute(statement, values).fetchall() for statement, values in statements]
            for _, text in guards:
                db.execute(text)
            return result

    @staticmethod
    def _postgres(server: Server, statements: Sequence[tuple[str, tuple[object, ...]]], unguarded: bool) -> list[list[tuple[object, ...]]]:
        with psycopg.connect(server.url, autocommit=True) as db:
            if unguarded:
                db.execute("SET session_replication_role = replica")  # triggers rest
            found = [db.execute(to_postgres(statement).encode(), values) for statement, values in statements]
            return [cursor.fetchall() if cursor.description else [] for cursor in found]
