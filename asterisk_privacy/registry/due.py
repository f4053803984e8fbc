"""Which sealed recordings can be due, found by SQL: far fewer than there are, and never one too few.

Without events a promise ends by the age of its recording alone: for each set of promises there is a border, and what was recorded after
it is not due (`retention.border`). An index finds what was recorded before it, without a look at the rest. Recordings with something of
their own (an event, a hold, a purpose that came or went later: column `eventful`) are handed out too, but for those that a promise keeps
which no event can end; whoever asks judges each in full.
"""

from __future__ import annotations

import json
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from peewee import Database

from asterisk_privacy.call.participants import agents_of
from asterisk_privacy.policy.facts import Milestone
from asterisk_privacy.policy.retention import Criterion, criterion_from_mapping
from asterisk_privacy.registry import participants, requests
from asterisk_privacy.registry.case_rows import NOTHING, Circumstances
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.holds import circumstances
from asterisk_privacy.registry.reading import notes_of
from asterisk_privacy.registry.restrictions import load as load_restrictions
from asterisk_privacy.registry.rows import OpenRequest, effective_milestones

CHUNK = 1000  # recordings read at once: memory does not grow with the registry
_FOR_EVER = 1 << 62

_COUNT = "SELECT count(*) FROM recordings r WHERE state = 'sealed' AND {reach}"
# the index by name: at IS NULL SQLite would take the one of states, and read all that is sealed
_UPTO = """SELECT rowid FROM recordings AS r INDEXED BY recordings_due
    WHERE state = 'sealed' AND eventful = ? AND promise_set {given} AND recorded_at <= ? AND {reach}"""
_ROWS = """SELECT r.id, r.recorded_at, r.promise_set, r.eventful, r.found_due FROM recordings r
    WHERE r.rowid IN ({among}) AND +r.state = 'sealed'"""  # +: no index of states, the ids are few


@dataclass(frozen=True, slots=True)
class Promised:
    name: str  # of the purpose
    title: str
    criterion: Criterion | None  # None: cannot be read; a newer version wrote it


@dataclass(frozen=True, slots=True, eq=False)
class PromiseSet:
    """What recordings were promised, in the order in which it was given; one object for all of them."""

    number: int
    promises: tuple[Promised, ...]
    unreadable: str | None = None  # the first purpose whose promise cannot be read


@dataclass(frozen=True, slots=True)
class Own:
    """What one recording has beside its age."""

    milestones: Mapping[Milestone, datetime] = field(default_factory=dict)
    circumstances: Circumstances = NOTHING
    restricted_at: datetime | None = None
    added: Mapping[str, datetime] = field(default_factory=dict)  # when each purpose came, by name; where not told, with the recording
    requests: tuple[OpenRequest, ...] = ()  # of persons, that stand in the way of its deletion


@dataclass(frozen=True, slots=True)
class Borders:
    """Recorded later: not due. None where nothing says so, and all are candidates."""

    by_age: datetime | None  # when nothing happened
    whatever: datetime | None  # whatever happened


NO_BORDERS = Borders(None, None)
AGE_ONLY = Own()
NO_PROMISE = PromiseSet(0, ())


class Candidate(NamedTuple):
    """As much of a sealed recording as a plan needs."""

    id: str
    recorded_at: datetime
    agents: tuple[str, ...]  # also none when nobody asked for agents
    kept_for: PromiseSet
    own: Own = AGE_ONLY
    found_due: datetime | None = None  # its end, as a run found it that let it lie


def promise_sets(engine: Engine) -> list[PromiseSet]:
    """Every combination that was ever promised: a handful, however many recordings."""
    with engine.read() as db:
        return list(_sets(db).values())


def sealed_count(engine: Engine) -> int:
    with engine.read() as db:
        return int(sql(db, _COUNT.format(reach=engine.in_reach("r"))).fetchone()[0])


