"""No new calls: those that go on are finished as promised, grace time included, and what they left is delivered. Then the host is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from asterisk_privacy.call.situation import Life
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.notify import notify
from asterisk_privacy.daemon.supervisor import Supervisor
from asterisk_privacy.daemon.uploads import Uploads

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
LINGER_SECONDS = 2.0
"""Between the last call and the end of a daemon that was to stop then: whoever waits for it hears that nothing was left."""


@dataclass(frozen=True, slots=True)
class Left:
    """What there is still to do. `grace`: of the calls, those that were hung up and can still be kept. `longest`: seconds since the oldest
    of them began. `settling`: what the last calls left is not known to be written yet. `uploads`: recordings that are not in the bucket."""

    calls: int = 0
    grace: int = 0
    longest: float = 0.0
    settling: bool = False
    uploads: int = 0

    @property
    def nothing(self) -> bool:
        return not (self.calls or self.settling or self.uploads)

    def __str__(self) -> str:
        parts = []
        if self.calls:
            minutes, seconds = divmod(int(self.longest), 60)
            parts.append(f"{self.calls} call{'s' * (self.calls > 1)} left, longest {f'{minutes} min' if minutes else f'{seconds} s'}")
        if self.grace:
            parts.append(f"{self.grace} in the grace time")
        if self.uploads:
            parts.append(f"{self.uploads} recording{'s' * (self.uploads > 1)} to be uploaded")
        elif self.settling:
            parts.append("what they left is being written")
        return ", ".join(parts) or "nothing left"


class Draining:
    """`uploads`: None where recordings stay on this machine."""

    def __init__(self, supervisor: Supervisor, ledger: Ledger, uploads: Uploads | None) -> None:
        self._supervisor = supervisor
        self._ledger = ledger
        self._uploads = uploads
        self._rows: asyncio.Future[None] | None = None  # what was posted up to the end of the last call
        self._quiet_since = 0.0  # since when there is no call, where `_rows` is set
        self._told = ""
        self._stop = False

    @property
    def on(self) -> bool:
        return self._supervisor.draining

    @property
    def stops(self) -> bool:
        """Whether the daemon ends when nothing is left."""
        return self._stop

    def begin(self, stop: bool) -> None:
        self._supervisor.draining, self._stop = True, stop
        self._rows = None
        log.info("draining: no new call is taken; %s", self.left(), extra=about("drain.begun"))

    def undo(self) -> None:
        if self.on:
            log.info("new calls are taken again", extra=about("drain.undone"))
            notify("STATUS=new calls are taken again")
        self._supervisor.draining, self._stop, self._told = False, False, ""

    def left(self) -> Left:
        runners = self._supervisor.runners
        grace = sum(1 for r in runners if r.recorder.situation.life is Life.GRACE)
        longest = max((monotonic() - r.began_at for r in runners), default=0.0)
        waiting = self._uploads.waiting.count if self._uploads is not None else 0
        return Left(len(runners), grace, longest, not runners and not self._settled(), waiting)

    def _settled(self) -> bool:
        """Rows are written, and files are in the bucket or known to wait for it: those of the last call only after another look."""
        written = self._rows is not None and self._rows.done()
        return written and (self._uploads is None or self._uploads.looked_at >= self._quiet_since)

    async def watch(self, stop: Callable[[], None]) -> None:
        """For ever; `stop` is called once nothing is left, if the daemon was to end then."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.on and self._look() and self._stop:
                await asyncio.sleep(LINGER_SECONDS)
                if self.on and self._look() and self._stop:
                    stop()

    def _look(self) -> bool:
        """Whether nothing is left."""
        if self._supervisor.runners:
            self._rows = None
        elif self._rows is None:
            self._rows, self._quiet_since = asyncio.ensure_future(self._ledger.drained()), monotonic()
        left = self.left()
        words = f"drained: {left}" if left.nothing else f"draining: {left}"
        if words != self._told:
            self._told = words
            notify(f"STATUS={words}")
            if left.nothing:
                log.info("drained: nothing is left", extra=about("drain.done"))
        return left.nothing
