"""Random sampling, 1 in N or so many of each agent's calls (R7). The draw itself (a secrets-grade number) is made at the edge.

A quota is a reservoir (Vitter's algorithm R): the n-th call of an agent's period takes one of the k places with probability k/n, and
whoever held that place goes. So after each call every one of the n is among the kept k with the same probability, whatever n becomes.
Deciding with k/n at the call and never letting go is not that: the first k would always be kept, and everybody would know it. What lets
go is not audio in memory but the purpose of an encrypted recording, which the purger then deletes with its evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from asterisk_privacy.policy.purpose import Period, Profile, Trigger


def sampled_purposes(profile: Profile, draw: Callable[[int], int]) -> frozenset[str]:
    """Names of the sample purposes that take this call. `draw(n)` returns a number in [0, n), as `secrets.randbelow` does."""
    return frozenset(p.name for p in profile.purposes if p.trigger is Trigger.SAMPLE and p.one_in is not None and draw(p.one_in) == 0)


def reservoir_place(seen: int, calls: int, draw: Callable[[int], int]) -> int | None:
    """Which of the `calls` places (0 and up) the `seen`-th call takes (1 and up), or None. It always draws."""
    drawn = draw(max(seen, 1))
    place = seen - 1 if seen <= calls else drawn
    return place if 0 <= place < calls else None


def period_of(day: date, per: Period) -> str:
    """The name of the period in which `day` lies: 2026-11-22, 2026-W47, 2026-11 or 2026-Q4."""
    if per is Period.DAY:
        return day.isoformat()
    if per is Period.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    if per is Period.MONTH:
        return f"{day.year}-{day.month:02}"
    return f"{day.year}-Q{(day.month + 2) // 3}"
