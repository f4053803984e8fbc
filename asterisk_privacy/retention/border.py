"""How old a recording must be to be due when nothing happened to it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from asterisk_privacy.policy.retention import Criterion, Facts

MILLISECOND = timedelta(milliseconds=1)  # the grain of the registry


def border(criterion: Criterion, now: datetime, evaluation: Callable[[datetime], datetime | None] = lambda _: None) -> datetime:
    """Recorded at this moment or before, and never touched by an event: ended. Recorded later: alive. To the millisecond.

    It asks the criterion itself, and relies on one thing: of two recordings without events, the older does not end later (a property
    test says so for every criterion). `evaluation` tells for the moment of a call when its agent is evaluated.
    """

    def ended(recorded_at: datetime) -> bool:
        return criterion.verdict(Facts(recorded_at, {}, evaluation=evaluation(recorded_at)), now).ended

    sure, count = now - timedelta(days=criterion.latest_days), timedelta(days=criterion.latest_days) // MILLISECOND
    low, high = 0, count + 1  # ended after `low` milliseconds, alive after `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if ended(sure + middle * MILLISECOND) else (low, middle)
    return sure + low * MILLISECOND
