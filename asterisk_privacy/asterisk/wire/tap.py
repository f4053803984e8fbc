"""One party's RTP on the wire, and the snoop that takes its place where the wire does not do.

Asterisk is asked where a party's RTP comes to, and asked again whenever what comes does not go on as it did (fit.py), comes from
elsewhere, or stays away. Until it has answered, nothing of that is told; what had come meanwhile is told then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final, Protocol

import numpy as np

from asterisk_privacy.asterisk.taps import Tap, TapSink
from asterisk_privacy.asterisk.wire import rtp
from asterisk_privacy.asterisk.wire.fit import Fit
from asterisk_privacy.asterisk.wire.place import Place, Why
from asterisk_privacy.asterisk.wire.stream import Run, Stream

QUIET_SECONDS: Final = 1.0
LONGEST_QUIET_SECONDS: Final = 30.0
ASK_AGAIN_SECONDS: Final = 0.4
"""Packets from elsewhere: the phone may have told Asterisk a new address."""
TELL_SECONDS: Final = 0.6
"""Packets wait for whoever needs them, at most so long: few large pieces cost less than many small ones."""
MARGIN_SECONDS: Final = 0.04
"""A packet counts as having come so much later: Asterisk dates a hold a little after it came, and has to be believed."""
MOST_DOUBTS: Final = 20
"""Of one tap. What goes on differently more often than that is left to Asterisk."""
_STRANGE: Final = 50
"""So many packets from elsewhere wait for that answer: a second. A phone behind NAT is known to Asterisk by its first packets only."""
_PLACED_BEFORE: Final = 0.5
"""Seconds. A packet's sound may belong so long before it came."""


class Wires(Protocol):
    """What a tap asks of its capture."""

    def read(self) -> None: ...

    def take_away(self, tap: WireTap) -> None: ...

    def snoop(self, tap: WireTap, why: Why, always: bool) -> Tap: ...

    def ask_again(self, tap: WireTap) -> None: ...


class WireTap:
    def __init__(self, capture: Wires, channel: str, sink: TapSink, ended: Callable[[], None]) -> None:
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
        self._quiet = QUIET_SECONDS  # until Asterisk is asked; doubles
        self._stream = Stream()
        self._fit = Fit()
        self._doubting = False  # whether what waits does not go on as before
        self._doubts = 0
        self._any = False
        self._snoop: Tap | None = None

    @property
    def snooped(self) -> bool:
        return self._snoop is not None

    @property
    def may_be_deaf(self) -> bool:
        return self._snoop is not None and self._snoop.may_be_deaf

    @property
    def told_until(self) -> float:
        if self._snoop is not None:
            return self._snoop.told_until
        return self.waiting[0].arrived - _PLACED_BEFORE if self._doubting and self.waiting else inf

    def beside(self, sink: TapSink, ended: Callable[[], None]) -> Tap | None:
        return self._snoop.beside(sink, ended) if self._snoop is not None else None

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

    def came(self, sender: bytes, payload: bytes | None, arrived: float) -> None:
        """A packet to its port."""
        if self.where is None or self.where.sender != sender:
            packet = rtp.parse(payload, arrived) if payload is not None else None
            if packet is not None:
                self.strange.append((sender, packet))
        elif payload is None:
            self.to_snoop(Why.TOO_LONG, always=True)
        elif (packet := rtp.parse(payload, arrived)) is not None:
            self.waiting.append(packet)

    def look(self, now: float, calm: bool) -> None:
        """Now and then: tells what nobody asked for, and looks whether this still does.

        `now`: when the ring was read. Not `calm`: this process has more to do than it can, and nothing is begun that costs more.
        """
        if self.stopped or self.snooped or self.where is None:
            return
        if self.waiting:
            self._is_heard(self.waiting[-1].arrived)
            if now - self.waiting[0].arrived > TELL_SECONDS or self._fit.is_other(self.waiting[-1]):
                self._tell()
        silent = now - self.heard_at
        if not calm or self.stopped or self.snooped:
            return
        if silent > QUIET_SECONDS and (self.strange or not self._any):
            self.to_snoop(Why.ELSEWHERE if self.strange else Why.QUIET, always=not self._any)
        elif silent > self._quiet:  # muted, perhaps: that is no reason for a snoop, but Asterisk may know better
            self._quiet = min(2 * self._quiet, LONGEST_QUIET_SECONDS)
            self._capture.ask_again(self)
        elif self.strange and silent > ASK_AGAIN_SECONDS / 2 and now - self._asked_at > ASK_AGAIN_SECONDS:
            self._asked_at = now
            self._capture.ask_again(self)

    def _is_heard(self, at: float) -> None:
        self.heard_at, self._any, self._quiet = max(self.heard_at, at), True, QUIET_SECONDS

    def follow(self, where: Place, asked_at: float) -> None:
        """Asterisk was asked again, and speaks to this address now. What came from there meanwhile was its voice; what came from elsewhere
        never is."""
        self.where = where
        known = [packet for sender, packet in self.strange if sender == where.sender]
        self.strange.clear()
        if known:
            self.waiting = sorted(self.waiting + known, key=lambda packet: packet.arrived)
        count = sum(packet.arrived <= asked_at for packet in self.waiting)
        if self._doubting and count:  # else this is the answer to an earlier question
            self._believe(count)

    def _believe(self, count: int) -> None:
        """The first `count` packets that wait are G.711 in clear, says Asterisk. It said so perhaps before the others came."""
        self._doubting = False
        packets, self.waiting = self.waiting[:count], self.waiting[count:]
        try:
            runs = list(self._stream.take(packets)) if self._fit.begin_anew(packets) else None
        except rtp.Unfit:
            self.to_snoop(Why.PAYLOAD, always=True)
            return
        if runs is None:
            self.to_snoop(Why.UNCLEAR, always=True)
        for run in runs or ():
            self._say(run)

    def leave(self) -> None:
        """Asterisk hears it at another port now. What is in doubt may have been for whoever has the former one."""
        if self._doubting:
            self._doubting = False
            self.waiting.clear()
        self._fit = Fit()

    def to_snoop(self, why: Why, always: bool = False) -> None:
        if not self.stopped and self._snoop is None:
            self._capture.take_away(self)
            self.waiting.clear()
            self._snoop = self._capture.snoop(self, why, always)

    def _tell(self) -> None:
        if self._doubting or not self.waiting:
            return
        packets, self.waiting = self.waiting, []
        self._is_heard(packets[-1].arrived)
        run = self._stream.in_step(packets)
        if run is not None:
            self._fit.went_on(packets[-1])
            self._say(run)
            return
        try:
            fitting = self._fit.count(packets)
            runs = list(self._stream.take(packets[:fitting]))
        except rtp.Unfit:
            self.to_snoop(Why.PAYLOAD, always=True)
            return
        self._doubting, self.waiting = fitting < len(packets), packets[fitting:]
        for run in runs:
            self._say(run)
        if self._doubting and not self.stopped:
            self._doubt()

    def _doubt(self) -> None:
        self._doubts += 1
        if self._doubts > MOST_DOUBTS:
            self.to_snoop(Why.UNSTEADY, always=True)
        else:
            self._capture.ask_again(self)

    def _say(self, run: Run) -> None:
        self.sink(run.complete_at, run.samples, run.here_by + np.float64(MARGIN_SECONDS), run.came)
