"""The registry in a thread of its own, so that a slow disk delays rows and never frames (peewee is synchronous; DESIGN.md).

What the registry does not take now (another process has it locked, its disk is full) waits and is tried again, in order, for as long as the
daemon runs: a seal, an objection or an erasure that was lost there would keep what must go, or lose what was kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TypeVar, cast

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.passing import InDoubt, is_passing
from asterisk_privacy.registry.registry import Registry

log = logging.getLogger(__name__)
T = TypeVar("T")

RETRY_SECONDS = 0.2
"""Between tries; each waits by itself for a lock (`busy_seconds` of the registry)."""
REMIND_SECONDS = 60.0
"""Between alarms while nothing can be written."""
STOP_SECONDS = 10.0
"""How long a daemon that stops goes on trying; what is not written then is settled at its next start."""


def wall(at: float) -> datetime:
    """A monotonic moment as UTC."""
    return datetime.now(UTC) - timedelta(seconds=monotonic() - at)


class Ledger:
    """Work is done one by one in the order in which it was posted or asked. It may be done again from its beginning where a part of it was
    refused: several changes that depend on each other are several pieces of work."""

    def __init__(self, registry: Registry, health: Health) -> None:
        self._registry = registry
        self._health = health
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")
        self._give_up_at: float | None = None
        self._given_up: OperatorError | None = None
        self._stuck_since: float | None = None

    @property
    def stuck_seconds(self) -> float:
        """For how long nothing could be written; 0.0 while all is well."""
        since = self._stuck_since
        return 0.0 if since is None else monotonic() - since

    def ask(self, work: Callable[[Registry], T]) -> asyncio.Future[T]:
        """In line at once, also before it is awaited. Raises what the registry raises and does not pass: OperatorError."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._insist, work)

    def ask_once(self, work: Callable[[Registry], T]) -> asyncio.Future[T]:
        """The same, but whatever the registry refuses is raised at once."""
        return asyncio.get_running_loop().run_in_executor(self._thread, work, self._registry)

    def post(self, work: Callable[[Registry], object]) -> None:
        """Without waiting; a failure is an alarm, and a mistake of ours goes where all of them go: the loop's handler."""
        loop = asyncio.get_running_loop()

        def done(future: Future[None]) -> None:
            mistake = future.exception()
            if mistake is not None:
                loop.call_soon_threadsafe(loop.call_exception_handler, {"message": "registry work failed", "exception": mistake})

        self._thread.submit(self._attempt, work).add_done_callback(done)

    def _attempt(self, work: Callable[[Registry], object]) -> None:
        try:
            self._insist(work)
        except OperatorError as error:
            self._health.alarm(Alarm.REGISTRY_FAILED, str(error))

    def _insist(self, work: Callable[[Registry], T]) -> T:
        remind_at = 0.0
        doubt: InDoubt | None = None
        while True:
            if self._given_up is not None:
                raise self._given_up
            try:
                if doubt is not None and self._registry.was_taken(doubt):
                    result = cast(T, None)  # done: only its answer was lost
                else:
                    doubt = None
                    result = work(self._registry)
            except OperatorError as error:
                if not is_passing(error):
                    raise
                doubt = error if isinstance(error, InDoubt) else doubt
                now = monotonic()
                if self._give_up_at is not None and now >= self._give_up_at:
                    self._given_up = error
                    raise
                self._stuck_since = self._stuck_since or now
                if now >= remind_at:
                    remind_at = now + REMIND_SECONDS
                    self._health.alarm(Alarm.REGISTRY_FAILED, f"{error}; until then rows wait in memory")
            else:
                self._stuck_since = None
                return result
            time.sleep(RETRY_SECONDS)

    def stop_soon(self) -> None:
        """The daemon stops: what the registry refuses is tried for a little longer, and then given up."""
        if self._give_up_at is None:
            self._give_up_at = monotonic() + STOP_SECONDS

    async def drained(self) -> None:
        await self.ask(lambda _registry: None)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._registry.close()
