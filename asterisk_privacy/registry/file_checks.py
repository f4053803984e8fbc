"""Files against rows: the rows with which they are compared, and which are to be read whole next, those never or longest not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import State

PAGE = 2000
AT_ONCE = 500  # ids in one query
MARGIN = timedelta(hours=12)  # a night that is earlier or later than the last by less is none of its own


@dataclass(frozen=True, slots=True)
class ToCheck:
    """A sealed recording, and what its row says of its file."""

    id: str
    sha256: str
    size: int


class FileChecks:
    """`in_bucket`: of recordings that are in the bucket that this node uses; else of those on its disk. Every method may raise
    OperatorError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, in_bucket: bool) -> int:
        with self._engine.read() as db:
            return int(sql(db, f"SELECT count(*) FROM recordings r WHERE {self._which(in_bucket)}").fetchone()[0])

    def share(self, days: int, least: int, now: datetime, in_bucket: bool) -> int:
        """How many to read tonight, so that each is read within `days`, the new ones too: the days' share of all, or all whose time is up
        before the next night, and besides what was sealed since the last night. The new ones take no other's turn."""
        late = to_ms(now - timedelta(days=days) + MARGIN)
        counts = """SELECT count(*), coalesce(sum(CASE WHEN checked_at > 0 AND checked_at <= ? THEN 1 ELSE 0 END), 0),
            coalesce(max(checked_at), 0) FROM recordings r WHERE """
        new = "SELECT count(*) FROM recordings r WHERE checked_at = 0 AND sealed_at > ? AND "
        with self._engine.read() as db:
            total, up, last = sql(db, counts + self._which(in_bucket), (late,)).fetchone()
            since = sql(db, new + self._which(in_bucket), (last,)).fetchone()[0] if last else 0
        return max(least, -(-int(total) // days), int(up)) + int(since)

    def next(self, share: int, in_bucket: bool) -> list[ToCheck]:
        """At most `share`; of those that waited equally long the latest first."""
        query = f"SELECT id, sha256, size FROM recordings r WHERE {self._which(in_bucket)} ORDER BY checked_at, sealed_at DESC LIMIT ?"
        with self._engine.read() as db:
            return [ToCheck(*row) for row in sql(db, query, (share,)).fetchall()]

    def of(self, ids: Sequence[str], in_bucket: bool) -> list[ToCheck]:
        """Those of them that are still sealed."""
        found: list[ToCheck] = []
        with self._engine.read() as db:
            for start in range(0, len(ids), AT_ONCE):
                some = ids[start : start + AT_ONCE]
                query = f"SELECT id, sha256, size FROM recordings r WHERE {self._which(in_bucket)} AND id IN ({', '.join('?' * len(some))})"
                found += [ToCheck(*row) for row in sql(db, query, tuple(some)).fetchall()]
        return found

    def note(self, ids: Sequence[str], at: datetime) -> None:
        """They were read, whatever was found."""
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            with self._engine.aside() as db:
                sql(db, f"UPDATE recordings SET checked_at = ? WHERE id IN ({', '.join('?' * len(some))})", (to_ms(at), *some))

    def whose(self, sha256: str) -> str | None:
        """The recording whose file has this hash."""
        with self._engine.read() as db:
            found = sql(db, "SELECT id FROM recordings WHERE sha256 = ? AND state = 'sealed' LIMIT 1", (sha256,)).fetchone()
        return None if found is None else str(found[0])

    def _which(self, in_bucket: bool) -> str:
        where = f"place IS NOT NULL AND {self._engine.in_reach('r')}" if in_bucket else f"place IS NULL AND {self._engine.own('r')}"
        return f"state = 'sealed' AND sha256 IS NOT NULL AND {where}"

    def states(self, here: bool = False) -> Iterator[tuple[str, State]]:
        """Id and state of every recording that ever was, sorted by id, to compare with the files that this node reaches; `here`: only what
        no row says is in a bucket, of this node. Each page is a moment of its own: no transaction stays open, and memory does not grow
        with the registry."""
        after = ""
        which = f"{self._engine.own('r')} AND place IS NULL" if here else self._engine.in_reach("r")
        while True:
            with self._engine.read() as db:
                query = f"SELECT id, state FROM recordings r WHERE id > ? AND {which} ORDER BY id LIMIT ?"
                page = sql(db, query, (after, PAGE)).fetchall()
            yield from ((recording_id, State(state)) for recording_id, state in page)
            if len(page) < PAGE:
                return
            after = page[-1][0]
