"""A second capture, for a daemon on Asterisk's own host: one MixMonitor on the customer's channel, asked for over AMI, writes what he says
and what he hears into two FIFOs. Costs Asterisk about as much as MixMonitor itself, where snoops cost twice that.

Asterisk's hook is taken off with its own id, and put on again not before a frame has passed without it, or it would stay deaf (facts 11.4).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from asterisk_privacy.asterisk import pipe_place
from asterisk_privacy.asterisk.ami import Ami, AmiRefused, AmiUnreachable
from asterisk_privacy.asterisk.ari_events import Channel
from asterisk_privacy.asterisk.pipe_pair import BURST_SECONDS, PipePair
from asterisk_privacy.asterisk.taps import Hearing, LegSink, Plan, Tap
from asterisk_privacy.audio.frames import Leg

log = logging.getLogger(__name__)

LATE_SECONDS = BURST_SECONDS + 0.3
"""A burst, what Asterisk's hook holds (0.1), and the time until this process reads it."""
CURE_SECONDS = 0.04
LOOK_SECONDS = 1.0
SWEEP_SECONDS = 5.0  # in which AMI is up too, once ARI is
DRAIN_SECONDS = 4.0
LINGER_SECONDS = 10.0
"""How long a FIFO stays for a MixMonitor that was asked for and did not open it."""


def variable_of(app: str) -> str:
    """On the channel: the id of the MixMonitor of the daemon with that ARI application, for the one that comes after a crash. Others, for
    other recorders of this Asterisk."""
    return f"PRIVACY_PIPE_{hashlib.sha256(app.encode()).hexdigest()[:8]}"


class PipeCapture:
    """`app`: this daemon's ARI application. `unfit`: why it may not be used any more, or empty; `alarm` is told that. `failed` counts taps
    that could not be attached."""

    def __init__(self, ami: Ami, directory: Path, app: str, alarm: Callable[[str], None]) -> None:
        self._ami = ami
        self._variable = variable_of(app)
        self.directory = directory
        self._alarm = alarm
        self._tasks: set[asyncio.Task[None]] = set()
        self._taps: set[_PipeTap] = set()
        self._latest: dict[str, _PipeTap] = {}  # by channel
        self._looking: asyncio.TimerHandle | None = None
        self._swept = False
        self.unfit = ""
        self.failed = 0
        self.attached = 0

    @property
    def usable(self) -> bool:
        return self._ami.up and not self.unfit

    def plan(self, customer: str, _parties: Sequence[str]) -> Plan:
        return Plan((Hearing(customer, (Leg.CUSTOMER, Leg.AGENT)),), LATE_SECONDS)

    def attach(self, hearing: Hearing, sink: LegSink, ended: Callable[[], None]) -> Tap:
        try:
            tap = _PipeTap(self, hearing.channel, sink, ended)
        except OSError as error:
            self.failed += 1
            log.warning("no pipe could be made (%s); nothing is recorded through it", error.strerror)
            asyncio.get_running_loop().call_soon(ended)
            return _NoTap()
        before = self._latest.get(hearing.channel)
        self._taps.add(tap)
        self._latest[hearing.channel] = tap
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        self._spawn(self._start(tap, before))
        return tap

    async def sweep(self, channels: Iterable[Channel]) -> int:
        """At the first connection: ends the MixMonitors of a daemon that died, by their ids."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._ami.ready.wait()
        if self._swept or not self._ami.up:
            return 0
        found = await asyncio.gather(*(self._end_left(c.id) for c in channels if not c.name.startswith("Snoop/")))
        self._swept = True
        return sum(found)

    async def _end_left(self, channel: str) -> int:
        """Of a daemon that died, or whose id did not reach us. Returns how many."""
        try:
            mix = await self._ami.variable(channel, self._variable)
            if not mix or (channel in self._latest and self._latest[channel].mix == mix):
                return 0
            await self._ami.end_mix(channel, mix)
            if channel not in self._latest:
                await self._ami.set_variable(channel, self._variable, "")
        except (AmiRefused, AmiUnreachable):  # no such channel, no such MixMonitor
            return 0
        return 1

    async def drained(self) -> None:
        """Waits until all that was started or is being removed is done, as far as Asterisk answers. The next daemon ends the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)

    def close(self) -> None:
        """At the daemon's end."""
        if self._looking is not None:
            self._looking.cancel()
        for tap in tuple(self._taps):
            tap.pair.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look(self) -> None:
        """For files in the clear. There are none where Asterisk may not write there; where it runs as root, it may."""
        self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look) if self._taps else None
        found = pipe_place.remove_files(self.directory)
        if found:
            self.fall_shut(f"{found} files lay among the pipes and were destroyed: Asterisk must not write to {self.directory}")

    def fall_shut(self, why: str) -> None:
        """Nothing is heard through pipes any more."""
        if not self.unfit:
            self.unfit = why
            self._alarm(why)
        for tap in tuple(self._taps):
            tap.end_at_once()

    # ---- one tap's life

    async def _start(self, tap: _PipeTap, before: _PipeTap | None) -> None:
        try:
            if before is not None:
                await before.off.wait()
                await asyncio.sleep(max(0.0, before.off_at + CURE_SECONDS - monotonic()))
            if not self._swept and not tap.stopped and await self._end_left(tap.channel):
                await asyncio.sleep(CURE_SECONDS)
            if tap.stopped:
                tap.over()  # it was never asked for
                return
            tap.mix = await self._ami.begin_mix(tap.channel, f"{tap.pair.options}i({self._variable})")
            self.attached += 1
        except (AmiRefused, AmiUnreachable) as error:
            if isinstance(error, AmiUnreachable):
                tap.unknown = True
            if not tap.stopped:
                # the channel may simply be gone: then its hang-up is on its way to us
                self.failed += 1
                log.warning("a pipe could not be attached (%s); nothing is recorded through it", error)
                tap.end_at_once()
        finally:
            tap.made.set()

    def remove(self, tap: _PipeTap) -> None:
        self._spawn(self._remove(tap))

    async def _remove(self, tap: _PipeTap) -> None:
        await tap.made.wait()
        while True:
            if await self._took_off(tap):
                break
            await asyncio.sleep(0.2)  # AMI is away; nothing of it is kept meanwhile
            if tap.ended_itself or not tap.pair_open:
                break
        tap.is_off()
        if tap.pair_open and (tap.mix or tap.unknown):
            with_patience = LATE_SECONDS if tap.heard else LINGER_SECONDS
            try:
                async with asyncio.timeout(with_patience):
                    await tap.eof.wait()
            except TimeoutError:
                log.warning("a pipe did not end in time after it was stopped")
        tap.over()
        self._taps.discard(tap)
        if self._latest.get(tap.channel) is tap:
            del self._latest[tap.channel]

    async def _took_off(self, tap: _PipeTap) -> bool:
        """Whether it is known that no hook of this tap is left."""
        try:
            if tap.unknown:
                await self._ami.ask("Ping", {})
                await self._end_left(tap.channel)
            elif tap.mix:
                await self._ami.end_mix(tap.channel, tap.mix)
                if tap.ended_itself and not tap.heard:
                    self.fall_shut("Asterisk records, but not into the pipe: is cache_record_files set in asterisk.conf? unset it")
                await self._ami.set_variable(tap.channel, self._variable, "")
        except AmiRefused:
            return True  # the channel is gone, and its hooks with it
        except AmiUnreachable:
            return False
        return True


