"""Whether the registry that is open is still the one in its place: a file may be removed or replaced, a database emptied, meanwhile.

SQLite goes on writing into a file that has no name any more, and all of it goes with the process. So within a minute nothing new is
recorded, and it is told until the registry is back. Of a file a whole copy is made: it is put in its place before the next start.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.engine import Head
from asterisk_privacy.registry.passing import is_passing

log = logging.getLogger(__name__)

LOOK_SECONDS = 20.0


class RegistryWatch:
    def __init__(self, ledger: Ledger, health: Health, where: str) -> None:
        self._ledger = ledger
        self._health = health
        self._where = where
        self._known: Head | None = None
        self._copy: str | None = None
        self._task: asyncio.Task[None] | None = None
        self.gone: str | None = None
        """In one line with the way out; None: it is there."""

    def why_not(self) -> str | None:
        """Why no new call may be recorded."""
        return self.gone

    async def start(self) -> None:
        await self.look()
        self._task = asyncio.create_task(self._go_on(), name="registry")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._copy is not None:  # with what was written since
            await self._rescued()

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        try:
            self._known, why = await self._ledger.ask_once(lambda registry: registry.soundness.end(self._known))
        except OperatorError as error:
            if is_passing(error):  # a server that is away, a file that is locked: the ledger says so
                return
            why = str(error)
        if why is None:
            if self.gone is not None:
                log.warning("the registry is back: %s", self._where)
            self.gone = self._copy = None
        elif self.gone is None:
            self._copy = await self._rescued()
            self.gone = f"registry {self._where}: {why}; no new call is recorded; {self._way_out()}"
            self._health.alarm(Alarm.REGISTRY_GONE, self.gone)

    async def _rescued(self) -> str | None:
        try:
            return await self._ledger.ask_once(lambda registry: registry.soundness.rescue(self._copy))
        except (OperatorError, OSError) as error:
            log.warning("no copy of the registry could be made: %s", error)
            return None

    def _way_out(self) -> str:
        if self._copy is not None:
            return f"all of it is in {self._copy}: stop the recorder, move that to its place, start the recorder"
        return "stop the recorder, restore the registry from a backup, start the recorder"
