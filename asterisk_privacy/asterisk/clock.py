"""From Asterisk's wall-clock stamps to the daemon's monotonic clock, trusting them only as far as they make sense."""

from __future__ import annotations

from datetime import datetime


def stamp_seconds(timestamp: str) -> float | None:
    """ARI's `2026-11-22T06:17:23.123+0000` as seconds since the epoch; None if it is none."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except (ValueError, OverflowError, OSError):  # OSError: a year that the C library does not know
        return None


def true_at(now: float, wall_now: float, stamped: float | None, longest: float) -> float:
    """When, on the monotonic clock, something stamped `stamped` happened. A stamp from the future counts as now; one older than
    `longest` (late beyond the quarantine, or the clock jumped) as `longest` ago, which drops all that is still in quarantine."""
    if stamped is None:
        return now - longest
    return now - min(max(wall_now - stamped, 0.0), longest)
