"""Which purposes may still want this call, and how: the part of the policy that one call looks at."""

from __future__ import annotations

from asterisk_privacy.policy.consent import allowed, named_by_objection
from asterisk_privacy.policy.purpose import Profile, Purpose, Trigger


class Wishes:
    """Names of purposes, in the order of the profile. Nothing is wished for until the notice was `heard`, nor after a refusal."""

    def __init__(self, profile: Profile, drawn: frozenset[str], objection_purpose: str) -> None:
        self._profile = profile
        self._drawn = drawn
        self._objection_purpose = objection_purpose
        self._undecided = _undecided_of(profile)
        self.objected: frozenset[str] = frozenset()
        self.agreed: frozenset[str] = frozenset()
        self.ceiling: frozenset[str] | None = None  # what the other customers in the conversation allow; None: there are none
        self._limit: frozenset[str] | None = None  # what every customer allowed whose voice is in this call's recording or ring
        self.objection = named_by_objection(profile, objection_purpose)
        self.heard = False

    def join(self, profile: Profile, drawn: frozenset[str]) -> None:
        """Another line's notice was heard: its purposes are wished for too, as well as those announced before."""
        if not self.heard:  # of the first line nothing was announced
            self._profile, self._drawn, self._undecided = profile, drawn, _undecided_of(profile)
            self.objection = named_by_objection(profile, self._objection_purpose)
            return
        known = {p.name for p in self._profile.purposes}
        self._undecided |= _undecided_of(profile) - known
        self._drawn |= drawn - known
        self._profile = self._profile.joined(profile)
        self.objection = named_by_objection(self._profile, self._objection_purpose)

    def told(self) -> frozenset[str]:
        """What this call's own customer allows."""
        return frozenset(p.name for p in allowed(self._profile, self.agreed, self.objected)) if self.heard else frozenset()

    def let_in(self) -> None:
        """The voices of all who are in the conversation come in: from now on only what all of them allow can be wished for."""
        if self.ceiling is not None:
            self._limit = self.ceiling if self._limit is None else self._limit & self.ceiling

    def take_over(self, agreed: frozenset[str], limit: frozenset[str] | None) -> None:
        """What is known of before this recorder was there."""
        self.agreed, self._limit = agreed, limit

    def forget_voices(self) -> None:
        """Nothing is left of what came in so far."""
        self._limit = None

    def _allowed(self) -> tuple[Purpose, ...]:
        limits = [limit for limit in (self.ceiling, self._limit) if limit is not None]
        mine = allowed(self._profile, self.agreed, self.objected) if self.heard else ()
        return tuple(p for p in mine if all(p.name in limit for limit in limits))

    def flaggable(self, meant: frozenset[str] | None = None) -> tuple[str, ...]:
        """`meant`: no others than these."""
        return tuple(p.name for p in self._allowed() if p.trigger is Trigger.FLAG and (meant is None or p.name in meant))

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

    def object(self, meant: frozenset[str] | None = None) -> frozenset[str]:
        """The agent's objection key; returns what was not objected to before. `meant`: what it was about, if not what it is about now."""
        new = (self.objection if meant is None else meant) - self.objected
        self.objected |= new
        return new


class Draws:
    """When the purposes that must be drawn are asked for: with the first conversation of each agent. `undecided_since`: from when on the
    ring may hold what no purpose takes."""

    def __init__(self, wishes: Wishes, began_at: float) -> None:
        self._wishes = wishes
        self._asked = False
        self._to_ask = False  # again, for an agent who came later
        self._open = 0  # asked for and not answered
        self.undecided_since = began_at

    def again(self) -> None:
        """There are other purposes by now."""
        self._asked = False

    def agent_joined(self, at: float, nothing_wanted: bool) -> None:
        if nothing_wanted:
            self.undecided_since = at
        self._wishes.reopen()
        self._asked, self._to_ask = False, True

    def due(self) -> tuple[str, ...]:
        """To be asked for now, in conversation; none, if that was done."""
        purposes = () if self._asked else self._wishes.undecided()
        if purposes:
            self._asked, self._to_ask, self._open = True, False, self._open + 1
        return purposes

    def answered(self, taken: frozenset[str]) -> None:
        self._open = max(0, self._open - 1)
        self._wishes.decide(taken, last=not self._open and not self._to_ask)


def _undecided_of(profile: Profile) -> frozenset[str]:
    return frozenset(p.name for p in profile.purposes if p.quota is not None or p.trigger is Trigger.CAMPAIGN)
