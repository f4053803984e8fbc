"""Wrong passwords: after a few, each further one makes the next wait longer; for the account and for the address that it came from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FREE = 5  # wrong ones that cost nothing but the time
FIRST_WAIT = 30.0  # seconds; doubles with each further one
LONGEST_WAIT = 900.0
FORGOTTEN_AFTER = 3600.0  # without another wrong one
MOST_KNOWN = 10_000  # names and addresses remembered; the longest quiet goes first


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    last: float = 0.0
    until: float = 0.0


class Lockout:
    """`clock` is monotonic, in seconds. Keys are ("account", name) and ("address", address)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: dict[tuple[str, str], _Count] = {}

    def seconds_left(self, *keys: tuple[str, str]) -> float:
        """0 when a password may be tried."""
        now = self._clock()
        return max(0.0, *(self._counts[key].until - now for key in keys if key in self._counts), 0.0)

    def wrong(self, *keys: tuple[str, str]) -> list[tuple[str, str]]:
        """Those that are locked by this one."""
        now = self._clock()
        self._forget(now)
        locked = []
        for key in keys:
            count = self._counts.pop(key, None) or _Count()  # put back at the end: the order is that of the last wrong one
            count.wrong = 1 if now - count.last >= FORGOTTEN_AFTER else count.wrong + 1
            count.last = now
            if count.wrong >= FREE:
                count.until = now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(20, count.wrong - FREE))
                locked.append(key)
            self._counts[key] = count
        return locked

    def right(self, *keys: tuple[str, str]) -> None:
        for key in keys:
            self._counts.pop(key, None)

    def _forget(self, now: float) -> None:
        """Never what is locked at this moment, unless the memory is full."""
        for key in list(self._counts):
            if len(self._counts) < MOST_KNOWN and now - self._counts[key].last < FORGOTTEN_AFTER:
                break
            del self._counts[key]
