"""Who took part in a call, and when. Pure.

A person's stretch begins when they are first in conversation with the customer. It ends when somebody else goes on without them, or with
the call. A hold or a queue in between does not end it: the timeline tells of those, and the same people talk on afterwards.

A stretch each, and not one span from first to last, because an agent can pass a call on and get it back: what was said meanwhile is
another agent's. Rights hang on that (whose voice is in it), so the rows must not claim more than was so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


class PartyRole(StrEnum):
    AGENT = "agent"
    CUSTOMER = "customer"  # beyond the one on whose channel the call began


@dataclass(frozen=True, slots=True)
class Person:
    """An agent is known by endpoint, such as PJSIP/anna; a customer by keyed hash and sealed number, or not at all (withheld)."""

    role: PartyRole
    endpoint: str | None = None
    number_hash: str | None = None
    number_sealed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """One stretch of one person, in milliseconds of the call's timeline. `to_ms` is None while it goes on. Both are None where nobody
    wrote down when: calls of earlier versions, which knew one agent and no times."""

    person: Person
    from_ms: int | None = None
    to_ms: int | None = None

    @classmethod
    def agent(cls, endpoint: str, from_ms: int | None = None, to_ms: int | None = None) -> Self:
        return cls(Person(PartyRole.AGENT, endpoint), from_ms, to_ms)


def agents_of(participants: Iterable[Participant]) -> tuple[str, ...]:
    """Endpoints, each once, in the order in which they came."""
    endpoints = (one.person.endpoint for one in participants if one.person.role is PartyRole.AGENT)
    return tuple(dict.fromkeys(endpoint for endpoint in endpoints if endpoint is not None))


def same_endpoint(one: str, other: str) -> bool:
    return folded(one).casefold() == folded(other).casefold()


def folded(endpoint: str) -> str:
    """As endpoints are compared: written in any case, with or without the technology that most have (anna is PJSIP/anna). Lower case
    only of ASCII, as databases have it."""
    named = endpoint.strip()
    return "".join(c.lower() if c.isascii() else c for c in (named if "/" in named else f"PJSIP/{named}"))


class Attendance:
    """Writes down who takes part in one call. `before`: what an earlier daemon wrote of it; those stretches are over."""

    def __init__(self, began_at: float, before: Sequence[Participant] = ()) -> None:
        self._began_at = began_at
        self._told = list(before)
        self._open: dict[Person, int] = {}  # where in `_told` the stretch of each is that has not ended
        self._paused_ms: int | None = None  # since when nobody talks
        self._newest = 0

    def talk(self, at: float, people: frozenset[Person]) -> bool:
        """From `at` on these are in conversation with the customer; nobody: it was interrupted. Whether an agent is among them who was
        not in this call before. `at` of late news is no earlier than what is known already."""
        now = self._newest = max(self._newest, round((at - self._began_at) * 1000))
        if not people:
            self._paused_ms = now if self._paused_ms is None else self._paused_ms
            return False
        known = set(self.agents)
        for person in [one for one in self._open if one not in people]:
            index = self._open.pop(person)
            self._told[index] = replace(self._told[index], to_ms=now if self._paused_ms is None else self._paused_ms)
        self._paused_ms = None
        for person in sorted(people - self._open.keys(), key=_order):
            self._open[person] = len(self._told)
            self._told.append(Participant(person, now))
        return not known.issuperset(self.agents)

    @property
    def agents(self) -> tuple[str, ...]:
        return agents_of(self._told)

    @property
    def last_agent(self) -> str | None:
        """Who is in conversation, or was last."""
        present = agents_of(self._told[index] for index in self._open.values())
        return present[-1] if present else None

    def told(self) -> tuple[Participant, ...]:
        """All stretches until now, in the order in which they began; those that go on have no end."""
        story = list(self._told)
        for index in self._open.values():
            story[index] = replace(story[index], to_ms=self._paused_ms)
        return tuple(story)


def known_stretches(told: Iterable[Participant], known_until_ms: int) -> tuple[Participant, ...]:
    """As a daemon told them that died: what went on then lasted as long as anything of the call is known."""
    return tuple(
        replace(one, to_ms=max(one.from_ms, known_until_ms)) if one.from_ms is not None and one.to_ms is None else one for one in told
    )


def _order(person: Person) -> tuple[str, str, str]:
    return person.role, person.endpoint or "", person.number_hash or ""
