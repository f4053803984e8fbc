"""Random sampling, 1 in N (R7). The draw itself (a secrets-grade number) is made at the edge and handed in."""

from __future__ import annotations

from collections.abc import Callable

from asterisk_privacy.policy.purpose import Profile, Trigger


def sampled_purposes(profile: Profile, draw: Callable[[int], int]) -> frozenset[str]:
    """Names of the sample purposes that take this call. `draw(n)` returns a number in [0, n), as `secrets.randbelow` does."""
    return frozenset(p.name for p in profile.purposes if p.trigger is Trigger.SAMPLE and p.one_in is not None and draw(p.one_in) == 0)
