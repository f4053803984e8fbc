"""Through pipes where AMI answers, and else through snoops: a stretch of conversation is heard in one way from its begin to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from asterisk_privacy.asterisk.ari_events import Channel
from asterisk_privacy.asterisk.pipes import PipeCapture
from asterisk_privacy.asterisk.taps import Capture, Hearing, LegSink, Plan, SnoopCapture, Tap


class TendedCapture(Capture, Protocol):
    """What the daemon, beside its calls, asks of a capture."""

    @property
    def attached(self) -> int: ...

    @property
    def failed(self) -> int: ...

    async def sweep(self, channels: Iterable[Channel]) -> int:
        """Removes what a daemon that died left in these channels. Returns how much that was."""
        ...

    async def drained(self) -> None:
        """Waits until all that was started or is being removed is done."""
        ...


class PipesOrSnoops:
    def __init__(self, pipes: PipeCapture, snoops: SnoopCapture) -> None:
        self._pipes = pipes
        self._snoops = snoops

    @property
    def attached(self) -> int:
        return self._pipes.attached + self._snoops.attached

    @property
    def failed(self) -> int:
        return self._pipes.failed + self._snoops.failed

    def plan(self, customer: str, parties: Sequence[str]) -> Plan:
        return (self._pipes if self._pipes.usable else self._snoops).plan(customer, parties)

    def attach(self, hearing: Hearing, sink: LegSink, ended: Callable[[], None]) -> Tap:
        return (self._pipes if len(hearing.legs) > 1 else self._snoops).attach(hearing, sink, ended)

    async def sweep(self, channels: Iterable[Channel]) -> int:
        channels = tuple(channels)
        return await self._snoops.sweep(channels) + await self._pipes.sweep(channels)

    async def drained(self) -> None:
        await self._snoops.drained()
        await self._pipes.drained()
