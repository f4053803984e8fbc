"""What the runner of each call works with, and the other calls around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from asterisk_privacy.asterisk.taps import Capture
from asterisk_privacy.asterisk.tones import TonePlayer
from asterisk_privacy.audio.ring import Ring
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.call.timing import Timing
from asterisk_privacy.daemon.filing import RecordingFile
from asterisk_privacy.daemon.health import Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.remembered import Memory
from asterisk_privacy.daemon.silent_legs import AskLeg, nobody_asked
from asterisk_privacy.store.vault import Vault

if TYPE_CHECKING:
    from asterisk_privacy.daemon.runner import CallRunner


@dataclass(frozen=True, slots=True)
class Tools:
    """What every call's runner works with."""

    capture: Capture
    tones: TonePlayer
    vault: Vault
    ledger: Ledger
    health: Health
    new_ring: Callable[[], Ring]
    proven: Callable[[], float]  # until when everything that happened is known
    timing: Timing
    blind_seconds: float
    remember: Callable[[str, Memory | None], None]  # for the next daemon, what changed; None: nothing any more
    objection_purpose: str = ""  # what the agent's objection key takes away; empty: all sample purposes
    ask_leg: AskLeg = nobody_asked  # what Asterisk says of a channel that is silent
    new_suspense: Callable[[], Suspense] = lambda: Suspense(0, 0)


class Jobs:
    """What one call wants of disk and registry: one after the other."""

    def __init__(self) -> None:
        self._last: asyncio.Task[None] | None = None

    def next(self, job: Callable[[], Awaitable[None]]) -> None:
        before = self._last

        async def run() -> None:
            if before is not None:
                await asyncio.wait([before])
            await job()

        self._last = asyncio.create_task(run())

    def erase(self, file: RecordingFile | None, reason: str) -> None:
        if file is not None:
            self.next(partial(file.erase, reason))

    async def finished(self) -> None:
        while self._last is not None and not self._last.done():
            await asyncio.wait([self._last])


class Around(Protocol):
    """The other calls that this one may be in one conversation with."""

    def stands(self, runner: CallRunner, at: float) -> None:
        """What its customer allows changed at `at`."""

    def withdrew(self, runner: CallRunner) -> None:
        """Its customer refused or is off the record."""

    def objected(self, runner: CallRunner) -> None: ...
