"""The marked parts of one call: of all that leaves quarantine, only whole frames between from-here and to-here are remembered (R10)."""

from __future__ import annotations

from math import ceil, floor, inf

from asterisk_privacy.audio.frames import FRAME_SAMPLES, FRAME_SECONDS
from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.audio.ring import Ring


class Marked:
    """Keys are known before the frames that they concern leave quarantine, as holds are."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self._ranges: list[tuple[float, float]] = []

    def from_here(self, at: float) -> None:
        self._ranges.append((at, inf))

    def to_here(self, at: float) -> None:
        if self._ranges:
            self._ranges[-1] = (self._ranges[-1][0], at)

    def take(self, began: float, block: Block) -> None:
        """`block`: int16, shape (n * 160, 2), whose first sample is of `began`. It is copied, not taken over."""
        # as call.timeline.marked_slots, which tells where in the call this audio was
        count = len(block) // FRAME_SAMPLES
        for begin, end in self._ranges:
            first = max(0, ceil((begin - began) / FRAME_SECONDS - 1e-6))
            last = count if end == inf else min(count, floor((end - began) / FRAME_SECONDS + 1e-6) - 1)
            if first < last:
                self.ring.append(block[first * FRAME_SAMPLES : last * FRAME_SAMPLES])

    def wipe(self) -> None:
        self._ranges.clear()
        self.ring.wipe()
