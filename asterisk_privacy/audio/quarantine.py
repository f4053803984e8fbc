"""Where frames wait for late news, and the gate through which they leave (DESIGN.md, the way of a call, 4).

One stretch is one conversation without interruption: opened, fed by taps, ended. An end that becomes known late still drops the frames
that it covers, since they are still here. Frames get a slot on the stretch's own 20 ms grid, both legs on the same grid, so that the
two columns stay aligned and a stretch's audio is exactly as long as the stretch.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import floor

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS, Leg

Block = npt.NDArray[np.int16]
"""Shape (samples, 2): left the customer, right the agents."""

BEHIND_SLOTS = 3  # a source this far behind its arrivals lost frames: jump ahead, leaving silence
AHEAD_SLOTS = 2  # a source this far ahead of time sent too many: drop one


@dataclass(slots=True)
class _Line:
    """One tap's place on the grid."""

    next_slot: int | None = None
    waiting: deque[tuple[int, float, bytes]] = field(default_factory=deque)  # slot, complete at, samples


@dataclass(slots=True)
class _Stretch:
    number: int
    began: float
    ended: float | None = None
    released: int = 0  # slots that have left
    lines: dict[tuple[Leg, str], _Line] = field(default_factory=dict)

    def slots_until(self, moment: float) -> int:
        return max(0, int((moment - self.began) / FRAME_SECONDS + 1e-6))


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

    def push(self, stretch: int, leg: Leg, tap: str, complete_at: float, samples: bytes) -> None:
        """Takes one frame of `FRAME_BYTES` bytes. What belongs to no open stretch is dropped here."""
        target = self._stretches[-1] if self._stretches else None
        if target is None or target.number != stretch or len(samples) != FRAME_BYTES:
            self.dropped += 1
            return
        line = target.lines.setdefault((leg, tap), _Line())
        # a frame is complete 20 ms after its first sample; what began before the stretch is none of it
        arrived_slot = floor((complete_at - target.began) / FRAME_SECONDS + 1e-6) - 1
        if arrived_slot < 0:
            self.dropped += 1
            return
        slot = arrived_slot if line.next_slot is None else line.next_slot
        if arrived_slot - slot > BEHIND_SLOTS:
            slot = arrived_slot
            self.corrected += 1
        elif slot - arrived_slot > AHEAD_SLOTS:
            self.corrected += 1
            self.dropped += 1
            return
        line.next_slot = slot + 1
        line.waiting.append((slot, complete_at, samples))

    def release(self, proven: float) -> list[tuple[float, Block]]:
        """All audio of which it is now certain that it was conversation: complete before `proven`, until which every event is known.
        Each stretch's audio comes in order, silence where nothing arrived; in front of each block stands when it began."""
        blocks: list[tuple[float, Block]] = []
        while self._stretches:
            stretch = self._stretches[0]
            ended = stretch.ended is not None and stretch.ended <= proven
            # a line may run BEHIND_SLOTS and part of one more behind its arrivals, so a slot is certain only that much later
            certain = stretch.ended if ended and stretch.ended is not None else proven - (BEHIND_SLOTS + 1) * FRAME_SECONDS
            until = stretch.slots_until(certain)
            if until > stretch.released:
                blocks.append((stretch.began + stretch.released * FRAME_SECONDS, self._mix(stretch, until)))
                stretch.released = until
            if not ended:
                break
            self.dropped += sum(len(line.waiting) for line in stretch.lines.values())
            self._stretches.popleft()
        return blocks

    def _mix(self, stretch: _Stretch, until: int) -> Block:
        first, count = stretch.released, until - stretch.released
        mixed = np.zeros((count, FRAME_SAMPLES, 2), dtype=np.int16)
        taken = np.zeros((count, 2), dtype=bool)
        for (leg, _tap), line in stretch.lines.items():
            while line.waiting and line.waiting[0][0] < until:
                slot, complete_at, samples = line.waiting.popleft()
                if slot < first or (stretch.ended is not None and complete_at > stretch.ended):
                    self.dropped += 1
                    continue
                frame = np.frombuffer(samples, dtype="<i2")
                row, column = slot - first, leg.value
                if taken[row, column]:  # several agents share the right column
                    frame = np.clip(mixed[row, :, column].astype(np.int32) + frame, -32768, 32767).astype(np.int16)
                mixed[row, :, column] = frame
                taken[row, column] = True
        return mixed.reshape(-1, 2)

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
        return sum(len(line.waiting) for stretch in self._stretches for line in stretch.lines.values())
