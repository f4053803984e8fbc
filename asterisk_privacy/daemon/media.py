"""The audio of one call: taps while the gate is open, quarantine, then the ring or the file. Carries out; decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from asterisk_privacy.asterisk.taps import Capture, Tap, TapSink
from asterisk_privacy.asterisk.time_limits import within
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS, SILENT_FRAME, Leg
from asterisk_privacy.audio.levels import is_heard
from asterisk_privacy.audio.marked import Marked
from asterisk_privacy.audio.quarantine import Block, Came, Quarantine, Times
from asterisk_privacy.audio.ring import Ring
from asterisk_privacy.audio.suspense import SilentHold, Suspense
from asterisk_privacy.audio.voice import Voice
from asterisk_privacy.daemon.filing import RecordingFile
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.lost_packets import LostPackets
from asterisk_privacy.daemon.silent_legs import AskLeg, SilentLegs, nobody_asked

log = logging.getLogger(__name__)

AT_ONCE_FRAMES = 5
"""A fresh tap begins with one or two frames of zeros (facts 13.4); what it hears within so many it would have heard before."""
CURE_SECONDS = 0.04
"""Between taking a tap away and putting a new one: a frame must pass without any hook on the channel (facts 11.4: at least 30 ms)."""
NEWS_SECONDS = 0.25
"""In which the reason why a tap ended (hang-up, hold, move) has normally arrived."""
LONGEST_PATIENCE_SECONDS = 30.0
CURED_SECONDS = 0.6
"""A tap put anew that hears a voice only later than this was no cure: the phone was silent by itself."""
MISSING_APART_SECONDS = 5.0
"""Moments at which a voice is missing are told once in so long a time."""
LAST_FRAMES_SECONDS = 3.0
"""How long sealing waits for the link to prove that nothing happened in the call's last second. After that it is dropped."""


@dataclass(slots=True)
class _Tapped:
    """One party's tap in the present stretch."""

    channel: str
    leg: Leg
    tap: Tap | None
    patience: float  # seconds of exact zeros before it is tapped afresh; doubles, since a muted phone looks the same
    least_patience: float  # after a voice was heard; doubles when the phone was silent by itself: each new tap costs the begin of a word
    zeros: int = 0
    anew: bool = False  # put anew, and nothing came from it yet
    anew_at: float | None = None  # when the first came; no voice was heard yet
    retry: float = NEWS_SECONDS  # until a tap that ended by itself is put anew; doubles
    number: int = 0  # of the tap; what comes late from an earlier one is not heard
    second: Tap | None = None  # beside a late one, until it goes on in its place
    second_number: int = 0
    last_number: int = 0
    voice: Voice = field(init=False)

    def next_number(self) -> int:
        self.last_number += 1
        return self.last_number


