"""The audio of one call: taps while the gate is open, quarantine, then the ring or the file. Carries out; decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from asterisk_privacy.asterisk.taps import Capture, Hearing, Tap
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS, SILENT_FRAME, Leg
from asterisk_privacy.audio.marked import Marked
from asterisk_privacy.audio.quarantine import Block, Quarantine
from asterisk_privacy.audio.ring import Ring
from asterisk_privacy.audio.suspense import SilentHold, Suspense
from asterisk_privacy.daemon.filing import RecordingFile
from asterisk_privacy.daemon.health import Alarm, Health

log = logging.getLogger(__name__)

CURE_SECONDS = 0.04
"""Between taking a tap away and putting a new one: a frame must pass without any hook on the channel (facts 11.4: at least 30 ms)."""
NEWS_SECONDS = 0.25
"""In which the reason why a tap ended (hang-up, hold, move) has normally arrived."""
LONGEST_PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class _Tapped:
    """What is heard together in the present stretch, and by which tap."""

    hearing: Hearing
    tap: Tap | None = None
    count: int = 0  # of taps that it has had
    zeros: dict[Leg, int] = field(default_factory=dict)
    patience: dict[Leg, float] = field(default_factory=dict)
    """Seconds of exact zeros before it is tapped afresh; doubles, since a muted phone looks the same."""
    retry: float = NEWS_SECONDS  # until a tap that ended by itself is put anew; doubles

    @property
    def name(self) -> str:
        """Of the present tap, within the stretch."""
        return f"{self.hearing.channel}.{self.count}"


class CallMedia:
    """`silent_hold` is told of each hold that only the agent's phone knew of, when its begin is decided: R15."""

    def __init__(
        self,
        customer: str,
        capture: Capture,
        new_ring: Callable[[], Ring],
        health: Health,
        blind_seconds: float,
        suspense: Suspense,
        silent_hold: Callable[[], None],
    ) -> None:
        self._customer = customer
        self._capture = capture
        self._new_ring = new_ring
        self._ring = new_ring()
        self._ring_from = 0.0  # what began before this goes into no ring any more
        self.marked = Marked(new_ring())
        self.marked.ring.save()  # the agent has asked for all that comes in there
        self._health = health
        self._blind_seconds = blind_seconds
        self._quarantine = Quarantine()
        self._suspense = suspense
        self._silent_hold = silent_hold
        self._silent_holds_seen = 0
        self._stretch = 0
        self._late = False  # in the present stretch frames may come after what was told meanwhile
        self._tapped: dict[str, _Tapped] = {}
        self._file: RecordingFile | None = None
        self.kept_seconds = 0.0

    @property
    def taps(self) -> int:
        return sum(1 for t in self._tapped.values() if t.tap is not None)

    @property
    def ring_bytes(self) -> int:
        return self._ring.memory_bytes + self.marked.ring.memory_bytes

    @property
    def dropped_frames(self) -> int:
        """Of 20 ms, of one leg; those that came outside of conversation."""
        return self._quarantine.dropped

    @property
    def busy(self) -> bool:
        return self._quarantine.busy

    def open(self, at: float, parties: frozenset[str]) -> None:
        self._stop_taps()
        plan = self._capture.plan(self._customer, sorted(parties))
        self._stretch = self._quarantine.open(at, plan.late)
        self._late = plan.late > 0
        for hearing in plan.hearings:
            self._tapped[hearing.channel] = _Tapped(hearing)
            self._attach(self._stretch, hearing.channel)

    def shut(self, at: float) -> None:
        self._quarantine.shut(at)
        self._stop_taps()

    def release(self, proven: float) -> None:
        """Lets out of quarantine what is certain to be conversation."""
        self._hear()
        for began, block in self._quarantine.release(proven):
            self._keep(self._suspense.take(began, block))
        if not self._quarantine.busy:
            self._keep(self._suspense.flush())
        while self._silent_holds_seen < self._suspense.seen:
            self._silent_holds_seen += 1
            self._silent_hold()

    @property
    def silent_holds(self) -> tuple[SilentHold, ...]:
        """Those that have ended."""
        return tuple(self._suspense.holds)

    def _keep(self, certain: list[tuple[float, Block]]) -> None:
        for began, block in certain:
            self.kept_seconds += len(block) / 8000
            self.marked.take(began, block)
            self._deliver(began, block)

    def to_file(self, file: RecordingFile) -> Ring:
        """From now on audio goes to `file`. Returns the ring with all that was said before, which the file must write first."""
        ring, self._ring = self._ring, self._new_ring()
        ring.save()
        if ring.lost_seconds:
            self._health.alarm(Alarm.RING_FULL, f"{ring.lost_seconds:.0f} s of a kept call no longer fitted in memory")
        self._file = file
        return ring

    def wipe(self) -> None:
        """Forget every frame; the files, if any, are erased by whoever has them."""
        self._hear()  # what was said before this moment is not to be told after it
        self._tap_afresh(None)
        self._quarantine.wipe()
        self._suspense.wipe()
        self._ring.wipe()
        self.marked.wipe()
        self._file = None

    def forget_file(self, at: float) -> None:
        """Nothing that began before `at` may be kept, but for the marked parts."""
        self._tap_afresh(at)
        self._ring.wipe()
        self._ring_from = at
        self._file = None

    def mark_from(self, at: float) -> None:
        """The agent's "from here"."""
        self._tap_afresh(at)
        self.marked.from_here(at)

    def _deliver(self, began: float, block: Block) -> None:
        if self._file is not None:
            self._file.append(block)
            return
        if began >= self._ring_from - 1e-6:
            self._ring.append(block)
        block.fill(0)

    def _hear(self) -> None:
        for tapped in self._tapped.values():
            if tapped.tap is not None:
                tapped.tap.hear()

    def _tap_afresh(self, until: float | None) -> None:
        """Where frames come late, and perhaps are dated late, only a fresh tap is sure to tell nothing that was said before. What the old
        ones heard after `until` is dropped; all of it, if there is no such moment."""
        if not self._late:
            return
        for tapped in self._tapped.values():
            if tapped.tap is None:
                continue
            if until is None:
                tapped.tap.drop()
                tapped.tap = None
            else:
                for leg in tapped.hearing.legs:
                    self._quarantine.cut(self._stretch, leg, tapped.name, until)
                self._stop(tapped)
            self._attach(self._stretch, tapped.hearing.channel)

    def _stop(self, tapped: _Tapped) -> None:
        """What it has heard still comes."""
        tap, tapped.tap = tapped.tap, None
        if tap is not None:
            self._quarantine.await_tail(self._stretch, tapped.name)
            tap.stop(partial(self._quarantine.tail_came, self._stretch, tapped.name))

    def _stop_taps(self) -> None:
        for tapped in self._tapped.values():
            self._stop(tapped)
        self._tapped.clear()

    def _attach(self, stretch: int, channel: str) -> None:
        tapped = self._tapped.get(channel)
        if stretch != self._stretch or tapped is None:
            return  # the conversation ended meanwhile
        tapped.count += 1
        tapped.zeros.clear()
        sink = partial(self._frames, stretch, tapped, tapped.name)
        tapped.tap = self._capture.attach(tapped.hearing, sink, partial(self._ended, stretch, channel))

    def _attach_later(self, stretch: int, channel: str, delay: float) -> None:
        asyncio.get_running_loop().call_later(delay, self._attach, stretch, channel)

    def _ended(self, stretch: int, channel: str) -> None:
        """A tap ended by itself. Usually the channel is gone or moved and that news is on its way; if it does not come, hear it again."""
        tapped = self._tapped.get(channel)
        if stretch != self._stretch or tapped is None:
            return
        tapped.tap = None
        asyncio.get_running_loop().call_later(tapped.retry, self._again, stretch, channel)

    def _again(self, stretch: int, channel: str) -> None:
        tapped = self._tapped.get(channel)
        if stretch != self._stretch or tapped is None:
            return
        self._health.alarm(Alarm.TAP_FAILED, "a tap ended in mid-conversation; it is put anew")
        tapped.retry = min(2 * tapped.retry, LONGEST_PATIENCE_SECONDS)
        self._attach(stretch, channel)

    def _frames(self, stretch: int, tapped: _Tapped, name: str, leg: Leg, complete_at: float, samples: bytes) -> None:
        self._quarantine.push(stretch, leg, name, complete_at, samples)
        if tapped.name != name or tapped.tap is None:
            return  # the tail of one that was stopped
        silent = _silent_at_the_end(samples)
        if silent * FRAME_BYTES < len(samples):
            tapped.zeros[leg], tapped.patience[leg] = 0, self._blind_seconds
        tapped.zeros[leg] = tapped.zeros.get(leg, 0) + silent
        patience = tapped.patience.get(leg, self._blind_seconds)
        if tapped.zeros[leg] * FRAME_SECONDS >= patience:
            self._stop(tapped)
            tapped.patience[leg] = min(2 * patience, LONGEST_PATIENCE_SECONDS)
            self._health.alarms[Alarm.TAP_BLIND] += 1
            self._attach_later(stretch, tapped.hearing.channel, CURE_SECONDS)


def _silent_at_the_end(samples: bytes) -> int:
    """How many whole frames of exact zeros end it."""
    count = 0
    for end in range(len(samples), 0, -FRAME_BYTES):
        if samples[end - FRAME_BYTES : end] != SILENT_FRAME:
            break
        count += 1
    return count
