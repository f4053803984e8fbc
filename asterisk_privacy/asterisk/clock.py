"""From Asterisk's wall-clock stamps to the daemon's monotonic clock, trusting them only as far as they make sense.

The two clocks need not agree: Asterisk may run on another host, and either clock may be set while calls go on. A stamp that is taken for
later than it was makes a hold begin too late, which keeps what was said to nobody. So how far Asterisk's clock is ahead is measured, by
questions whose answers Asterisk stamps, and whatever contradicts the measurement dates events as early as can be until the next one.
"""

from __future__ import annotations

import time
from datetime import datetime
from math import inf

SLACK = 0.02
"""Seconds of disagreement that mean nothing: a frame. Asterisk's stamps are whole milliseconds."""
DRIFT = 0.0005
"""The most that a clock strays from another in one second while it is only steered (adjtimex(2): 500 ppm)."""


def stamp_seconds(timestamp: str) -> float | None:
    """ARI's `2026-11-22T06:17:23.123+0000` as seconds since the epoch; None if it is none."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except (ValueError, OverflowError, OSError):  # OSError: a year that the C library does not know
        return None


def both() -> tuple[float, float]:
    """The monotonic and the wall clock, read at one moment: a process that is kept waiting between the two readings reads again."""
    for _ in range(10):
        now, wall = time.monotonic(), time.time()
        if time.monotonic() - now < SLACK / 4:
            break
    return now, wall


class StampClock:
    """Dates stamps. Times are handed in: `now` monotonic, `wall` our wall clock, both of the same moment.

    `longest`: how long audio waits after everything until then is known. So nothing that came later than `longest` before that moment has
    left quarantine, and no event need be dated further back.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._least = self._most = 0.0  # by which stamps are ahead of the monotonic clock, as far as it was measured
        self._measured_at: float | None = None
        self._ours: float | None = None  # the same of our own wall clock, when it was last seen
        self._doubt_until = 0.0
        self._lost = False  # what was measured, which was possible once
        self.set = 0
        """How often a clock was found to have been set."""

    @property
    def measured(self) -> bool:
        return self._measured_at is not None

    def ahead(self, now: float, wall: float) -> float | None:
        """By how many seconds Asterisk's clock is ahead of ours, as measured; 0.0 where they are the same, None before."""
        if not self.measured:
            return None
        return 0.0 if self._same(wall - now) else self._most - (wall - now)

    def look(self, now: float, wall: float) -> None:
        """To be called often: sees our own clock being set, which on one host is Asterisk's too."""
        ours = wall - now
        if self._ours is not None and abs(ours - self._ours) > SLACK:
            self._was_set(now)
        self._ours = ours

    def measure(self, asked: float, stamped: float | None, heard: float) -> None:
        """Asterisk stamped something between our question and its arrival, on the monotonic clock."""
        if stamped is None or asked < self._doubt_until:  # perhaps stamped by the clock as it was before
            return
        least, most = stamped - heard, stamped - asked
        if self._measured_at is not None:
            strayed = DRIFT * (heard - self._measured_at) + 0.001
            if least > self._most + strayed or most < self._least - strayed:
                self._was_set(heard)
                return
            least, most = max(least, self._least - strayed), min(most, self._most + strayed)
        self._least, self._most, self._measured_at, self._lost = least, most, heard, False

    def when(self, now: float, wall: float, stamped: float | None, known: float = inf) -> float:
        """When, on the monotonic clock, something stamped `stamped` happened: never later than it did, as far as anybody can know.

        `known`: until when everything that happened was known before this. A daemon that stood still hears of a hold seconds late, and
        all that came since `known` is still in quarantine.
        """
        self.look(now, wall)
        earliest = min(now, known) - self._longest
        if stamped is None or now < self._doubt_until or self._lost:
            return earliest
        ours = wall - now
        # of what was measured the border that dates back further; our own clock, where it is the same, is more exact
        date = stamped - (self._most if self.measured and not self._same(ours) else ours)
        if date > now + SLACK:
            if self.measured:
                self._was_set(now)
            return earliest
        return min(max(date, earliest), now)

    def _same(self, ours: float) -> bool:
        return self._least - SLACK <= ours <= self._most + SLACK

    def _was_set(self, now: float) -> None:
        """What is on its way was stamped by nobody knows which clock."""
        self.set += 1
        self._lost = self._lost or self.measured
        self._measured_at = None
        self._doubt_until = now + self._longest
