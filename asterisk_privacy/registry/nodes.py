"""Who shares a registry on a server: each daemon tells of itself every half minute, and any node's commands show all.

Outside of the audit trail and of the writers' line, since nothing follows from it for a recording. In a file nobody tells anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from asterisk_privacy.registry import places
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.clocks import Difference
from asterisk_privacy.registry.engine import Engine, sql

TELL_SECONDS = 30.0
SILENT = timedelta(seconds=120)
"""A daemon that has not told of itself for so long, and did not say that it stops, is silent."""
NO_TIME = timedelta()

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

    def difference(self) -> Difference | None:
        """Between this node's clock and the server's; None where there is no server."""
        return self._engine.difference()

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

    def brought(self, recording_id: str, sha256: str, address: str) -> bool:
        """To the bucket at `address`, and gone from this node's disk: see places.py."""
        return places.brought(self._engine, recording_id, sha256, address)

    def astray(self, address: str, after: str = "") -> Iterator[tuple[str, str]]:
        """Ids (behind `after`) and hashes of this node's sealed recordings whose rows do not say that they are there."""
        return places.astray(self._engine, address, after)


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
