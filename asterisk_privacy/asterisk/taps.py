"""One way to hear a channel: snoop on its own microphone, continued into dialplan AudioSocket().

The snoop's channel id is the AudioSocket UUID, so that no variable need be set: two ARI requests an attach, one a detach.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from math import inf
from typing import Protocol

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable
from asterisk_privacy.asterisk.ari_snapshots import Channel
from asterisk_privacy.asterisk.audiosocket import AudioSocketServer, FrameSink
from asterisk_privacy.asterisk.dialplan_probe import is_probe
from asterisk_privacy.asterisk.time_limits import within
from asterisk_privacy.audio.quarantine import Came, Times

log = logging.getLogger(__name__)

START_SECONDS = 2.0
LATE_SECONDS = 0.2
"""A process that looks so much later than it should has more to do than it can: what costs more has to wait."""
MOST_AT_WORK = 10
"""Taps that are being put on or taken off, of all calls. Beyond that Asterisk has enough to do, and none is renewed."""
MOST_A_SECOND = 10
"""Taps that are renewed, of all calls: a machine on which all taps are late must not have twice as many."""


class TapSink(Protocol):
    """A FrameSink; whoever knows of each frame by when it was here, and whether it came at all, tells that too."""

    def __call__(self, complete_at: float, samples: bytes, here_by: Times | None = None, came: Came | None = None, /) -> None: ...


class Tap(Protocol):
    """A running tap. `hear` tells at once what has arrived and would be told a little later. `stop` does that and ends the frames; the rest
    of the cleaning up goes on behind."""

    @property
    def may_be_deaf(self) -> bool:
        """Whether silence may be its own fault, which another tap would not have (facts 11)."""
        ...

    @property
    def told_until(self) -> float:
        """Audio of after this moment may still be told, though it has arrived: its tap waits for an answer. inf: nothing waits."""
        ...

    def beside(self, sink: TapSink, ended: Callable[[], None]) -> Tap | None:
        """Another of the same kind on the same channel, beside this one. None where there is no room for what is no must."""
        ...

    def hear(self) -> None: ...

    def stop(self) -> None: ...


class Capture(Protocol):
    """Behind this, how a party is heard can change: a snoop, or asterisk/wire."""

    def attach(self, channel: str, sink: TapSink, ended: Callable[[], None]) -> Tap:
        """Starts hearing the microphone of `channel`; `ended` is called if it ends, or cannot begin, other than by `stop`."""
        ...


class TendedCapture(Capture, Protocol):
    """What the daemon, beside its calls, asks of a capture."""

    @property
    def attached(self) -> int: ...

    @property
    def failed(self) -> int: ...

    def report(self) -> Mapping[str, int]:
        """More numbers, by name, for `status`."""
        ...

    async def sweep(self, channels: Iterable[Channel]) -> int:
        """Removes what a daemon that died left in these channels. Returns how much that was."""
        ...

    async def drained(self) -> None:
        """Waits until all that was started or is being removed is done."""
        ...


class StasisWaiters:
    """Futures for the StasisStart of channels that we made; without it Asterisk answers 409 or 422 (DESIGN.md, ARI)."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def expect(self, channel: str) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[channel] = future
        return future

    def started(self, channel: str) -> None:
        future = self._waiting.pop(channel, None)
        if future is not None and not future.done():
            future.set_result(None)

    def forget(self, channel: str) -> None:
        self._waiting.pop(channel, None)