class CallMedia:
    """`silent_hold` is told of each hold that only the agent's phone knew of, when its begin is decided: R15. `silent_between_words`, once
    for each agent's phone, that it is dead silent then, so that its silence is not taken for a hold."""

    def __init__(
        self,
        customer: str,
        capture: Capture,
        new_ring: Callable[[], Ring],
        health: Health,
        blind_seconds: float,
        suspense: Suspense,
        silent_hold: Callable[[], None],
        silent_between_words: Callable[[], None] = lambda: None,
        ask_leg: AskLeg = nobody_asked,
    ) -> None:
        self._customer = customer
        self._capture = capture
        self._new_ring = new_ring
        self._ring = new_ring()
        self._keep_from = 0.0  # what began before this goes into no ring and no file any more
        self.marked = Marked(new_ring())
        self.marked.ring.save()  # the agent has asked for all that comes in there
        self._health = health
        self._blind_seconds = blind_seconds
        self._quarantine = Quarantine()
        self._suspense = suspense
        self._silent_hold = silent_hold
        self._silent_holds_seen = 0
        self._silent_between_words = silent_between_words
        self._told_so = False
        self.legs = SilentLegs(ask_leg, health, lambda channel: channel in self._agents and suspense.dead_between_words)
        self._lost = LostPackets(ask_leg, suspense)
        self._agents_in: deque[tuple[float, frozenset[str]]] = deque()  # since when they are in the conversation, or none
        self._agents: frozenset[str] = frozenset()  # of what left quarantine last
        self._stretch = 0
        self._tapped: dict[str, _Tapped] = {}
        self._file: RecordingFile | None = None
        self.kept_seconds = 0.0
        self.missing: list[float] = []  # moments at which a party's talk was lost on its way to us
        self.missing_seconds = 0.0
        self.heard = False  # more than digital silence

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

    def is_of(self, customer: str) -> None:
        """Whose microphone is the customer's; before it is opened."""
        self._customer = customer

    def open(self, at: float, parties: frozenset[str], customers: frozenset[str] = frozenset()) -> None:
        """`customers`: those of the parties who are heard on the customer's side."""
        self._stop_taps()
        self._stretch = self._quarantine.open(at)
        self._agents_in.append((at, parties - customers))
        self.legs.talk((self._customer, *parties))
        for channel in (self._customer, *sorted(parties)):
            leg = Leg.CUSTOMER if channel == self._customer or channel in customers else Leg.AGENT
            self._tapped[channel] = self._silent(self._stretch, _Tapped(channel, leg, None, self._blind_seconds, self._blind_seconds))
            self._attach(self._stretch, channel)

    def shut(self, at: float) -> None:
        self._quarantine.shut(at)
        self._stop_taps()

    def release(self, proven: float) -> None:
        """Lets out of quarantine what is certain to be conversation."""
        self._hear()
        told = min((min(t.tap.told_until, t.voice.told_until) for t in self._tapped.values() if t.tap is not None), default=proven)
        for began, block, came in self._quarantine.release(min(proven, told)):
            if self._is_with_agents(began):
                self._keep(self._suspense.take(began, block, came))
            else:  # two customers: that nothing comes from an agent's phone is no hold
                self._keep([*self._suspense.flush(), (began, block)])
        if not self._quarantine.busy:
            self._keep(self._suspense.flush())
        while self._silent_holds_seen < self._suspense.seen:
            self._silent_holds_seen += 1
            if not self.legs.no_hold(self._agents):
                self._silent_hold()
        self._lost.look(self._agents)
        if self._suspense.dead_between_words and not self._told_so:
            self._told_so = True
            self._silent_between_words()

    async def all_released(self, proven: Callable[[], float]) -> None:
        """Waits for the proof of the last second, and drops what is not proven in time."""
        self.release(proven())
        with suppress(TimeoutError):
            async with within(LAST_FRAMES_SECONDS):
                while self.busy:
                    await asyncio.sleep(0.05)
                    self.release(proven())

    def _is_with_agents(self, began: float) -> bool:
        while len(self._agents_in) > 1 and self._agents_in[1][0] <= began + 1e-6:
            self._agents_in.popleft()
        if self._agents_in and self._agents_in[0][1] != self._agents:
            self._agents, self._told_so = self._agents_in[0][1], False
            self._suspense.another_phone()
        return not self._agents_in or bool(self._agents)

    @property
    def silent_holds(self) -> tuple[SilentHold, ...]:
        """Those that have ended."""
        return tuple(self._suspense.holds)

    def _keep(self, certain: list[tuple[float, Block]]) -> None:
        for began, block in certain:
            self.kept_seconds += len(block) / 8000
            self.heard = self.heard or is_heard(block)
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
        self._quarantine.wipe()
        self._suspense.wipe()
        self._ring.wipe()
        self.marked.wipe()
        self._file = None

    def forget_file(self, at: float) -> None:
        """Nothing that began before `at` may be kept, but for the marked parts."""
        self._ring.wipe()
        self._keep_from = at
        self._file = None

    def _deliver(self, began: float, block: Block) -> None:
        late = began < self._keep_from - 1e-6
        if self._file is not None and not late:
            self._file.append(block)
            return
        if not late:
            self._ring.append(block)
        block.fill(0)

    def _hear(self) -> None:
        for tapped in self._tapped.values():
            for tap in (tapped.tap, tapped.second):
                if tap is not None:
                    tap.hear()

    def _stop_taps(self) -> None:
        self.legs.over()
        self._lost.over()
        for tapped in self._tapped.values():
            self._stop(tapped)
        self._tapped.clear()

    def _stop(self, tapped: _Tapped) -> None:
        for tap in (tapped.tap, tapped.second):
            if tap is not None:
                tap.stop()
        tapped.voice.end()
        tapped.tap = tapped.second = None

    def _attach(self, stretch: int, channel: str) -> None:
        tapped = self._tapped.get(channel)
        if stretch != self._stretch or tapped is None:
            return  # the conversation ended meanwhile
        tapped.zeros = 0
        tapped.number = tapped.next_number()
        sink: TapSink = partial(self._frames, stretch, tapped, tapped.number)
        tapped.tap = self._capture.attach(channel, sink, partial(self._ended, stretch, channel, tapped.number))

    def _attach_later(self, stretch: int, channel: str, delay: float) -> None:
        asyncio.get_running_loop().call_later(delay, self._attach, stretch, channel)

    def _silent(self, stretch: int, tapped: _Tapped) -> _Tapped:
        """Nothing was heard of this party yet."""

        def say(complete_at: float, samples: bytes, here_by: Times) -> None:
            self._quarantine.push(stretch, tapped.leg, tapped.channel, complete_at, samples, here_by)

        tapped.voice = Voice(say, self._misses, partial(self._beside, stretch, tapped), partial(self._settled, tapped))
        return tapped

    def _beside(self, stretch: int, tapped: _Tapped) -> bool:
        """A second tap beside a late one."""
        if stretch != self._stretch or tapped.tap is None or tapped.second is not None:
            return False
        number = tapped.next_number()
        tapped.second_number = number
        sink: TapSink = partial(self._frames, stretch, tapped, number)
        tapped.second = tapped.tap.beside(sink, partial(self._ended, stretch, tapped.channel, number))
        return tapped.second is not None

    def _settled(self, tapped: _Tapped, second: bool) -> None:
        over = tapped.tap if second else tapped.second
        if second:
            tapped.tap, tapped.number = tapped.second, tapped.second_number
        tapped.second = None
        if over is not None:
            over.stop()

    def _ended(self, stretch: int, channel: str, number: int) -> None:
        """A tap ended by itself. Usually the channel is gone or moved and that news is on its way; if it does not come, hear it again."""
        tapped = self._tapped.get(channel)
        if stretch != self._stretch or tapped is None:
            return
        if tapped.second is not None and number == tapped.second_number:
            tapped.second = None
            tapped.voice.without_second()
            return
        if number != tapped.number:
            return
        tapped.voice.end()
        if tapped.number != number:
            return  # the second goes on
        self._stop(tapped)
        asyncio.get_running_loop().call_later(tapped.retry, self._again, stretch, channel)

    def _again(self, stretch: int, channel: str) -> None:
        tapped = self._tapped.get(channel)
        if stretch != self._stretch or tapped is None:
            return
        self._health.alarm(Alarm.TAP_FAILED, "a tap ended in mid-conversation; it is put anew")
        tapped.retry = min(2 * tapped.retry, LONGEST_PATIENCE_SECONDS)
        self._attach(stretch, channel)

    def _frames(
        self, stretch: int, tapped: _Tapped, number: int, complete_at: float, samples: bytes,
        here_by: Times | None = None, came: Came | None = None,
    ) -> None:  # fmt: skip
        if tapped.second is not None and number == tapped.second_number:
            tapped.voice.take_second(complete_at, samples)
            return
        if number != tapped.number:
            return
        if tapped.tap is None or not tapped.tap.may_be_deaf:  # on the wire a phone tells its own clock, and may pause
            self._quarantine.push(stretch, tapped.leg, tapped.channel, complete_at, samples, here_by, came)
            return
        tapped.voice.take(complete_at, samples)
        silent = _silent_at_the_end(samples)
        if tapped.anew:
            tapped.anew, tapped.anew_at = False, complete_at
        if silent * FRAME_BYTES < len(samples):
            at_once = tapped.anew_at is not None and tapped.zeros + _silent_at_the_begin(samples) <= AT_ONCE_FRAMES
            self.legs.heard(tapped.channel, at_once)
            if tapped.anew_at is not None:
                cured = complete_at - tapped.anew_at <= CURED_SECONDS
                tapped.least_patience = self._blind_seconds if cured else min(2 * tapped.least_patience, LONGEST_PATIENCE_SECONDS)
            tapped.zeros, tapped.patience, tapped.anew_at = 0, tapped.least_patience, None
        tapped.zeros += silent
        since = complete_at - tapped.zeros * FRAME_SECONDS
        if tapped.zeros * FRAME_SECONDS >= tapped.patience / 2:
            self.legs.begins(tapped.channel, since)
        if tapped.zeros * FRAME_SECONDS >= tapped.patience:
            tapped.zeros, tapped.patience = 0, min(2 * tapped.patience, LONGEST_PATIENCE_SECONDS)
            self._stop(tapped)
            tapped.anew, tapped.anew_at = True, None
            self.legs.lasts(tapped.channel, since, complete_at)
            self._attach_later(stretch, tapped.channel, CURE_SECONDS)

    def _misses(self, at: float, seconds: float) -> None:
        self.missing_seconds += seconds
        if not self.missing or at - self.missing[-1] > MISSING_APART_SECONDS:
            self.missing.append(at)
            log.info("a voice is late or missing for a moment: this machine has more to do than it can")


def _silent_at_the_begin(samples: bytes) -> int:
    count = 0
    while samples[count * FRAME_BYTES : (count + 1) * FRAME_BYTES] == SILENT_FRAME:
        count += 1
    return count


def _silent_at_the_end(samples: bytes) -> int:
    """How many whole frames of exact zeros end it."""
    count = 0
    for end in range(len(samples), 0, -FRAME_BYTES):
        if samples[end - FRAME_BYTES : end] != SILENT_FRAME:
            break
        count += 1
    return count
