"""Where frames wait for late news, and the gate through which they leave (DESIGN.md, the way of a call, 4).

One stretch is one conversation without interruption: opened, fed by taps, ended. An end that becomes known late still drops the frames
that it covers, since they are still here. Frames get a slot on the stretch's own 20 ms grid, both legs on the same grid, so that the
two columns stay aligned and a stretch's audio is exactly as long as the stretch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, Leg

Block = npt.NDArray[np.int16]
"""Shape (samples, 2): left the customer, right the agents."""

BEHIND_SLOTS = 3  # a source this far behind its arrivals lost frames: jump ahead, leaving silence
AHEAD_SLOTS = 2  # a source this far ahead of time sent too many: drop one
_SAME_MOMENT = 1e-7  # seconds: sums of times are not exact

Times = npt.NDArray[np.float64]
"""Seconds on the monotonic clock, one for each frame."""
Came = npt.NDArray[np.bool_]
"""Of each frame: whether it came, or stands for one that never did."""


class Piece(NamedTuple):
    """What leaves. `came`: of the agents' leg."""

    began: float
    block: Block
    came: Came


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames read at once: of consecutive slots from `slot` on."""

    slot: int
    here_by: Times  # never falling
    samples: npt.NDArray[np.int16]  # (count, FRAME_SAMPLES)
    came: Came

    def __len__(self) -> int:
        return len(self.samples)

    def part(self, first: int, last: int | None = None) -> _Frames:
        """From the `first` to the `last` (excluded) of them."""
        return _Frames(self.slot + first, self.here_by[first:last], self.samples[first:last], self.came[first:last])

    def complete_by(self, moment: float) -> int:
        """How many of them were complete then."""
        return int(np.searchsorted(self.here_by, moment + _SAME_MOMENT, side="right"))


@dataclass(slots=True)
class _Line:
    """One tap's place on the grid."""

    next_slot: int | None = None
    waiting: deque[_Frames] = field(default_factory=deque)

    def take(self, until: int) -> Iterator[_Frames]:
        """Those of slots before `until`."""
        while self.waiting and self.waiting[0].slot < until:
            frames = self.waiting.popleft()
            if frames.slot + len(frames) > until:
                self.waiting.appendleft(frames.part(until - frames.slot))
                frames = frames.part(0, until - frames.slot)
            yield frames


@dataclass(slots=True)
class _Stretch:
    number: int
    began: float
    ended: float | None = None
    released: int = 0  # slots that have left
    lines: dict[tuple[Leg, str], _Line] = field(default_factory=dict)

    def slots_until(self, moment: float) -> int:
        return max(0, int((moment - self.began) / FRAME_SECONDS + 1e-6))

    def here_until(self, moment: float, until: int) -> int:
        """`until`, or the first slot before it whose frame came after `moment`."""
        for line in self.lines.values():
            for frames in line.waiting:
                if frames.slot >= until:
                    break
                if frames.here_by[-1] > moment:
                    until = min(until, frames.slot + frames.complete_by(moment))
        return until


