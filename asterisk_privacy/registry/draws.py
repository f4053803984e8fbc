"""Quotas: how many calls of an agent's period could have been taken, and which recordings hold the places (policy/sampling.py).

Counting writes no audit row: nothing was decided about a recording, and a row per call would tell who is being sampled now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from peewee import Database

from asterisk_privacy.policy.sampling import reservoir_place
from asterisk_privacy.registry.engine import Engine, sql


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places of a quota. `agent` is an endpoint such as PJSIP/anna, `period` as `period_of` names it."""

    purpose: str
    agent: str
    period: str
    number: int


def draw_place(engine: Engine, purpose: str, agent: str, period: str, calls: int, draw: Callable[[int], int]) -> Place | None:
    """Counts this call, and says which place it takes, if any. A place whose recording somebody has worked with already is not free.

    Beside others' calls: who counts for the same agent waits for this row; who takes a place, or works with its holder, is alone.
    """
    with engine.change_own() as db:
        counted = sql(
            db,
            "INSERT INTO quota_counts (purpose, agent, period, seen) VALUES (?, ?, ?, 1) "
            "ON CONFLICT (purpose, agent, period) DO UPDATE SET seen = quota_counts.seen + 1 RETURNING seen",
            (purpose, agent, period),
        )
        number = reservoir_place(int(counted.fetchone()[0]), calls, draw)
        if number is None:
            return None
        place = Place(purpose, agent, period, number)
        holder = _holder(db, place)
        return None if holder is not None and _worked_with(db, holder) else place


def take_place(engine: Engine, place: Place, recording_id: str) -> str | None:
    """`recording_id` is sealed and holds the place now. Returns the recording that held it and is to let go of the purpose, if any."""
    with engine.change() as db:
        holder = _holder(db, place)
        sql(
            db,
            "INSERT INTO quota_places (purpose, agent, period, place, recording_id) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (purpose, agent, period, place) DO UPDATE SET recording_id = excluded.recording_id",
            (place.purpose, place.agent, place.period, place.number, recording_id),
        )
        if holder is None or holder == recording_id or _worked_with(db, holder) or _holds_another(db, holder, place):
            return None
        serves = sql(
            db,
            "SELECT 1 FROM recording_purposes p JOIN recordings r ON r.id = p.recording_id "
            "WHERE r.id = ? AND r.state = 'sealed' AND p.name = ? AND p.withdrawn_at IS NULL",
            (holder, place.purpose),
        ).fetchone()
        return holder if serves else None


def _holder(db: Database, place: Place) -> str | None:
    found = sql(
        db,
        "SELECT recording_id FROM quota_places WHERE purpose = ? AND agent = ? AND period = ? AND place = ?",
        (place.purpose, place.agent, place.period, place.number),
    ).fetchone()
    return None if found is None else str(found[0])


def _holds_another(db: Database, recording_id: str, place: Place) -> bool:
    """It is in the quota of another agent of its call too, and stays for that."""
    found = sql(
        db,
        "SELECT 1 FROM quota_places WHERE recording_id = ? AND purpose = ? LIMIT 1",
        (recording_id, place.purpose),
    )
    return found.fetchone() is not None


def _worked_with(db: Database, recording_id: str) -> bool:
    """Reviewed, say: to replace it then would only add to the quota."""
    return sql(db, "SELECT 1 FROM milestones WHERE recording_id = ? LIMIT 1", (recording_id,)).fetchone() is not None
