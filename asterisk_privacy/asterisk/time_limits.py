"""Time limits that do not run while this process stands still.

A process that was stopped, or kept from the processor, finds its limits over and the answers in its sockets at the same moment. An event
loop may look at the limits first. So a limit is waited for in steps. A step that ended late says that this process stood still: it does
not count, and what has arrived is read before the next one ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

STEPS: Final = 4
LATE_SECONDS: Final = 0.1
"""A step that ends so much later than it should does not count."""
MOST_STEPS: Final = 3 * STEPS
"""Beside a load that never ends a limit is a limit all the same."""


class TimeLimit:
    """Calls `over` once after `seconds`, unless it is cancelled before."""

    def __init__(self, seconds: float, over: Callable[[], object]) -> None:
        self._step = seconds / STEPS
        self._over = over
        self._counted = 0
        self._ended = 0
        self._begin()

    def cancel(self) -> None:
        self._timer.cancel()

    def _begin(self) -> None:
        self._due = time.monotonic() + self._step
        self._timer = asyncio.get_running_loop().call_later(self._step, self._end)

    def _end(self) -> None:
        self._ended += 1
        self._counted += time.monotonic() - self._due < LATE_SECONDS
        if self._counted < STEPS and self._ended < MOST_STEPS:
            self._begin()
        else:
            self._over()


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """As asyncio.timeout: TimeoutError after `seconds`."""
    async with asyncio.timeout(None) as timeout:
        limit = TimeLimit(seconds, lambda: timeout.reschedule(0.0))
        try:
            yield
        finally:
            limit.cancel()