class SnoopCapture:
    """`failed` counts taps that could not be attached. `address`: "host:port" where Asterisk is to bring the audio; empty: where its own
    PRIVACY_AUDIOSOCKET says."""

    def __init__(self, ari: Ari, server: AudioSocketServer, waiters: StasisWaiters, address: str = "") -> None:
        self._ari = ari
        self._server = server
        self._waiters = waiters
        self._extension = f"{names.TAP_TO}{address}" if address else ""
        self._old_include = False  # as of the last tap: it knows of no address
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed = 0
        self.attached = 0
        self.renewed = 0
        self._renewed_at: deque[float] = deque(maxlen=MOST_A_SECOND)

    def beside(self, channel: str, sink: FrameSink, ended: Callable[[], None]) -> Tap | None:
        if len(self._tasks) >= MOST_AT_WORK or self._server.late > LATE_SECONDS:  # Asterisk, or this process, has enough to do
            return None
        now = time.monotonic()
        if len(self._renewed_at) == MOST_A_SECOND and now - self._renewed_at[0] < 1.0:
            return None
        self._renewed_at.append(now)
        self.renewed += 1
        return self.attach(channel, sink, ended)

    def attach(self, channel: str, sink: FrameSink, ended: Callable[[], None]) -> Tap:
        tap = self._server.names.new()
        handle = _SnoopTap(self, channel, tap)

        def over() -> None:
            handle.stop()  # its snoop may live on, with nobody to take it away
            ended()

        self._server.expect(tap, sink, over)
        self._spawn(self._start(channel, tap, handle, ended))
        return handle

    def report(self) -> Mapping[str, int]:
        return {"renewed": self.renewed}

    async def sweep(self, channels: Iterable[Channel]) -> int:
        """Removes the channels that this recorder's dead daemon left: taps, tones, probes of the dialplan.

        Those of another recorder on this Asterisk stay. Returns how many there were."""
        self._old_include = False  # a reload of the dialplan may have brought another one
        orphans = [c for c in channels if (c.name.startswith("Snoop/") or is_probe(c.name)) and self._is_ours(c)]
        for orphan in orphans:
            await self._ari.hang_up(orphan.id)
        return len(orphans)

    def _is_ours(self, left: Channel) -> bool:
        """On its way to our address, or still (tones, probes: always) in our ARI application, which only the dead daemon served."""
        where = left.dialplan
        if where.app_name == "Stasis":
            return self._ari.is_our_app(where.app_data.partition(",")[0])
        return where.context == names.TAP_CONTEXT and where.exten == (self._extension or "s")

    async def drained(self) -> None:
        """Waits until all that was started or is being removed is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, channel: str, tap: uuid.UUID, handle: _SnoopTap, ended: Callable[[], None]) -> None:
        name = str(tap)
        started = self._waiters.expect(name)
        try:
            await self._ari.snoop(channel, name, spy="in")
            async with within(START_SECONDS):
                await started
            if not handle.stopped:
                await self._bring(name)
            self.attached += 1
        except (AriRefused, AriUnreachable, TimeoutError) as error:
            if not handle.stopped:
                # the channel may simply be gone: then its hang-up is on its way to us
                self.failed += 1
                log.warning("a tap could not be attached (%s); nothing is recorded from that party", str(error) or "timed out")
                handle.stop()
                ended()
        finally:
            self._waiters.forget(name)
            handle.made.set()

    async def _bring(self, snoop: str) -> None:
        """Into the dialplan, to our address. An include from before there were addresses brings it where it always did."""
        if self._extension and not self._old_include:
            try:
                await self._ari.move_to_dialplan(snoop, names.TAP_CONTEXT, self._extension, names.TAP_LABEL)
                return
            except AriRefused as refused:
                if refused.status != 404:  # no such label, or no such channel any more
                    raise
        await self._ari.move_to_dialplan(snoop, names.TAP_CONTEXT)
        self._old_include = bool(self._extension)

    def hear(self, tap: uuid.UUID, ending: bool = False) -> None:
        self._server.hear(tap, ending)

    def remove(self, tap: uuid.UUID, made: asyncio.Event) -> None:
        self._server.forget(tap)
        self._spawn(self._remove(str(tap), made))

    async def _remove(self, name: str, made: asyncio.Event) -> None:
        try:
            await made.wait()
            await self._ari.hang_up(name)
        except (AriRefused, AriUnreachable) as error:
            log.warning("a tap could not be removed (%s); its frames are refused all the same", error)


class _SnoopTap:
    may_be_deaf = True
    told_until = inf

    def __init__(self, capture: SnoopCapture, channel: str, tap: uuid.UUID) -> None:
        self._capture = capture
        self._channel = channel
        self._tap = tap
        self.made = asyncio.Event()
        self.stopped = False

    def beside(self, sink: TapSink, ended: Callable[[], None]) -> Tap | None:
        return self._capture.beside(self._channel, sink, ended)

    def hear(self) -> None:
        if not self.stopped:
            self._capture.hear(self._tap)

    def stop(self) -> None:
        if not self.stopped:
            self._capture.hear(self._tap, ending=True)
            self.stopped = True
            self._capture.remove(self._tap, self.made)
