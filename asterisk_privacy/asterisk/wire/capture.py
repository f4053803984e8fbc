"""One tap for each party: his RTP as it reaches this machine. Where that does not do, a snoop, as if there were no wire.

It does not do for a channel that is not PJSIP, whose RTP is enciphered, has another codec than G.711 or does not come through Asterisk, and
for whom no packet comes from where Asterisk sends to.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final

from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable
from asterisk_privacy.asterisk.ari_snapshots import Channel
from asterisk_privacy.asterisk.audiosocket import LISTEN_SECONDS
from asterisk_privacy.asterisk.taps import LATE_SECONDS, SnoopCapture, Tap, TapSink
from asterisk_privacy.asterisk.wire import place
from asterisk_privacy.asterisk.wire.packets import PacketRing
from asterisk_privacy.asterisk.wire.place import Elsewhere, Place, Why
from asterisk_privacy.asterisk.wire.tap import WireTap

log = logging.getLogger(__name__)

_MOST_REMEMBERED: Final = 10000


class WireCapture:
    """`heard` counts taps that were put on the wire, `unfit` those that became snoops, and why."""

    def __init__(self, ari: Ari, ring: PacketRing, snoops: SnoopCapture, alarm: Callable[[str], None]) -> None:
        self._ari = ari
        self._ring = ring
        self._snoops = snoops
        self._alarm = alarm
        self._taps: dict[int, WireTap] = {}  # by port
        self._unfit: OrderedDict[str, None] = OrderedDict()  # channels for which the wire does not do
        self._listening: asyncio.TimerHandle | None = None
        self._tuning = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost = 0
        self._due = 0.0  # when the ring is to be looked at
        self.heard = 0
        self.unfit: Counter[Why] = Counter()

    @property
    def attached(self) -> int:
        return self.heard + self._snoops.attached

    @property
    def failed(self) -> int:
        return self._snoops.failed

    def attach(self, channel: str, sink: TapSink, ended: Callable[[], None]) -> Tap:
        tap = WireTap(self, channel, sink, ended)
        if channel in self._unfit or self._full:
            tap.to_snoop(Why.KNOWN if channel in self._unfit else Why.FULL)
        else:
            self._spawn(self._start(tap))
        return tap

    @property
    def _full(self) -> bool:
        return len(self._taps) >= self._ring.most_ports

    def report(self) -> Mapping[str, int]:
        reasons = {f"wire_unfit_{why.name.lower()}": count for why, count in sorted(self.unfit.items())}
        lost = self._ring.lost
        return {
            "wire": len(self._taps),
            "wire_heard": self.heard,
            "wire_unfit": self.unfit.total(),
            **reasons,
            "wire_lost": lost,
            **self._snoops.report(),
        }

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

    def put(self, tap: WireTap, where: Place) -> None:
        former = self._taps.get(where.port)
        if former is not None and former is not tap:
            former.to_snoop(Why.PORT_TAKEN)  # that one's is gone
        self.read()  # what came so far is nobody's
        self._taps[where.port] = tap
        tap.where = where
        self._tune()
        if self._listening is None:
            self._listen_later()

    def take_away(self, tap: WireTap) -> None:
        if tap.where is not None and self._taps.get(tap.where.port) is tap:
            del self._taps[tap.where.port]
            self._tune()
        tap.where = None
        tap.strange.clear()  # what came there may have been for whoever has the port now

    def snoop(self, tap: WireTap, why: Why, always: bool) -> Tap:
        self.unfit[why] += 1
        if always:
            self._unfit[tap.channel] = None
            while len(self._unfit) > _MOST_REMEMBERED:
                self._unfit.popitem(last=False)
        if why is not Why.KNOWN:
            log.info("a party is heard through a snoop: %s", why.value)
        return self._snoops.attach(tap.channel, tap.sink, tap.ended)

    def ask_again(self, tap: WireTap) -> None:
        self._spawn(self._start(tap))

    def read(self) -> None:
        self._ring.read(self._deliver)
        if self._ring.lost > self._lost:
            self._alarm(f"{self._ring.lost - self._lost} packets came faster than they were read, and are missing in recordings")
            self._lost = self._ring.lost
            for tap in self._taps.values():  # any of them may have been its
                tap.heard_at = max(tap.heard_at, self._ring.read_at)

    # ---- inside

    def _deliver(self, port: int, sender: bytes, payload: bytes | None, arrived: float) -> None:
        tap = self._taps.get(port)
        if tap is not None:  # else it came before the filter was told that nobody is listened to there any more
            tap.came(sender, payload, arrived)

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
                tap.to_snoop(Why.KERNEL)
            self.read()  # what comes as far as that does not stay there
            asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._tune)

    def _listen_later(self) -> None:
        self._due = time.monotonic() + LISTEN_SECONDS
        self._listening = asyncio.get_running_loop().call_later(LISTEN_SECONDS, self._listen)

    def _listen(self) -> None:
        calm = time.monotonic() - self._due < LATE_SECONDS
        self._listening = None
        if self._taps:
            self._listen_later()
        self.read()
        for tap in self._taps.values():
            # a mistake with one must not keep the others from being heard
            asyncio.get_running_loop().call_soon(tap.look, self._ring.read_at, calm)

    async def _start(self, tap: WireTap) -> None:
        where: Place | Elsewhere | AriRefused | AriUnreachable
        asked_at = time.monotonic()
        try:
            where = await place.ask(self._ari, tap.channel)
        except (AriRefused, AriUnreachable) as error:
            where = error
        if tap.stopped or tap.snooped:
            return
        if isinstance(where, Exception):
            tap.to_snoop(Why.NO_ANSWER)  # which may not come about either, but is tried again
        elif isinstance(where, Elsewhere):
            tap.to_snoop(where.why, always=True)
        elif self._full and tap.where is None:
            tap.to_snoop(Why.FULL)
        elif tap.where is not None and tap.where.port == where.port:
            self.read()
            tap.follow(where, asked_at)
        else:
            self.take_away(tap)
            tap.leave()
            self.heard += tap.heard_at == 0.0
            tap.heard_at = time.monotonic()
            self.put(tap, where)
