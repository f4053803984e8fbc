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

    def guess(self, *keys: tuple[str, str]) -> list[tuple[str, str]]:
        """Counts as wrong until it turns out to be `right`: so many at once are no more than so many one by one. Those that it locks."""
        now = self._clock()
        self._forget(now)
        locked = []
        for key in keys:
            count = self._counts.pop(key, None) or _Count()  # put back at the end: the order is that of the last guess
            count.wrong = 1 if now - count.last >= FORGOTTEN_AFTER else count.wrong + 1
            count.last = now
            if count.wrong >= FREE:
                count.until = now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(20, count.wrong - FREE))
                locked.append(key)
            self._counts[key] = count
        return locked

    def right(self, account: tuple[str, str], address: tuple[str, str]) -> None:
        """The account begins anew. The address only gets this one guess back: else a thief of one account could go on guessing others."""
        self._counts.pop(account, None)
        count = self._counts.get(address)
        if count is not None:
            count.wrong -= 1
            if count.wrong < FREE:
                count.until = 0.0

    def _forget(self, now: float) -> None:
        """Never what is locked at this moment, unless the memory is full."""
        for key in list(self._counts):
            if len(self._counts) < MOST_KNOWN and now - self._counts[key].last < FORGOTTEN_AFTER:
                break
            del self._counts[key]