class Quarantine:
    """Frames of one call. Times are seconds on the daemon's monotonic clock, handed in."""

    def __init__(self) -> None:
        self._stretches: deque[_Stretch] = deque()
        self._count = 0
        self.dropped = 0  # frames that came in no conversation
        self.corrected = 0  # jumps and drops to keep a line on the grid

    def open(self, at: float) -> int:
        """Conversation from `at` on. Returns the stretch's number, to be given with each of its frames."""
        self.shut(at)
        self._count += 1
        self._stretches.append(_Stretch(self._count, at))
        return self._count

    def shut(self, at: float) -> None:
        """The conversation ended at `at`, perhaps a little ago and before the present stretch began: earlier stretches that are still
        here end then too. The earliest end that is told counts."""
        for stretch in self._stretches:
            stretch.ended = at if stretch.ended is None else min(stretch.ended, at)

    def push(
        self, stretch: int, leg: Leg, tap: str, complete_at: float, samples: bytes, here_by: Times | None = None, came: Came | None = None
    ) -> int:
        """Takes frames of `FRAME_BYTES` bytes that were read at once, the last of them complete at `complete_at` at the latest, and each
        before it 20 ms before the next: never earlier than the truth, so that a frame which seems to precede a hold does. Where a source
        knows better when each was here, it says so by `here_by`, and by `came` which are silence for what was lost. What belongs to no open
        stretch is dropped here.

        Returns by how many frames the line was corrected: so much silence stands in front of these, or so many of them were dropped."""
        count = max(1, len(samples) // FRAME_BYTES)
        target = self._stretches[-1] if self._stretches else None
        if target is None or target.number != stretch or len(samples) != count * FRAME_BYTES:
            self.dropped += count
            return 0
        line = target.lines.setdefault((leg, tap), _Line())
        # a frame is complete 20 ms after its first sample; what began before the stretch is none of it
        arrived_slot = floor((complete_at - target.began) / FRAME_SECONDS + 1e-6) - count
        early = min(count, max(0, -arrived_slot))
        self.dropped += early
        if early == count:
            return 0
        arrived_slot += early
        slot = arrived_slot if line.next_slot is None else line.next_slot
        over = behind = 0
        if arrived_slot - slot > BEHIND_SLOTS:
            behind = arrived_slot - slot
            slot = arrived_slot
            self.corrected += 1
        elif slot - arrived_slot > AHEAD_SLOTS:
            over = min(count - early, slot - arrived_slot - AHEAD_SLOTS)
            self.corrected += over
            self.dropped += over
        skipped = early + over
        if skipped == count:
            return over
        line.next_slot = slot + count - skipped
        whole = np.frombuffer(samples, dtype="<i2").reshape(count, FRAME_SAMPLES)
        times = complete_at - FRAME_SECONDS * np.arange(count, dtype=np.float64)[::-1] if here_by is None else here_by
        there = np.ones(count, np.bool_) if came is None else came
        line.waiting.append(_Frames(slot, times[skipped:], whole[skipped:], there[skipped:]))
        return behind + over

    def release(self, proven: float) -> list[Piece]:
        """All audio of which it is now certain that it was conversation: complete before `proven`, until which every event is known.
        Each stretch's audio comes in order, silence where nothing arrived; in front of each block stands when it began."""
        blocks: list[Piece] = []
        while self._stretches:
            stretch = self._stretches[0]
            ended = stretch.ended is not None and stretch.ended <= proven
            # a line may run BEHIND_SLOTS and part of one more behind its arrivals, so a slot is certain only that much later
            certain = stretch.ended if ended and stretch.ended is not None else proven - (BEHIND_SLOTS + 1) * FRAME_SECONDS
            until = stretch.slots_until(certain)
            if not ended:
                until = stretch.here_until(proven, until)  # a frame may have its place long before it came
            if until > stretch.released:
                blocks.append(Piece(stretch.began + stretch.released * FRAME_SECONDS, *self._mix(stretch, until)))
                stretch.released = until
            if not ended:
                break
            self.dropped += sum(len(frames) for line in stretch.lines.values() for frames in line.waiting)
            self._stretches.popleft()
        return blocks

    def _mix(self, stretch: _Stretch, until: int) -> tuple[Block, Came]:
        first, count = stretch.released, until - stretch.released
        mixed = np.zeros((count, FRAME_SAMPLES, 2), dtype=np.int16)
        came = np.zeros(count, dtype=np.bool_)
        heard: set[Leg] = set()
        for (leg, _tap), line in stretch.lines.items():
            column = mixed[:, :, leg.value]
            for frames in line.take(until):
                certain = frames if stretch.ended is None else frames.part(0, frames.complete_by(stretch.ended))
                kept = certain.part(max(0, first - certain.slot))
                self.dropped += len(frames) - len(kept)
                place = column[kept.slot - first :][: len(kept)]
                if leg is Leg.AGENT:
                    came[kept.slot - first :][: len(kept)] |= kept.came
                if leg in heard:  # several agents share the right column
                    place[:] = np.clip(place.astype(np.int32) + kept.samples, -32768, 32767)
                else:
                    place[:] = kept.samples
            heard.add(leg)
        return mixed.reshape(-1, 2), came

    def wipe(self) -> None:
        """Forget all frames, and every stretch that has ended; an open one stays open."""
        while self._stretches and self._stretches[0].ended is not None:
            self._stretches.popleft()
        for stretch in self._stretches:
            for line in stretch.lines.values():
                line.waiting.clear()

    @property
    def busy(self) -> bool:
        """Whether a stretch is open or not yet released to its end."""
        return bool(self._stretches)

    @property
    def waiting_frames(self) -> int:
        return sum(len(frames) for stretch in self._stretches for line in stretch.lines.values() for frames in line.waiting)
