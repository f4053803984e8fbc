"""Whether this machine's clock can be believed: against what the audit trail tells, and whether somebody set it while the daemon runs.

By a clock that is behind new recordings would get a date of the past, and be deleted as soon as it is right again: then no new call is
recorded. By one that is ahead nothing is deleted (night.py); calls are recorded, since a recorder that was off for weeks looks the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.clocks import ClockDoubt
from asterisk_privacy.retention.purger import CLOCK_WAY_ON

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
STEP = timedelta(minutes=1)
"""A clock that moves by so much against the time since boot was set; NTP corrects less without a step."""


def since_boot() -> timedelta:
    """Goes on while the machine sleeps, and nobody can set it."""
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))


class ClockWatch:
    """`was_set` is called on the loop when the clock was set: what waits for a moment must look at it anew."""

    def __init__(self, ledger: Ledger, health: Health, was_set: Callable[[], None], wall: Callable[[], datetime] = utc_now) -> None:
        self._ledger = ledger
        self._health = health
        self._was_set = was_set
        self._wall = wall
        self._booted = wall() - since_boot()
        self._asked = False  # since the last step, or while there is a doubt
        self._task: asyncio.Task[None] | None = None
        self.doubt: ClockDoubt | None = None

    @property
    def words(self) -> str | None:
        """Why the clock is not believed."""
        return None if self.doubt is None else f"{self.doubt.in_words()}; {CLOCK_WAY_ON}"

    def why_not(self) -> str | None:
        """Why no new call may be recorded."""
        return self.words if self.doubt is not None and self.doubt.behind else None

    async def start(self) -> None:
        await self.look()
        self._task = asyncio.create_task(self._go_on(), name="clock")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        booted = self._wall() - since_boot()
        step = booted - self._booted
        if abs(step) > STEP:
            self._booted, self._asked = booted, False
            how = "ahead" if step > timedelta() else "back"
            log.warning("the clock was set %s by %s", how, abs(timedelta(seconds=round(step.total_seconds()))), extra=about("clock.set"))
            self._was_set()
        if not self._asked:
            await self._ask()

    async def _ask(self) -> None:
        try:
            found = await self._ledger.ask_once(lambda registry: registry.nodes.clock_doubt(self._wall()))
        except OperatorError:  # whoever writes rows says so; it is asked again
            return
        if found is not None and self.doubt is None:
            self._health.alarm(Alarm.CLOCK_OFF, f"{found.in_words()}; {CLOCK_WAY_ON}")
        self.doubt, self._asked = found, found is None
