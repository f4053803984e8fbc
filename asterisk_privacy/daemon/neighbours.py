"""The other nodes of a registry that several PBXs share: this daemon tells it of itself every half minute, and hears who has fallen silent.

On the ledger's thread and connection, so that a thousand nodes cost the server no more connections. That the registry cannot be told is no
alarm of its own: whoever has rows to write raises that one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

from asterisk_privacy import __version__
from asterisk_privacy.daemon.control import Report
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clocks import Difference
from asterisk_privacy.registry.nodes import SILENT, TELL_SECONDS, Neighbours, NodeRow, Told
from asterisk_privacy.registry.passing import is_passing

log = logging.getLogger(__name__)

ASK_SECONDS = 2.0
"""How long `status` waits for the registry."""
GAP_SECONDS = 2.5 * TELL_SECONDS
"""Longer between two answers: the registry was away, or this machine stood still."""
CLOCK_AGAIN = timedelta(hours=1)
STOP_SECONDS = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Now:
    """What a daemon tells of itself, beside its version and start."""

    calls: int
    purged_at: datetime | None
    waiting: int
    alarms: int


class Neighbourhood:
    """`now` is asked on the loop."""

    def __init__(self, ledger: Ledger, health: Health, name: str, where: str, now: Callable[[], Now]) -> None:
        self.name = name
        self._where = where
        self._ledger = ledger
        self._health = health
        self._now = now
        self._started_at = datetime.now(UTC)
        self._heard: Neighbours | None = None
        self._heard_at = 0.0
        self._heard_since: float | None = None  # without a gap: after one, the others come back one by one
        self._silent: frozenset[str] = frozenset()  # told as an alarm
        self._clock_told: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def heard(self) -> Neighbours | None:
        """The last time; None before the first."""
        return self._heard

    @property
    def silent(self) -> tuple[NodeRow, ...]:
        """Those that were given the time to come back, where it was the registry that was away."""
        settled = self._heard_since is not None and monotonic() - self._heard_since > SILENT.total_seconds()
        return self._heard.silent if self._heard is not None and settled else ()

    @property
    def clock(self) -> Difference | None:
        return None if self._heard is None else self._heard.difference

    async def start(self) -> None:
        await self.tell()
        self._task = asyncio.create_task(self._go_on(), name="neighbours")

    async def stop(self) -> None:
        """Says so: who stops in order is not silent."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(TimeoutError):
            await asyncio.wait_for(self.tell(stopped=True), STOP_SECONDS)

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            await self.tell()

    async def tell(self, stopped: bool = False) -> None:
        now = self._now()
        told = Told(__version__, self._started_at, now.calls, now.purged_at, now.waiting, now.alarms, stopped)
        try:
            heard = await self._ledger.ask_once(lambda registry: registry.nodes.tell(told))
        except OperatorError as error:
            self._heard_since = None
            log.log(logging.DEBUG if is_passing(error) else logging.WARNING, "the registry was not told of this node: %s", error)
            return
        if heard is not None:
            at = monotonic()
            if self._heard_since is None or at - self._heard_at > GAP_SECONDS:  # rows that waited for the registry went first
                self._heard_since = at
            self._heard_at = at
            self._heard = heard
            self._note(heard)

    def _note(self, heard: Neighbours) -> None:
        silent = {row.name: row for row in self.silent}
        for name in sorted(silent.keys() - self._silent):
            since = f"{silent[name].seen_at:%Y-%m-%d %H:%M} UTC"
            way_out = f"look at its host; if it does not come back: asterisk-privacy registry retire {name}"
            self._health.alarm(Alarm.NODE_SILENT, f"node {name} is silent since {since}; {way_out}")
        self._silent = frozenset(silent) if self._heard_since is not None else self._silent
        if not heard.difference.too_far:
            self._clock_told = None
        elif self._clock_told is None or monotonic() - self._clock_told > CLOCK_AGAIN.total_seconds():
            self._clock_told = monotonic()
            self._health.alarm(Alarm.CLOCK_OFF, heard.difference.in_words(self._where))

    async def report(self) -> Report:
        """For `status`: all nodes as the registry knows them now, or why it does not say."""
        clock = self.clock
        found: Report = {
            "self": self.name,
            "silent": [row.name for row in self.silent],
            "clock": None
            if clock is None
            else {"ahead_seconds": clock.ahead.total_seconds(), "off": clock.in_words(self._where) if clock.too_far else None},
        }
        try:
            rows = await asyncio.wait_for(self._ledger.ask_once(lambda registry: registry.nodes.all()), ASK_SECONDS)
        except (OperatorError, TimeoutError) as error:
            return {**found, "error": str(error) or f"{self._where} does not answer"}
        return {**found, "all": [as_report(row) for row in rows]}


def as_report(row: NodeRow) -> Report:
    """Times in UTC, of the server's clock."""
    return {
        "name": row.name,
        "state": row.state.value,
        "version": row.version,
        "started": row.started_at.isoformat(),
        "seen": row.seen_at.isoformat(),
        "silent_seconds": round(row.silent.total_seconds()),
        "calls": row.calls,
        "purged": None if row.purged_at is None else row.purged_at.isoformat(),
        "uploads_waiting": row.waiting,
        "alarms": row.alarms,
        "ahead_seconds": None if row.ahead is None else row.ahead.total_seconds(),
        "retired": None if row.retired_at is None else row.retired_at.isoformat(),
        "retired_why": row.retired_why,
    }
