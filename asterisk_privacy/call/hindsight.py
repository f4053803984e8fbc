"""What the switchboard still knows of a moment ago, for news that arrives after newer news.

Someone who held at 10.0 and parted from the customer at 10.4 is no longer connected with him when the hold becomes known at 10.8; but what
was captured between 10.0 and 10.4 was captured in a hold. Asterisk's stream is in order but for a few milliseconds between threads; this
is for those, and for what no measurement has shown yet.
"""

from __future__ import annotations

from collections import deque

SAME_MOMENT = 0.002
"""Seconds. Stamps are cut to milliseconds and mapped to our clock one by one; closer together than this they count as they arrived."""
MEMORY_SECONDS = 10.0  # longer than the longest quarantine
MOST_GONE = 10_000


class Hindsight:
    def __init__(self) -> None:
        self._partings: deque[tuple[float, frozenset[str]]] = deque()
        self._newest = 0.0
        self._gone: dict[str, None] = {}

    def parted(self, at: float, group: frozenset[str]) -> None:
        """These channels and bridges had to do with each other until `at`."""
        self._newest = max(self._newest, at)
        self._partings.append((at, group))
        while self._partings and self._partings[0][0] < self._newest - MEMORY_SECONDS:
            self._partings.popleft()

    def together_after(self, at: float, named: frozenset[str]) -> frozenset[str]:
        """All that had to do with any of `named` at some time after `at` and has parted since."""
        found: set[str] = set()
        if at < self._newest - SAME_MOMENT:
            for until, group in self._partings:
                if until - SAME_MOMENT > at and not group.isdisjoint(named):
                    found |= group
        return frozenset(found)

    def gone(self, thing: str) -> None:
        """A channel or a bridge."""
        self._gone[thing] = None
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def is_gone(self, thing: str) -> bool:
        """Asterisk never uses an id twice: late news must not bring it back as a ghost that answers for a party."""
        return thing in self._gone
