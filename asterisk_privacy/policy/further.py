"""For which other purposes a recording may be heard: those that the policy calls compatible with its own (GDPR art. 5(1)(b), 6(4); R22).

An exception of one listen, by a person. It changes nothing of what the recording is kept for, or how long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger


@dataclass(frozen=True, slots=True)
class FurtherUse:
    """`purpose` is not what it was made for; its own purpose `made_for` lists it, `because` (the policy's sentence)."""

    purpose: str
    made_for: str
    because: str


@dataclass(frozen=True, slots=True)
class Why:
    what: str  # follows the purpose's name
    remedy: str


def further_uses(
    own: Iterable[tuple[str, Basis]], living: Collection[str], objected: Collection[str], purposes: Mapping[str, Purpose]
) -> tuple[FurtherUse, ...]:
    """`own`: each purpose of the recording with the basis that it was promised under; `living`: those of them that have not ended;
    `objected`: to what the person objected, whether the recording served it or not; `purposes`: the policy of today, by name.

    Only what an own, living purpose itself lists: not the other way round, and not what those list in turn. The policy of today decides,
    but what was recorded on a basis that allows no other use stays so. Where several list the same, the first stands for them.
    """
    kept = tuple(own)
    names = {name for name, _ in kept}
    found: dict[str, FurtherUse] = {}
    for name, basis in kept:
        source = purposes.get(name)
        if source is None or name not in living or basis in CLOSED or why_no_source(source) is not None:
            continue
        for one in source.compatible:
            target = purposes.get(one.purpose)
            if target is None or one.purpose in names or one.purpose in objected or why_no_target(target) is not None:
                continue
            found.setdefault(one.purpose, FurtherUse(one.purpose, name, one.because))
    return tuple(found.values())


def why_no_source(purpose: Purpose) -> Why | None:
    """Why recordings of this purpose may be heard for no other, or None."""
    if purpose.basis is Basis.CONSENT:
        return Why(
            "rests on consent, and consent to one purpose is none to another (GDPR art. 6(4))",
            "leave it out, and ask the callers: add the other purpose to their profile, with an agree_key of its own",
        )
    if purpose.basis is Basis.LEGAL_OBLIGATION:
        return Why(
            "is recorded because a law demands it, and for what that law says",
            "leave it out, and add the other purpose to the profile, so that callers hear of it and can refuse it",
        )
    if purpose.agree_key is not None:
        return Why(
            "is recorded only if the caller agrees to it, and he is not asked about another",
            "leave it out, and add the other purpose to the profile",
        )
    if purpose.trigger is Trigger.CAMPAIGN:
        return Why(
            "is a campaign: a few designated calls, to find a fault and for nothing else",
            "leave it out, and add the other purpose to the profile",
        )
    return None


def why_no_target(purpose: Purpose) -> Why | None:
    """Why recordings of no other purpose may be heard for this one, or None."""
    if purpose.basis is Basis.CONSENT or purpose.agree_key is not None:
        return Why(
            "needs the caller's own yes, which another purpose cannot stand in for",
            "leave it out, and add that purpose to the profile",
        )
    if purpose.basis is Basis.LEGAL_OBLIGATION:
        return Why(
            "rests on a legal obligation, which demands recordings of its own",
            "leave it out, and add that purpose to the profiles of the lines that the law means",
        )
    if purpose.trigger is Trigger.CAMPAIGN:
        return Why(
            "is a campaign, whose calls are designated and counted",
            "leave it out, and open a campaign for these lines: asterisk-privacy campaign open",
        )
    if purpose.trigger is Trigger.MARKED:
        return Why(
            "takes only what the agent marks, and this would be the whole call",
            "leave it out, and add that purpose to the profile",
        )
    return None


CLOSED = frozenset({Basis.CONSENT, Basis.LEGAL_OBLIGATION})  # as promised when it was recorded, whatever the policy says by now
