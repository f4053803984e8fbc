"""One tap for each party: his RTP as it reaches this machine. Where that does not do, a snoop, as if there were no wire.

It does not do for a channel that is not PJSIP, whose RTP is enciphered, has another codec than G.711 or does not come through Asterisk, and
for whom no packet comes from where Asterisk sends to: that is seen after `QUIET_SECONDS`. A phone may also just be silent; then it
is a snoop that hears that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final

import numpy as np

from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable
from asterisk_privacy.asterisk.ari_events import Channel
from asterisk_privacy.asterisk.audiosocket import LISTEN_SECONDS
from asterisk_privacy.asterisk.taps import SnoopCapture, Tap, TapSink
from asterisk_privacy.asterisk.wire import place, rtp
from asterisk_privacy.asterisk.wire.packets import PacketRing
from asterisk_privacy.asterisk.wire.place import Elsewhere, Place
from asterisk_privacy.asterisk.wire.stream import Stream, Unfit

log = logging.getLogger(__name__)

QUIET_SECONDS: Final = 1.0
ASK_AGAIN_SECONDS: Final = 0.4
"""Packets from elsewhere: the phone may have told Asterisk a new address."""
TELL_SECONDS: Final = 0.6
"""Packets wait for whoever needs them, at most so long: few large pieces cost less than many small ones."""
MARGIN_SECONDS: Final = 0.04
"""A packet counts as having come so much later: Asterisk dates a hold a little after it came, and has to be believed."""
_STRANGE: Final = 50
"""So many packets from elsewhere wait for that answer: a second. A phone behind NAT is known to Asterisk by its first packets only."""
_MOST_REMEMBERED: Final = 10000


class WireCapture:
    """`heard` counts taps that were put on the wire, `unfit` those that became snoops."""

    def __init__(self, ari: Ari, ring: PacketRing, snoops: SnoopCapture, alarm: Callable[[str], None]) -> None:
        self._ari = ari
        self._ring = ring
        self._snoops = snoops
        self._alarm = alarm
        self._taps: dict[int, _WireTap] = {}  # by port
        self._unfit: OrderedDict[str, None] = OrderedDict()  # channels for which the wire does not do
        self._listening: asyncio.TimerHandle | None = None
        self._tuning = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost = 0
        self.heard = 0
        self.unfit = 0

    @property
    def attached(self) -> int:
        return self.heard + self._snoops.attached

    @property
    def failed(self) -> int:
        return self._snoops.failed

    def attach(self, channel: str, sink: TapSink, ended: Callable[[], None]) -> Tap:
        tap = _WireTap(self, channel, sink, ended)
        if channel in self._unfit or self._full:
            tap.to_snoop()
        else:
            self._spawn(self._start(tap))
        return tap

    @property
    def _full(self) -> bool:
        return len(self._taps) >= self._ring.most_ports

    def report(self) -> Mapping[str, int]:
        return {"wire": len(self._taps), "wire_heard": self.heard, "wire_unfit": self.unfit, "wire_lost": self._ring.lost}

    async def sweep(self, channels: Iterable[Channel]) -> int:
        return await self._snoops.sweep(channels)

    async def drained(self) -> None:
        while self._tasks:
            await asyncio.gather(*self._tasks)
        await self._snoops.drained()

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        self._tuning = True  # the ring closes too, and is told nothing any more

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- what the taps ask for

    def put(self, tap: _WireTap, where: Place) -> None:
        former = self._taps.get(where.port)
        if former is not None and former is not tap:
            former.to_snoop()  # Asterisk gave the port to another channel: that one's is gone
        self.read()  # what came so far is nobody's
        self._taps[where.port] = tap
        tap.where = where
        self._tune()
        if self._listening is None:
            self._listening = asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._listen)

    def take_away(self, tap: _WireTap) -> None:
        if tap.where is not None and self._taps.get(tap.where.port) is tap:
            del self._taps[tap.where.port]
            self._tune()
        tap.where = None
        tap.strange.clear()  # what came there may have been for whoever has the port now

    def snoop(self, tap: _WireTap, why: str, always: bool) -> Tap:
        self.unfit += 1
        if always:
            self._unfit[tap.channel] = None
            while len(self._unfit) > _MOST_REMEMBERED:
                self._unfit.popitem(last=False)
        if why:
            log.info("a party is heard through a snoop: %s", why)
        return self._snoops.attach(tap.channel, tap.sink, tap.ended)

    def ask_again(self, tap: _WireTap) -> None:
        self._spawn(self._start(tap))

    def read(self) -> None:
        self._ring.read(self._deliver)
        if self._ring.lost > self._lost:
            self._alarm(f"{self._ring.lost - self._lost} packets came faster than they were read, and are missing in recordings")
            self._lost = self._ring.lost

    # ---- inside

    def _deliver(self, port: int, addresses: bytes, payload: bytes, arrived: float) -> None:
        tap = self._taps.get(port)
        if tap is None:
            return  # came before the filter was told that nobody is listened to there any more
        packet = rtp.parse(payload, arrived)
        if packet is None:
            return
        if tap.where is not None and tap.where.addresses == addresses:
            tap.waiting.append(packet)
        else:
            tap.strange.append((addresses, packet))

    def _tune(self) -> None:
        """Once for all that changes in this turn of the loop."""
        if not self._tuning:
            self._tuning = True
            asyncio.get_running_loop().call_soon(self._tuned)

    def _tuned(self) -> None:
        self._tuning = False
        try:
            self._ring.only(self._taps.keys())
        except OSError as error:  # as before, then: some are not heard, and some that stopped come as far as the ring
            if self._taps:
                self._alarm(f"the kernel refused the ports to listen to ({error.strerror}): all parties are heard through snoops")
            for tap in tuple(self._taps.values()):
                tap.to_snoop()
            self.read()  # what comes as far as that does not stay there
            asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._tune)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listening = loop.call_later(LISTEN_SECONDS, self._listen) if self._taps else None
        self.read()
        for tap in self._taps.values():
            loop.call_soon(tap.look)  # a mistake with one must not keep the others from being heard

    async def _start(self, tap: _WireTap) -> None:
        where: Place | Elsewhere | AriRefused | AriUnreachable
        try:
            where = await place.ask(self._ari, tap.channel)
        except (AriRefused, AriUnreachable) as error:
            where = error
        if tap.stopped or tap.snooped:
            return
        if isinstance(where, Exception):
            tap.to_snoop(str(where))  # which may not come about either, but is tried again
        elif isinstance(where, Elsewhere):
            tap.to_snoop(where.why, always=True)
        elif self._full and tap.where is None:
            tap.to_snoop()
        elif tap.where is not None and tap.where.port == where.port:
            self.read()
            tap.follow(where)
        else:
            self.take_away(tap)
            self.heard += tap.heard_at == 0.0
            tap.heard_at = time.monotonic()
            self.put(tap, where)


class _WireTap:
    def __init__(self, capture: WireCapture, channel: str, sink: TapSink, ended: Callable[[], None]) -> None:
        self._capture = capture
        self.channel = channel
        self.sink = sink
        self.ended = ended
        self.where: Place | None = None
        self.waiting: list[rtp.Packet] = []
        self.strange: deque[tuple[bytes, rtp.Packet]] = deque(maxlen=_STRANGE)  # packets from elsewhere
        self.heard_at = 0.0
        self.stopped = False
        self._asked_at = 0.0
        self._stream = Stream()
        self._any = False
        self._snoop: Tap | None = None

    @property
    def snooped(self) -> bool:
        return self._snoop is not None

    @property
    def may_be_deaf(self) -> bool:
        return self._snoop is not None and self._snoop.may_be_deaf

    def hear(self) -> None:
        if self._snoop is not None:
            self._snoop.hear()
        elif not self.stopped and self.where is not None:
            self._capture.read()
            self._tell()

    def stop(self) -> None:
        if self.stopped:
            return
        try:
            self.hear()
        finally:
            self.stopped = True
            self._capture.take_away(self)
            if self._snoop is not None:
                self._snoop.stop()

    def look(self) -> None:
        """Now and then: tells what nobody asked for, and looks whether this still does."""
        if self.stopped or self.snooped:
            return
        now = time.monotonic()
        if self.waiting:
            self.heard_at, self._any = max(self.heard_at, self.waiting[-1].arrived), True
            if now - self.waiting[0].arrived > TELL_SECONDS:
                self._tell()
        if now - self.heard_at > QUIET_SECONDS:
            self.to_snoop("nothing is heard of it on this machine", always=not self._any)
        elif self.strange and now - self.heard_at > ASK_AGAIN_SECONDS / 2 and now - self._asked_at > ASK_AGAIN_SECONDS:
            self._asked_at = now
            self._capture.ask_again(self)

    def follow(self, where: Place) -> None:
        """Asterisk speaks to this address now. What came from there meanwhile was its voice; what came from elsewhere never is."""
        self.where = where
        self.waiting += [packet for addresses, packet in self.strange if addresses == where.addresses]
        self.strange.clear()

    def to_snoop(self, why: str = "", always: bool = False) -> None:
        if not self.stopped and self._snoop is None:
            self._capture.take_away(self)
            self.waiting.clear()
            self._snoop = self._capture.snoop(self, why, always)

    def _tell(self) -> None:
        packets, self.waiting = self.waiting, []
        if not packets:
            return
        self.heard_at, self._any = max(self.heard_at, packets[-1].arrived), True
        try:
            runs = list(self._stream.take(packets))
        except Unfit as unfit:
            self.to_snoop(str(unfit), always=True)
            return
        for run in runs:
            self.sink(run.complete_at, run.samples, run.here_by + np.float64(MARGIN_SECONDS))
