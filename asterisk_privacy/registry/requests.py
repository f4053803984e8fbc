"""Requests of persons: opened, extended once, closed. The deadline comes from outside (rights/deadline.py); here it is kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from peewee import Database

from asterisk_privacy.call.participants import folded
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import OpenRequest, WrongState


class RequestKind(StrEnum):
    ACCESS = "access"
    ERASURE = "erasure"
    RESTRICTION = "restriction"
    OBJECTION = "objection"


class About(StrEnum):
    """By what the person is known here."""

    NUMBER = "number"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class RequestRow:
    id: int
    kind: RequestKind
    about: About
    subject: str | None  # keyed hash of the number, or the agent's endpoint; None once closed
    identity_check: str
    received: date
    due: date
    opened_at: datetime
    opened_by: str
    extended_at: datetime | None
    extended_why: str | None
    closed_at: datetime | None
    outcome: str | None


# of those that stand in the way; not one for erasure, nor an objection: to who asks for those deletion is no harm
_OPEN = "q.closed_at IS NULL AND q.kind IN ('access', 'restriction')"
_FROM = f"""SELECT r.id, q.id, q.due FROM requests q JOIN request_subjects s ON s.request_id = q.id {{person}}
    JOIN recordings r ON r.call_id = c.id WHERE {_OPEN} AND (q.tenant IS NULL OR q.tenant = c.tenant) AND {{where}}"""
_PERSONS = (  # as subjects.recordings finds them; one by one, so that each has its index
    "JOIN calls c ON c.customer_hash = s.subject",
    "JOIN participants p ON p.number_hash = s.subject JOIN calls c ON c.id = p.call_id",
    "JOIN participants p ON lower(p.endpoint) = s.subject JOIN calls c ON c.id = p.call_id",
)


def concerning(db: Database, where: str, values: Sequence[object] = ()) -> dict[str, tuple[OpenRequest, ...]]:
    """What stands in the way of deleting each recording, by its id; `where` is about the columns of recordings, as r. Past their last day
    they are among these too."""
    if sql(db, f"SELECT 1 FROM requests q WHERE {_OPEN} LIMIT 1").fetchone() is None:
        return {}
    found: dict[str, set[OpenRequest]] = defaultdict(set)
    for person in _PERSONS:
        for recording_id, number, due in sql(db, _FROM.format(person=person, where=where), values):
            found[recording_id].add(OpenRequest(number, _day(due)))
    return {recording_id: tuple(sorted(asked, key=lambda one: one.id)) for recording_id, asked in found.items()}


def _day(text: str) -> date:
    """Of a day that nobody can read nobody can say that it is over."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date(9999, 1, 1)


_COLUMNS = "id, kind, about, subject, identity_check, received, due, opened_at, opened_by, extended_at, extended_why, closed_at, outcome"


def open_(
    engine: Engine,
    kind: RequestKind,
    about: About,
    subject: str,
    identity_check: str,
    received: date,
    due: date,
    hashes: Collection[str] = (),
) -> int:
    with engine.change() as db:
        values = (
            kind.value,
            about.value,
            subject,
            identity_check,
            received.isoformat(),
            due.isoformat(),
            to_ms(engine.clock()),
            engine.actor,
        )
        statement = "INSERT INTO requests (kind, about, subject, identity_check, received, due, opened_at, opened_by)"
        number: int = sql(db, f"{statement} VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id", values).fetchone()[0]
        for one in sorted({folded(subject)} if about is About.AGENT else {subject, *hashes}):
            sql(db, "INSERT INTO request_subjects (request_id, subject) VALUES (?, ?)", (number, one))
        detail = {"kind": kind.value, "about": about.value, "received": received.isoformat(), "due": due.isoformat()}
        audit.append(engine, db, "request.open", f"request {number}", detail)
    return number


def extend(engine: Engine, number: int, due: date, reason: str) -> None:
    """Once: art. 12(3) knows no second extension."""
    with engine.change() as db:
        row = _open_one(engine, number)
        if row.extended_at is not None:
            raise WrongState(f"request {number}: was extended on {row.extended_at:%Y-%m-%d} already; once is all, answer by {row.due}")
        values = (due.isoformat(), to_ms(engine.clock()), reason, number)
        sql(db, "UPDATE requests SET due = ?, extended_at = ?, extended_why = ? WHERE id = ?", values)
        audit.append(engine, db, "request.extend", f"request {number}", {"due": due.isoformat(), "reason": reason})


def close(engine: Engine, number: int, outcome: str) -> None:
    """Who asked is forgotten here: what is left says that a request was answered, when and how."""
    with engine.change() as db:
        _open_one(engine, number)
        values = (to_ms(engine.clock()), outcome, number)
        sql(db, "UPDATE requests SET closed_at = ?, outcome = ?, subject = NULL WHERE id = ?", values)
        sql(db, engine.FORGET_SUBJECTS, (number,))
        audit.append(engine, db, "request.close", f"request {number}", {"outcome": outcome})


def _open_one(engine: Engine, number: int) -> RequestRow:
    found = select(engine, number=number)
    if not found:
        raise WrongState(f"request {number}: does not exist; see: asterisk-privacy subject request list")
    if found[0].closed_at is not None:
        raise WrongState(f"request {number}: was closed on {found[0].closed_at:%Y-%m-%d}; open a new one with: subject request open")
    return found[0]


def select(engine: Engine, *, number: int | None = None, only_open: bool = False) -> list[RequestRow]:
    """The first due first."""
    with engine.read() as db:
        where = " AND ".join(["id = ?"] * (number is not None) + ["closed_at IS NULL"] * only_open) or "1 = 1"
        rows = sql(db, f"SELECT {_COLUMNS} FROM requests WHERE {where} ORDER BY due, id", () if number is None else (number,)).fetchall()
    return [_readable(row) for row in rows]


def _readable(r: Sequence[Any]) -> RequestRow:
    try:
        return RequestRow(
            id=r[0],
            kind=RequestKind(r[1]),
            about=About(r[2]),
            subject=r[3],
            identity_check=r[4],
            received=date.fromisoformat(r[5]),
            due=date.fromisoformat(r[6]),
            opened_at=from_ms(r[7]),
            opened_by=r[8],
            extended_at=from_ms_or_none(r[9]),
            extended_why=r[10],
            closed_at=from_ms_or_none(r[11]),
            outcome=r[12],
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise OperatorError(f"request {r[0]}: its row cannot be read ({error}); restore the registry from a backup") from error
