"""The RAM-only ring of one call: G.711 µ-law stereo, interleaved, 16,000 bytes a second of conversation.

It grows in segments so that a short call costs little; at its maximum it becomes circular and counts what it lost. Where all rings
together have reached theirs, the oldest segment of any call that nobody has saved yet goes for a new one, whoever needs it: so each call
keeps what was said last, and none is shut out. Releasing a segment zeroes every byte before the memory goes back (a freed page would
otherwise keep the voices until somebody else overwrites it).
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import RATE

BYTES_PER_SECOND = 2 * RATE
SEGMENT_SECONDS = 30
SEGMENT_BYTES = SEGMENT_SECONDS * BYTES_PER_SECOND


class RingMemory:
    """What all rings together hold and may hold, in bytes. Shared by the rings of all calls. `full` is called once for each ring that loses
    something since the others need room."""

    def __init__(self, limit: int, full: Callable[[], None] = lambda: None) -> None:
        self.limit = limit
        self.used = 0
        self.full = full
        self._yielding: set[Ring] = set()  # that hold something, and give it up for others
        self._tickets = itertools.count()
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

    def make_room(self, ring: Ring) -> int | None:
        """Takes a segment for `ring`, and from others the oldest of theirs if there is no other way. How old it is, as a number that grows;
        None where there is nothing older than what `ring` holds itself."""
        while not self.take(SEGMENT_BYTES):
            oldest = min(self._yielding, key=Ring.age, default=ring)
            if oldest is ring:
                return None
            oldest.forget_oldest()
        if ring.yields:
            self._yielding.add(ring)
        return self.next_ticket()

    def next_ticket(self) -> int:
        return next(self._tickets)

    def holds_nothing(self, ring: Ring) -> None:
        """Or nothing that it would give up."""
        self._yielding.discard(ring)


class Ring:
    """Append blocks of int16 stereo; read back whole. At most `max_seconds`, or less if `memory` is exhausted."""

    def __init__(self, max_seconds: float, memory: RingMemory) -> None:
        self.yields = True
        """Its oldest audio is given up where another ring needs the room."""
        self._max_segments = max(1, int(max_seconds // SEGMENT_SECONDS))
        self._memory = memory
        self._segments: deque[npt.NDArray[np.uint8]] = deque()
        self._tickets: deque[int] = deque()  # of each segment
        self._fill = 0  # bytes used in the last segment
        self._told = False
        self.lost_seconds = 0.0

    @property
    def seconds(self) -> float:
        if not self._segments:
            return 0.0
        return ((len(self._segments) - 1) * SEGMENT_BYTES + self._fill) / BYTES_PER_SECOND

    @property
    def memory_bytes(self) -> int:
        return len(self._segments) * SEGMENT_BYTES

    def age(self) -> int:
        """Of its oldest segment: smaller is older. Only for a ring that holds something."""
        return self._tickets[0]

    def save(self) -> None:
        """Somebody wants this call: from now on nothing of it is given up for others."""
        self.yields = False
        self._memory.holds_nothing(self)

    def forget_oldest(self) -> None:
        """A segment, so that another call can go on."""
        self._lost(SEGMENT_SECONDS if len(self._segments) > 1 else self._fill / BYTES_PER_SECOND)
        self._tickets.popleft()
        self._release(self._segments.popleft())
        if not self._segments:
            self._fill = 0
            self._memory.holds_nothing(self)

    def append(self, block: npt.NDArray[np.int16]) -> None:
        """`block`: int16, shape (n, 2)."""
        encoded = data = ulaw.encode(block.reshape(-1))
        while data.size:
            if not self._segments or self._fill == SEGMENT_BYTES:
                if not self._next_segment():
                    self._lost(data.size / BYTES_PER_SECOND)
                    break
                self._fill = 0
            part = data[: SEGMENT_BYTES - self._fill]
            self._segments[-1][self._fill : self._fill + part.size] = part
            self._fill += part.size
            data = data[part.size :]
        encoded.fill(0)

    def _next_segment(self) -> bool:
        ticket = self._memory.make_room(self) if len(self._segments) < self._max_segments else None
        if ticket is not None:
            self._segments.append(np.zeros(SEGMENT_BYTES, dtype=np.uint8))
            self._tickets.append(ticket)
            return True
        if not self._segments:
            return False
        if len(self._segments) < self._max_segments:
            self._lost(SEGMENT_SECONDS)
        else:
            self.lost_seconds += SEGMENT_SECONDS  # a long call, as configured
        self._segments[0].fill(0)
        self._segments.rotate(-1)
        self._tickets.popleft()
        self._tickets.append(self._memory.next_ticket())
        return True

    def _lost(self, seconds: float) -> None:
        self.lost_seconds += seconds
        if not self._told:
            self._told = True
            self._memory.full()

    def drain(self) -> Iterator[npt.NDArray[np.int16]]:
        """All that is held, oldest first, as int16 blocks of shape (n, 2). `save` it before, so that nobody takes of it meanwhile. Each
        segment is zeroed and given back once its block was taken; a generator that is not exhausted leaves the rest for `wipe`, which
        another thread may call meanwhile."""
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
        self._tickets.clear()
        self._fill = 0

    def wipe(self) -> None:
        """Zero and give back every segment. The ring can be used again."""
        while True:
            try:
                self._release(self._segments.popleft())
            except IndexError:
                break
        self._tickets.clear()
        self._memory.holds_nothing(self)
        self._fill = 0
        self._told = False
        self.lost_seconds = 0.0

    def _release(self, segment: npt.NDArray[np.uint8]) -> None:
        segment.fill(0)
        self._memory.give_back(SEGMENT_BYTES)