class _NoTap:
    def hear(self) -> None: ...

    def stop(self, told: Callable[[], None]) -> None:
        told()

    def drop(self) -> None: ...


class _PipeTap:
    def __init__(self, capture: PipeCapture, channel: str, sink: LegSink, ended: Callable[[], None]) -> None:
        self.channel = channel
        self.mix = ""
        self.unknown = False  # whether Asterisk began it
        self.stopped = False
        self.ended_itself = False
        self.made = asyncio.Event()
        self.off = asyncio.Event()
        self.off_at = 0.0
        self.eof = asyncio.Event()
        self.pair_open = True
        self.pair = PipePair(capture.directory, sink, self._streams_ended, self.end_at_once)
        self._capture = capture
        self._ended = ended
        self._told: Callable[[], None] | None = None

    @property
    def heard(self) -> bool:
        return self.pair.heard_bytes > 0

    def hear(self) -> None:
        """What has arrived was told when it came; nothing makes Asterisk hand over more but to end it."""

    def stop(self, told: Callable[[], None]) -> None:
        if self.stopped:
            told()
            return
        self.stopped, self._told = True, told
        self._capture.remove(self)

    def drop(self) -> None:
        self.pair.mute()
        if not self.stopped:
            self.stopped = True
            self._capture.remove(self)

    def end_at_once(self) -> None:
        """It failed, or lost audio unseen: nothing more is believed that comes from it."""
        ended = not self.stopped
        self.drop()
        if ended:
            asyncio.get_running_loop().call_soon(self._ended)

    def is_off(self) -> None:
        self.off_at = monotonic()
        self.off.set()

    def over(self) -> None:
        """Nothing comes any more."""
        self.pair_open = False
        self.pair.close()
        told, self._told = self._told, None
        if told is not None:
            told()

    def _streams_ended(self) -> None:
        self.ended_itself = not self.stopped
        self.eof.set()
        self.over()
        if self.ended_itself:
            self.drop()
            self._ended()
