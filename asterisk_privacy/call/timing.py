"""How long the recorder of a call waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. `settle`: how long conversation must have lasted before the taps go in. Who talk hear each other meanwhile, and it is
    not kept: the timeline tells what was before, which is lost where it was not known whether somebody's holds are told. `quarantine`: how
    long frames wait for late events; `grace`: how long after hang-up the keep key works (R9)."""

    settle: float = 0.06
    quarantine: float = 1.0
    grace: float = 60.0


USUAL = Timing()


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Of a call's timeline. The gate moves on whole ones, so that its talk spans tell exactly how much audio there is."""

    began_at: float

    def after(self, at: float) -> float:
        return self.began_at + ceil((at - self.began_at) * 1000 - 1e-6) / 1000

    def before(self, at: float) -> float:
        return self.began_at + floor((at - self.began_at) * 1000 + 1e-6) / 1000
