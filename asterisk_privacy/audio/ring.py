"""The RAM-only ring of one call: G.711 µ-law stereo, interleaved, 16,000 bytes a second of conversation.

It grows in segments so that a short call costs little; at its maximum it becomes circular and counts what it lost. Releasing it zeroes
every byte before the memory goes back (a freed page would otherwise keep the voices until somebody else overwrites it).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import RATE

BYTES_PER_SECOND = 2 * RATE
SEGMENT_SECONDS = 30
SEGMENT_BYTES = SEGMENT_SECONDS * BYTES_PER_SECOND


class RingMemory:
    """What all rings together hold and may hold, in bytes. Shared by the rings of all calls."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._lock = threading.Lock()  # a ring is drained into its file in a thread of its own

    def take(self, amount: int) -> bool:
        with self._lock:
            if self.used + amount > self.limit:
                return False
            self.used += amount
            return True

    def give_back(self, amount: int) -> None:
        with self._lock:
            self.used -= amount


class Ring:
    """Append blocks of int16 stereo; read back whole. At most `max_seconds`, or less if `memory` is exhausted."""

    def __init__(self, max_seconds: float, memory: RingMemory) -> None:
        self._max_segments = max(1, int(max_seconds // SEGMENT_SECONDS))
        self._memory = memory
        self._segments: deque[npt.NDArray[np.uint8]] = deque()
        self._fill = 0  # bytes used in the last segment
        self.lost_seconds = 0.0

    @property
    def seconds(self) -> float:
        if not self._segments:
            return 0.0
        return ((len(self._segments) - 1) * SEGMENT_BYTES + self._fill) / BYTES_PER_SECOND

    @property
    def memory_bytes(self) -> int:
        return len(self._segments) * SEGMENT_BYTES

    def append(self, block: npt.NDArray[np.int16]) -> None:
        """`block`: int16, shape (n, 2)."""
        encoded = data = ulaw.encode(block.reshape(-1))
        while data.size:
            if not self._segments or self._fill == SEGMENT_BYTES:
                if not self._next_segment():
                    self.lost_seconds += data.size / BYTES_PER_SECOND
                    break
                self._fill = 0
            part = data[: SEGMENT_BYTES - self._fill]
            self._segments[-1][self._fill : self._fill + part.size] = part
            self._fill += part.size
            data = data[part.size :]
        encoded.fill(0)

    def _next_segment(self) -> bool:
        if len(self._segments) < self._max_segments and self._memory.take(SEGMENT_BYTES):
            self._segments.append(np.zeros(SEGMENT_BYTES, dtype=np.uint8))
            return True
        if not self._segments:
            return False
        oldest = self._segments.popleft()
        oldest.fill(0)
        self.lost_seconds += SEGMENT_SECONDS
        self._segments.append(oldest)
        return True

    def drain(self) -> Iterator[npt.NDArray[np.int16]]:
        """All that is held, oldest first, as int16 blocks of shape (n, 2). Each segment is zeroed and given back once its block was
        taken; a generator that is not exhausted leaves the rest for `wipe`, which another thread may call meanwhile."""
        while True:
            try:
                segment = self._segments.popleft()
            except IndexError:
                break
            used = SEGMENT_BYTES if self._segments else self._fill
            try:
                yield ulaw.decode(segment[:used]).reshape(-1, 2)
            finally:
                self._release(segment)
        self._fill = 0

    def wipe(self) -> None:
        """Zero and give back every segment. The ring can be used again."""
        while True:
            try:
                self._release(self._segments.popleft())
            except IndexError:
                break
        self._fill = 0
        self.lost_seconds = 0.0

    def _release(self, segment: npt.NDArray[np.uint8]) -> None:
        segment.fill(0)
        self._memory.give_back(SEGMENT_BYTES)
