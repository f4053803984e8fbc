"""Which purposes may still want this call, and how: the part of the policy that one call looks at."""

from __future__ import annotations

from dataclasses import replace

from asterisk_privacy.policy.consent import allowed, named_by_objection
from asterisk_privacy.policy.purpose import Profile, Purpose, Trigger


class Wishes:
    """Names of purposes, in the order of the profile. Nothing is wished for until the notice was `heard`, nor after a refusal."""

    def __init__(self, profile: Profile, drawn: frozenset[str], objection_purpose: str) -> None:
        self._profile = profile
        self._drawn = drawn
        self._objection_purpose = objection_purpose
        self._undecided = _undecided_of(profile)
        self._objected: frozenset[str] = frozenset()
        self.agreed: frozenset[str] = frozenset()
        self.objection = named_by_objection(profile, objection_purpose)
        self.heard = False

    def join(self, profile: Profile, drawn: frozenset[str]) -> None:
        """Another line's notice was heard: its purposes are wished for too, as well as those announced before."""
        if not self.heard:  # of the first line nothing was announced
            self._profile, self._drawn, self._undecided = profile, drawn, _undecided_of(profile)
            self.objection = named_by_objection(profile, self._objection_purpose)
            return
        known = {p.name for p in self._profile.purposes}
        new = tuple(p for p in profile.purposes if p.name not in known)
        self._undecided |= _undecided_of(profile) - known
        self._drawn |= drawn - known
        self._profile = replace(self._profile, purposes=self._profile.purposes + new)
        self.objection = named_by_objection(self._profile, self._objection_purpose)

    def _allowed(self) -> tuple[Purpose, ...]:
        return allowed(self._profile, self.agreed, self._objected) if self.heard else ()

    def flaggable(self) -> tuple[str, ...]:
        return tuple(p.name for p in self._allowed() if p.trigger is Trigger.FLAG)

    def standing(self) -> tuple[str, ...]:
        """Those that want this call from its beginning, without anybody pressing a key."""
        return tuple(p.name for p in self._allowed() if p.trigger is Trigger.ALWAYS or p.name in self._drawn)

    def marked(self) -> tuple[str, ...]:
        return tuple(p.name for p in self._allowed() if p.trigger is Trigger.MARKED)

    def undecided(self) -> tuple[str, ...]:
        """Those of which it cannot be said before the agent is known."""
        return tuple(p.name for p in self._allowed() if p.name in self._undecided)

    def reopen(self) -> None:
        """Another agent has come, for whom a quota or a campaign may take the call, whatever was decided before."""
        self._undecided = _undecided_of(self._profile)

    def decide(self, taken: frozenset[str], last: bool = True) -> None:
        """`last`: no other answer is awaited."""
        self._drawn |= taken & _undecided_of(self._profile)
        self._undecided = frozenset() if last else self._undecided

    def objectionable(self) -> bool:
        """Whether the objection key would change anything that may be wished for. The same for calls that were drawn and others."""
        return any(not self.objection.isdisjoint((p.name, *(one.purpose for one in p.compatible))) for p in self._allowed())

    def object(self) -> frozenset[str]:
        """The agent's objection key; returns what was not objected to before."""
        new = self.objection - self._objected
        self._objected |= new
        return new


def _undecided_of(profile: Profile) -> frozenset[str]:
    return frozenset(p.name for p in profile.purposes if p.quota is not None or p.trigger is Trigger.CAMPAIGN)
