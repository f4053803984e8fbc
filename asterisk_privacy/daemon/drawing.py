"""What can only be decided once the agents are known: quotas of their periods, and campaigns. Asked of the registry, in its thread.

A quota is of the agent for whom the call was drawn. So the draw is made for each agent who comes to the call, once: it counts among their
calls too, and may take a place of theirs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from asterisk_privacy.daemon.filing import RecordingFile
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Purpose, Trigger
from asterisk_privacy.policy.sampling import period_of
from asterisk_privacy.registry.draws import Place
from asterisk_privacy.registry.registry import Registry

__all__ = ["Lot", "Place", "draw", "note_places"]

LET_GO = "another call of the agent was drawn in its place"


@dataclass(frozen=True, slots=True)
class Lot:
    """Names of the purposes that take the call, and the places in quotas that it takes with that."""

    taken: frozenset[str] = frozenset()
    places: tuple[Place, ...] = ()


async def draw(ledger: Ledger, health: Health, asked: Sequence[tuple[Purpose, str]], call_id: str, profile: str) -> Lot:
    """`asked`: purposes, each with the agent for whom. When in doubt (a registry that fails, no agent), no purpose takes the call."""
    now = datetime.now(UTC)
    if not asked:
        return Lot()
    try:
        return await ledger.ask(lambda registry: _draw(registry, asked, call_id, profile, now))
    except OperatorError as error:
        health.alarm(Alarm.REGISTRY_FAILED, f"no lot could be drawn for a call: {error}")
        return Lot()


def _draw(registry: Registry, asked: Sequence[tuple[Purpose, str]], call_id: str, profile: str, now: datetime) -> Lot:
    places, taken = [], set()
    for purpose, agent in asked:
        if purpose.quota is not None:
            period = period_of(now.astimezone().date(), purpose.quota.per)
            place = registry.draw_place(purpose.name, agent, period, purpose.quota.calls, secrets.randbelow)
            if place is not None:
                places.append(place)
                taken.add(purpose.name)
        elif purpose.trigger is Trigger.CAMPAIGN and registry.join_campaign(purpose.name, call_id, profile, agent, now):
            taken.add(purpose.name)
    return Lot(frozenset(taken), tuple(places))


def note_places(ledger: Ledger, places: tuple[Place, ...], file: RecordingFile) -> None:
    """The recording is sealed: whoever held its places before lets go of the purpose, and is deleted with evidence if it was his last."""

    def take(place: Place, before: list[str], registry: Registry) -> None:
        had = registry.take_place(place, file.recording_id)
        before += [] if had is None else [had]

    def let_go(place: Place, before: list[str], registry: Registry) -> None:
        for had in before:
            registry.withdraw_purpose(had, place.purpose, datetime.now(UTC), LET_GO)

    for place in places if file.sealed else ():
        had_it: list[str] = []
        ledger.post(partial(take, place, had_it))
        ledger.post(partial(let_go, place, had_it))
