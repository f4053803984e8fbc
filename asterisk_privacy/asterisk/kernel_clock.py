"""When something came, by the kernel's note of it, on the monotonic clock: for who looks at a socket or a ring only now and then.

The kernel's notes are of the wall clock, which may be set. So a note is believed only if it lies after the look before, which left nothing
behind, and if the clock was not set in between. Else all counts as having come at this look: late, but never too early.
"""

from __future__ import annotations

import time
from typing import Final

SAME_CLOCK: Final = 0.002
"""Seconds that the two clocks may move against each other between looks; and that a note may seem to precede the look before."""
_AT_ONCE: Final = 0.0002
_TRIES: Final = 3


class KernelClock:
    def __init__(self) -> None:
        self.now, self._apart = _clocks()
        self._before, self._same = self.now, True

    def look(self) -> None:
        """To be called at each reading, before notes of it are asked for. `now`, on the monotonic clock, is the moment of the last."""
        self._before = self.now
        self.now, apart = _clocks()
        self._same = abs(apart - self._apart) < SAME_CLOCK
        self._apart = apart

    def came(self, seconds: int, nanoseconds: int) -> float:
        """Of a note of this reading (struct timespec)."""
        at = seconds + nanoseconds / 1e9 - self._apart
        if not self._same or at < self._before - SAME_CLOCK:
            return self.now
        return at if at <= self.now else min(at, time.monotonic())


def _clocks() -> tuple[float, float]:
    """The monotonic clock, and by how much the wall clock is ahead of it: a little less, where this process was kept from looking at both
    at once. What came then seems to have come later, never earlier."""
    for _ in range(_TRIES):
        before, wall, now = time.monotonic(), time.time(), time.monotonic()
        if now - before < _AT_ONCE:
            break
    return now, wall - now
