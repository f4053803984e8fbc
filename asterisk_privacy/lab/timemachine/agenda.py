"""What will happen when: deeds in order of time, and how often each kind of thing happened."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

Deed = Callable[[datetime], None]


class Agenda:
    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._deeds: list[tuple[datetime, int, Deed]] = []
        self._number = itertools.count(1)
        self.happened: Counter[str] = Counter()

    def number(self) -> int:
        """Never the same twice."""
        return next(self._number)

    def later(self, at: datetime, deed: Deed) -> None:
        heapq.heappush(self._deeds, (at, self.number(), deed))

    def due(self, now: datetime) -> None:
        """Does what falls before `now`; a deed may plan others."""
        while self._deeds and self._deeds[0][0] <= now:
            at, _, deed = heapq.heappop(self._deeds)
            deed(at)

    def days(self, least: float, most: float) -> timedelta:
        """As long as it happens to take."""
        return timedelta(milliseconds=int(self._chance.uniform(least, most) * 86_400_000))
