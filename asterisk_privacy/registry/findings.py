"""What the night found astray, kept in a table until it is settled or gone: a daemon that is started anew goes on telling it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, sql

_KEEP = """INSERT INTO findings (node, kind, subject, what, found_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (node, kind, subject) DO UPDATE SET what = excluded.what"""


@dataclass(frozen=True, slots=True)
class FindingRow:
    kind: str
    subject: str  # a recording's id, the name of a file, or empty
    what: str  # in one line, with the way out
    found_at: datetime  # the first time


class Findings:
    """Of this node. Every method may raise OperatorError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._node = engine.node or ""

    def all(self) -> list[FindingRow]:
        """The oldest first."""
        with self._engine.read() as db:
            query = "SELECT kind, subject, what, found_at FROM findings WHERE node = ? ORDER BY found_at, id"
            rows = sql(db, query, (self._node,)).fetchall()
        return [FindingRow(kind, subject, what, from_ms(at)) for kind, subject, what, at in rows]

    def replace(self, found: Sequence[tuple[str, str, str]], at: datetime) -> None:
        """Kind, subject and words of all that is astray now; what was known before keeps its day."""
        known = {(kind, subject): what for kind, subject, what in found}
        with self._engine.change() as db:
            before = {tuple(row) for row in sql(db, "SELECT kind, subject FROM findings WHERE node = ?", (self._node,)).fetchall()}
            for kind, subject in before - known.keys():
                sql(db, "DELETE FROM findings WHERE node = ? AND kind = ? AND subject = ?", (self._node, kind, subject))
            for (kind, subject), what in known.items():
                sql(db, _KEEP, (self._node, kind, subject, what, to_ms(at)))