def maybe_due(engine: Engine, borders: Mapping[int, Borders], with_agents: bool, away: Collection[str] = ()) -> Iterator[Candidate]:
    """What is sealed and not younger than the borders of its set of promises (by its number), or without a promise; in no order. Of what
    this node can delete, or of what only these nodes `away` could. One whose promise cannot be read (`kept_for.unreadable`) is among them.
    """
    found: array[int] = array("q")
    asked: dict[str, tuple[OpenRequest, ...]] = {}
    reach = engine.in_reach("r") if not away else engine.out_of_reach("r", away)
    with engine.read() as db:
        asked = requests.concerning(db, "r.state = 'sealed'")
        for number, of_set in (*borders.items(), (None, NO_BORDERS)):
            for eventful, border in ((0, of_set.by_age), (1, of_set.whatever)):
                upto = _FOR_EVER if border is None else to_ms(border)
                given = "IS NULL" if number is None else f"= {number:d}"
                found.extend(rowid for (rowid,) in engine.stream(_UPTO.format(reach=reach, given=given), (eventful, upto)))
    found = array("q", sorted(found))  # neighbours in the file are read together
    sets: dict[int, PromiseSet] = {}
    for start in range(0, len(found), CHUNK):
        with engine.read() as db:
            chunk = _read(db, found[start : start + CHUNK], sets, with_agents)
        yield from (one if one.id not in asked else one._replace(own=replace(one.own, requests=asked[one.id])) for one in chunk)


def _read(db: Database, rowids: Sequence[int], sets: dict[int, PromiseSet], with_agents: bool) -> list[Candidate]:
    among = ", ".join("?" * len(rowids))
    rows = sql(db, _ROWS.format(among=among), rowids).fetchall()
    if any(number is not None and number not in sets for _, _, number, *_ in rows):
        sets.update(_sets(db))
    people = participants.of_recordings(db, f"r.rowid IN ({among})", rowids) if with_agents else {}
    own = _own(db, [id_ for id_, _, _, eventful, _ in rows if eventful])
    chunk = []
    for id_, recorded_at, number, _, end in rows:
        kept_for = NO_PROMISE if number is None else sets[number]
        people_of = agents_of(people.get(id_, ()))
        chunk.append(Candidate(id_, from_ms(recorded_at), people_of, kept_for, own.get(id_, AGE_ONLY), from_ms_or_none(end)))
    return chunk


def _own(db: Database, ids: Sequence[str]) -> dict[str, Own]:
    if not ids:
        return {}
    among = f"r.id IN ({', '.join('?' * len(ids))})"
    notes = notes_of(db, f"WHERE {among}", tuple(ids))
    around = circumstances(db, ids)
    restrictions = load_restrictions(db, among, tuple(ids))
    added: dict[str, dict[str, datetime]] = defaultdict(dict)
    came = "SELECT r.id, p.name, p.added_at FROM recordings r JOIN recording_purposes p ON p.recording_id = r.id"
    for id_, name, at in sql(db, f"{came} WHERE p.added_at != r.recorded_at AND {among}", tuple(ids)):
        added[id_][name] = from_ms(at)
    return {
        id_: Own(
            effective_milestones(notes.get(id_, ()), around.get(id_, NOTHING).milestones),
            around.get(id_, NOTHING),
            restrictions[id_].at if id_ in restrictions else None,
            added.get(id_, {}),
        )
        for id_ in ids
    }


def _sets(db: Database) -> dict[int, PromiseSet]:
    found = {}
    for number, text in sql(db, "SELECT id, promises FROM promise_sets"):
        promises = tuple(Promised(name, title, _criterion(criterion)) for name, title, criterion in json.loads(text))
        found[number] = PromiseSet(number, promises, next((p.name for p in promises if p.criterion is None), None))
    return found


def _criterion(text: str) -> Criterion | None:
    try:
        return criterion_from_mapping(json.loads(text))
    except ValueError:
        return None
