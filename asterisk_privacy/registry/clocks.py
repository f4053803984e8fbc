"""How far this node's clock is from that of the registry's server, by which all nodes are compared; and from what the audit trail tells.

A clock that is wrong deletes too early, or gives new recordings a date at which they are deleted too early. The trail is a witness that is
always there: its entries carry the time of this machine, and the purger writes one each night.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_APART = timedelta(seconds=60)
LONGEST_OUTAGE = timedelta(days=7)
"""A clock that is further ahead of the trail is doubted: hardly a recorder is switched off for so long, and then a person says so."""
MOST_BEHIND = timedelta(hours=1)
WAY_OUT = "let both follow NTP (timedatectl set-ntp true; chronyc tracking)"


@dataclass(frozen=True, slots=True)
class Difference:
    """`ahead`: of the server's clock, negative where it is behind; measured to within `within`, half of the way there and back."""

    ahead: timedelta
    within: timedelta

    @property
    def too_far(self) -> bool:
        """By more than a minute, even if the answer took all of its time on one way."""
        return abs(self.ahead) - self.within > MOST_APART

    @property
    def early(self) -> bool:
        """What would be deleted by this clock may not be due yet."""
        return self.too_far and self.ahead > timedelta()

    def in_words(self, where: str) -> str:
        direction = "ahead of" if self.ahead > timedelta() else "behind"
        return f"this node's clock is {abs(self.ahead).total_seconds():.0f} s {direction} that of {where}; {WAY_OUT}"


def measured(before: datetime, server: datetime, took: timedelta) -> Difference:
    """`before`: by this clock, when the server was asked; `took` until its answer was here."""
    return Difference(before + took / 2 - server, took / 2)


@dataclass(frozen=True, slots=True)
class ClockDoubt:
    """This machine's clock says `clock`, and the last moment in the trail that can be believed is `trail`."""

    clock: datetime
    trail: datetime

    @property
    def behind(self) -> bool:
        return self.clock < self.trail

    def in_words(self) -> str:
        apart = abs(self.clock - self.trail)
        how = f"{apart.days} days" if apart.days else f"{apart.total_seconds() / 3600:.0f} hours"
        direction = "behind" if self.behind else "ahead of"
        told = f"{self.trail:%Y-%m-%d %H:%M} UTC"
        return f"this machine's clock says {self.clock:%Y-%m-%d %H:%M} UTC, {how} {direction} the audit trail ({told})"


def doubt(moments: Iterable[datetime], now: datetime) -> ClockDoubt | None:
    """`moments` of entries, in the order in which they were written. An entry that does not fit those before it was written by a wrong
    clock, and proves nothing: so neither do calls that went on in 2097."""
    believed: datetime | None = None
    for at in moments:
        if believed is None or _fits(at, believed):
            believed = max(at, believed or at)
    return None if believed is None or _fits(now, believed) else ClockDoubt(now, believed)


def _fits(at: datetime, believed: datetime) -> bool:
    return -MOST_BEHIND <= at - believed <= LONGEST_OUTAGE
