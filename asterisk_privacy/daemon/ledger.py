"""The registry in a thread of its own, so that a slow disk delays rows and never frames (peewee is synchronous; DESIGN.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TypeVar

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry

log = logging.getLogger(__name__)
T = TypeVar("T")


def wall(at: float) -> datetime:
    """A monotonic moment as UTC."""
    return datetime.now(UTC) - timedelta(seconds=monotonic() - at)


class Ledger:
    """Work is done one by one in the order in which it was posted or asked."""

    def __init__(self, registry: Registry, health: Health) -> None:
        self._registry = registry
        self._health = health
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="registry")

    def ask(self, work: Callable[[Registry], T]) -> asyncio.Future[T]:
        """In line at once, also before it is awaited. Raises what the registry raises: OperatorError."""
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
            work(self._registry)
        except OperatorError as error:
            self._health.alarm(Alarm.REGISTRY_FAILED, str(error))

    async def drained(self) -> None:
        await self.ask(lambda _registry: None)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._registry.close()
