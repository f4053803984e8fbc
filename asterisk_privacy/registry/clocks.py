"""How far this node's clock is from that of the registry's server, by which all nodes are compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_APART = timedelta(seconds=60)
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
