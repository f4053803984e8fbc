"""Who took part in a call: a row for each stretch of each person (call/participants.py says what a stretch is)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import chain

from peewee import Database

from asterisk_privacy.call.participants import Participant, PartyRole, Person, folded
from asterisk_privacy.registry.engine import sql

_COLUMNS = "call_id, number, role, endpoint, number_hash, number_sealed, from_ms, to_ms"
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = """SELECT {id}, p.role, p.endpoint, p.number_hash, p.number_sealed, p.from_ms, p.to_ms FROM participants p {join}
    WHERE {where} ORDER BY p.call_id, p.number"""


def write(db: Database, call_id: str, told: Sequence[Participant]) -> None:
    """All stretches until now. They are told again and again while the call goes on, in the same order: what is new is their ends."""
    if not told:
        return
    rows = ", ".join([_ROW] * len(told))
    values = ((call_id, n, one.person, one.from_ms, one.to_ms) for n, one in enumerate(told))
    flat = chain.from_iterable(
        (call, n, who.role.value, who.endpoint, who.number_hash, who.number_sealed, begin, end) for call, n, who, begin, end in values
    )
    statement = f"INSERT INTO participants ({_COLUMNS}) VALUES {rows}"
    sql(db, f"{statement} ON CONFLICT (call_id, number) DO UPDATE SET from_ms = excluded.from_ms, to_ms = excluded.to_ms", tuple(flat))


def of_calls(db: Database, calls: Collection[str]) -> dict[str, tuple[Participant, ...]]:
    """By id of the call; at most a few thousand."""
    if not calls:
        return {}
    where = f"p.call_id IN ({', '.join('?' * len(calls))})"
    return _load(db, _SELECT.format(id="p.call_id", join="", where=where), tuple(calls))


def of_recordings(db: Database, where: str, values: Sequence[object]) -> dict[str, tuple[Participant, ...]]:
    """By id of the recording; `where` is about the columns of recordings, as r."""
    return _load(db, _SELECT.format(id="r.id", join="JOIN recordings r ON r.call_id = p.call_id", where=where), values)


def _load(db: Database, query: str, values: Sequence[object]) -> dict[str, tuple[Participant, ...]]:
    found: dict[str, list[Participant]] = defaultdict(list)
    for id_, role, endpoint, number_hash, sealed, begin, end in sql(db, query, values):
        person = Person(PartyRole(role), endpoint, number_hash, None if sealed is None else bytes(sealed))
        found[id_].append(Participant(person, begin, end))
    return {id_: tuple(stretches) for id_, stretches in found.items()}


# SQL about calls, as c: whether the call is one of this person's. Each takes what `values` gives, once.

OF_AGENT = "c.id IN (SELECT call_id FROM participants WHERE lower(endpoint) = ?)"


def of_number(hashes: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Condition and its values: the call's own customer, or one who came to it later."""
    marks, values = ", ".join("?" * len(hashes)), tuple(sorted(hashes))
    later = f"c.id IN (SELECT call_id FROM participants WHERE number_hash IN ({marks}))"
    return f"(c.customer_hash IN ({marks}) OR {later})", values * 2


def of_agent(endpoint: str) -> tuple[str, tuple[str, ...]]:
    return OF_AGENT, (folded(endpoint),)


def forget_numbers(db: Database, call_id: str) -> bool:
    """Whether there was any."""
    query = "UPDATE participants SET number_hash = NULL, number_sealed = NULL WHERE call_id = ?"
    return bool(sql(db, f"{query} AND (number_hash IS NOT NULL OR number_sealed IS NOT NULL)", (call_id,)).rowcount)
