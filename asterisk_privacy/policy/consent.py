"""What a key pressed during the announcement means, and what silence means (R3, R6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from asterisk_privacy.policy.purpose import Profile, Purpose, Trigger


class Choice(StrEnum):
    REFUSE = "refuse"
    AGREE = "agree"
    NONE = "none"  # no such key: nothing was chosen


@dataclass(frozen=True, slots=True)
class Meaning:
    choice: Choice
    agreed: frozenset[str]  # names of the purposes that this key switches on


def meaning_of(profile: Profile, key: str) -> Meaning:
    """The refuse key wins should a policy ever give one key two meanings."""
    if key and key == profile.refuse_key:
        return Meaning(Choice.REFUSE, frozenset())
    agreed = frozenset(p.name for p in profile.purposes if p.agree_key is not None and p.agree_key == key)
    return Meaning(Choice.AGREE, agreed) if agreed else Meaning(Choice.NONE, frozenset())


def named_by_objection(profile: Profile, objection_purpose: str) -> frozenset[str]:
    """What the agent's objection key takes away (R4): the purpose that the configuration names, or all that are sampled and all that
    a recording is not made for but may be heard for."""
    further = {one.purpose for p in profile.purposes for one in p.compatible}
    if objection_purpose:
        return frozenset({objection_purpose}) & (further | {p.name for p in profile.purposes})
    return frozenset(p.name for p in profile.purposes if p.trigger is Trigger.SAMPLE) | further


def allowed(profile: Profile, agreed: frozenset[str], objected: frozenset[str] = frozenset()) -> tuple[Purpose, ...]:
    """The purposes that a call which was announced and not refused may serve. Silence leaves opt-in purposes off."""
    return tuple(p for p in profile.purposes if (p.agree_key is None or p.name in agreed) and p.name not in objected)
