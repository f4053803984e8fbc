"""Who shares a registry on a server: each daemon tells of itself every half minute, and any node's commands show all.

Outside of the audit trail and of the writers' line, since nothing follows from it for a recording. In a file nobody tells anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from asterisk_privacy.registry import places, purges, recordings, retiring
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.clocks import ClockDoubt, Difference
from asterisk_privacy.registry.engine import Engine, sql

TELL_SECONDS = 30.0
SILENT = timedelta(seconds=120)
"""A daemon that has not told of itself for so long, and did not say that it stops, is silent."""
NO_TIME = timedelta()
AT_ONCE = 500  # ids in one query

_TELL = """INSERT INTO nodes (name, version, started_at, seen_at, stopped, calls, purged_at, waiting, alarms, ahead_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET version = excluded.version, started_at = excluded.started_at,
    seen_at = excluded.seen_at, stopped = excluded.stopped, calls = excluded.calls, purged_at = excluded.purged_at,
    waiting = excluded.waiting, alarms = excluded.alarms, ahead_ms = excluded.ahead_ms"""
_ALL = """SELECT name, version, started_at, seen_at, stopped, calls, purged_at, waiting, alarms, ahead_ms, retired_at, retired_why
    FROM nodes {which} ORDER BY name"""
_SILENT = "WHERE retired_at IS NULL AND stopped = 0 AND seen_at < ?"
_COUNTS = """SELECT CASE WHEN retired_at IS NOT NULL THEN 'retired' WHEN stopped != 0 THEN 'stopped' WHEN seen_at < ? THEN 'silent'
    ELSE 'up' END AS state, count(*) FROM nodes GROUP BY state"""


class NodeState(StrEnum):
    UP = "up"
    SILENT = "silent"
    STOPPED = "stopped"  # in order
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Told:
    """What a daemon says of itself. Times are its own clock's."""

    version: str
    started_at: datetime
    calls: int  # that go on
    purged_at: datetime | None  # its last run
    waiting: int  # recordings that are not in the bucket yet
    alarms: int  # since its start
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class NodeRow:
    """Times are the server's."""

    name: str
    state: NodeState
    version: str
    started_at: datetime
    seen_at: datetime
    silent: timedelta  # since it was seen
    calls: int
    purged_at: datetime | None
    waiting: int
    alarms: int
    ahead: timedelta | None  # of the server's clock
    retired_at: datetime | None
    retired_why: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """As of one telling: how many nodes are in each state, and which are silent."""

    difference: Difference
    counts: dict[NodeState, int]
    silent: tuple[NodeRow, ...]


class Nodes:
    """Every method may raise OperatorError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def name(self) -> str | None:
        """Of this node; None: the registry is a file, and there are no others."""
        return self._engine.node

    @property
    def bucket(self) -> str | None:
        """The address of the one that this node uses."""
        return self._engine.bucket

    def difference(self) -> Difference | None:
        """Between this node's clock and the server's; None where there is no server."""
        return self._engine.difference()

    def clock_doubt(self, now: datetime) -> ClockDoubt | None:
        """Whether `now` contradicts what this node wrote into the audit trail."""
        return purges.clock_doubt(self._engine, now)

    def tell(self, told: Told) -> Neighbours | None:
        """And hears of the others. None where there are none."""
        engine, difference = self._engine, self._engine.difference()
        if engine.node is None or difference is None:
            return None
        shift = difference.ahead
        purged = None if told.purged_at is None else to_ms(told.purged_at - shift)
        ahead = round(shift / timedelta(milliseconds=1))
        values = (engine.node, told.version, to_ms(told.started_at - shift), to_ms(engine.clock() - shift), int(told.stopped), told.calls)
        now = engine.clock() - shift
        with engine.aside() as db:
            sql(db, _TELL, (*values, purged, told.waiting, told.alarms, ahead))
            long_ago = to_ms(now - SILENT)
            counted = {NodeState(state): int(count) for state, count in sql(db, _COUNTS, (long_ago,)).fetchall()}
            silent = tuple(_rows(sql(db, _ALL.format(which=_SILENT), (long_ago,)).fetchall(), now))
        return Neighbours(difference, {state: counted.get(state, 0) for state in NodeState}, silent)

    def all(self) -> list[NodeRow]:
        """By name."""
        engine = self._engine
        if engine.node is None:
            return []
        difference = engine.difference()
        now = engine.clock() - (NO_TIME if difference is None else difference.ahead)
        with engine.read() as db:
            return list(_rows(sql(db, _ALL.format(which="")).fetchall(), now))

    def bucket_is_compared(self, within: timedelta) -> bool:
        """Whether some node has compared what is in our bucket with the rows, so lately."""
        difference = self._engine.difference()
        return difference is not None and places.is_compared(self._engine, self._engine.clock() - difference.ahead - within)

    def note_compared(self) -> None:
        difference = self._engine.difference()
        if difference is not None:
            places.note_compared(self._engine, self._engine.clock() - difference.ahead)

    def rows_have_expired(self, within: timedelta) -> bool:
        """Whether some node has taken all rows that are about no recording any more, so lately."""
        difference = self._engine.difference()
        if difference is None:
            return False
        with self._engine.read() as db:
            since = to_ms(self._engine.clock() - difference.ahead - within)
            return sql(db, "SELECT 1 FROM nodes WHERE rows_expired_at > ? LIMIT 1", (since,)).fetchone() is not None

    def note_rows_expired(self) -> None:
        difference = self._engine.difference()
        if difference is not None:
            with self._engine.aside() as db:
                at = to_ms(self._engine.clock() - difference.ahead)
                sql(db, "UPDATE nodes SET rows_expired_at = ? WHERE name = ?", (at, self._engine.node))

    def away(self) -> dict[str, str]:
        """Nodes that delete nothing now, in words: silent, stopped, retired, or never heard of though recordings wait on their disks."""
        engine = self._engine
        if engine.node is None:
            return {}
        rows = self.all()
        found = {row.name: _away(row) for row in rows if row.state is not NodeState.UP}
        with engine.read() as db:
            waiting = sql(
                db, "SELECT DISTINCT node FROM recordings WHERE state = 'sealed' AND place IS NULL AND node IS NOT NULL"
            ).fetchall()
        known = {row.name for row in rows} | {engine.node}
        found |= {name: "never told of itself" for (name,) in waiting if name not in known}
        return {name: words for name, words in found.items() if name != engine.node}

    def purging_of(self, nodes: Collection[str]) -> list[tuple[str, str]]:
        """Node and id of each deletion that was begun, and that none but these can finish."""
        if not nodes:
            return []
        query = f"SELECT node, id FROM recordings r WHERE state = 'purging' AND {self._engine.out_of_reach('r', nodes)} ORDER BY node, id"
        with self._engine.read() as db:
            return [(node, recording_id) for node, recording_id in sql(db, query).fetchall()]

    def where(self, ids: Sequence[str]) -> dict[str, tuple[str | None, str | None]]:
        """Of each recording the node on whose disk it is, or was, and the address of the bucket that it is in."""
        found: dict[str, tuple[str | None, str | None]] = {}
        with self._engine.read() as db:
            for start in range(0, len(ids), AT_ONCE):
                chunk = ids[start : start + AT_ONCE]
                among = ", ".join("?" * len(chunk))
                query = f"SELECT r.id, r.node, p.address FROM recordings r LEFT JOIN places p ON p.id = r.place WHERE r.id IN ({among})"
                found.update({id_: (node, address) for id_, node, address in sql(db, query, tuple(chunk)).fetchall()})
        return found

    def refuse_elsewhere(self, recording_id: str) -> None:
        """OperatorError: only another node can delete its file."""
        with self._engine.read() as db:
            recordings.refuse_elsewhere(self._engine, db, recording_id, self._engine.in_reach("r"))

    def is_known(self) -> bool:
        """Whether this node ever told of itself or wrote a row."""
        return retiring.is_known(self._engine)

    def on_its_disk(self, state: str) -> list[str]:
        """Ids of its recordings in that state of which no row says that they are in a bucket."""
        return retiring.on_its_disk(self._engine, state)

    def note_unreachable(self, ids: Sequence[str], at: datetime, reason: str) -> None:
        retiring.note_unreachable(self._engine, ids, at, reason)

    def retire(self, at: datetime, reason: str, counts: dict[str, int]) -> None:
        """From now on no daemon takes the name by mistake."""
        retiring.retire(self._engine, at, reason, counts)

    def readmit(self, at: datetime, reason: str) -> None:
        """OperatorError: it is not retired."""
        retiring.readmit(self._engine, at, reason)

    def is_awaited(self) -> bool:
        """Whether the name was given to a new machine, whose daemon has not told of itself yet."""
        return retiring.is_awaited(self._engine)

    def refuse_if_retired(self) -> None:
        retiring.refuse_if_retired(self._engine)

    def brought(self, recording_id: str, sha256: str, address: str) -> bool:
        """To the bucket at `address`, and gone from this node's disk: see places.py."""
        return places.brought(self._engine, recording_id, sha256, address)

    def astray(self, address: str, after: str = "") -> Iterator[tuple[str, str]]:
        """Ids (behind `after`) and hashes of this node's sealed recordings whose rows do not say that they are there."""
        return places.astray(self._engine, address, after)


def _away(row: NodeRow) -> str:
    since = row.retired_at if row.state is NodeState.RETIRED and row.retired_at is not None else row.seen_at
    return f"{row.state.value} since {since:%Y-%m-%d %H:%M} UTC"


def _rows(
    found: list[tuple[str, str, int, int, int, int, int | None, int, int, int | None, int | None, str]], now: datetime
) -> Iterator[NodeRow]:
    for name, version, started, seen, stopped, calls, purged, waiting, alarms, ahead, retired, why in found:
        seen_at = from_ms(seen)
        state = NodeState.SILENT if now - seen_at > SILENT else NodeState.UP
        if retired is not None:
            state = NodeState.RETIRED
        elif stopped:
            state = NodeState.STOPPED
        yield NodeRow(
            name=name,
            state=state,
            version=version,
            started_at=from_ms(started),
            seen_at=seen_at,
            silent=max(NO_TIME, now - seen_at),
            calls=calls,
            purged_at=from_ms_or_none(purged),
            waiting=waiting,
            alarms=alarms,
            ahead=None if ahead is None else timedelta(milliseconds=ahead),
            retired_at=from_ms_or_none(retired),
            retired_why=why,
        )
