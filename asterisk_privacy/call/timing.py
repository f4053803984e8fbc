"""How long the recorder of a call waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. `settle`: how long conversation must have lasted before the taps go in; `quarantine`: how long frames wait
    for late events; `grace`: how long after hang-up the keep key works (R9)."""

    settle: float = 0.06
    quarantine: float = 1.0
    grace: float = 60.0


USUAL = Timing()
