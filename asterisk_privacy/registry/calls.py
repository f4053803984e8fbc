"""Calls: begun, what the customer chose, ended; and forgetting who the customer was."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from peewee import Database

from asterisk_privacy.call.commands import ConsentKind, Outcome
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit, participants
from asterisk_privacy.registry.clock import from_ms, from_ms_or_none, to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.models import Call, Consent
from asterisk_privacy.registry.rows import LIVING, CallRow, ConsentNote, WrongState

# Plain SQL: a model's query costs more than the change itself, and these are made for each call.
_BEGIN = """INSERT INTO calls (id, profile, direction, begun_at, customer_hash, customer_sealed, node, tenant, spans, marks)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, '[]', '[]')"""
_TELL = "UPDATE calls SET spans = ?, marks = ? WHERE id = ? AND ended_at IS NULL"
_NUMBERED = """(customer_hash IS NOT NULL OR customer_sealed IS NOT NULL OR EXISTS (SELECT 1 FROM participants p
    WHERE p.call_id = calls.id AND (p.number_hash IS NOT NULL OR p.number_sealed IS NOT NULL)))"""
_NOTHING_KEPT = f"""{_NUMBERED} AND NOT EXISTS (SELECT 1 FROM recordings r
    WHERE r.call_id = calls.id AND r.deidentified IS NULL AND r.state IN ({", ".join(f"'{state.value}'" for state in LIVING)}))"""
_ALL_IS_GONE = f"""UPDATE calls SET outcome = CASE outcome WHEN 'kept' THEN 'not-kept' ELSE outcome END,
    spans = replace(spans, '["talk",', '["erased",') WHERE id = ? AND ended_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM recordings r WHERE r.call_id = calls.id)
    AND NOT EXISTS (SELECT 1 FROM recordings r WHERE r.call_id = calls.id AND r.state IN ({", ".join(f"'{s.value}'" for s in LIVING)}))"""
_END = f"""UPDATE calls SET ended_at = ?, outcome = ?, spans = ?, marks = ? WHERE id = ? AND ended_at IS NULL
    RETURNING {_NOTHING_KEPT}"""


def begin(
    engine: Engine,
    call_id: str,
    profile: str,
    at: datetime,
    customer_hash: str | None,
    customer_sealed: bytes | None,
    direction: str,
    tenant: str | None = None,
) -> None:
    values = (call_id, profile, direction, to_ms(at), customer_hash, customer_sealed, engine.node, tenant)
    with engine.change_own() as db:
        sql(db, _BEGIN, values)
        told = {} if engine.node is None else {"node": engine.node}
        audit.append(engine, db, "call.begin", call_id, {"profile": profile, "direction": direction, "at": at.isoformat(), **told})


def note_consent(engine: Engine, call_id: str, at: datetime, kind: ConsentKind, key: str | None, detail: str) -> None:
    with engine.change_own() as db:
        values = (call_id, to_ms(at), kind.value, key, detail)
        sql(db, "INSERT INTO consents (call_id, at, kind, pressed, detail) VALUES (?, ?, ?, ?, ?)", values)
        audit.append(engine, db, f"consent.{kind}", call_id, {"at": at.isoformat(), **({} if key is None else {"key": key})})


def tell(engine: Engine, call_id: str, people: Sequence[Participant], spans: Sequence[Span], marks: Sequence[Mark]) -> None:
    with engine.change_own() as db:
        if sql(db, _TELL, (_dump_spans(spans), _dump_marks(marks), call_id)).rowcount:
            participants.write(db, call_id, people)


def end(
    engine: Engine,
    call_id: str,
    at: datetime,
    outcome: Outcome,
    people: Sequence[Participant],
    spans: Sequence[Span],
    marks: Sequence[Mark],
) -> None:
    with engine.change_own() as db:
        participants.write(db, call_id, people)  # before it is looked whether their numbers are to be forgotten
        values = (to_ms(at), outcome.value, _dump_spans(spans), _dump_marks(marks), call_id)
        found = sql(db, _END, values).fetchone()
        if found is None:
            raise WrongState(f"call {call_id}: cannot end it: it does not exist or has ended already")
        audit.append(engine, db, "call.end", call_id, {"outcome": outcome.value, "at": at.isoformat()})
        tell_if_all_is_gone(db, call_id)
        if found[0]:
            forget_customer_if_unneeded(engine, db, call_id)


def tell_if_all_is_gone(db: Database, call_id: str) -> None:
    """Once a call is over and no recording of it is left, in whatever way the last one ended, its row says so: nothing is kept, and what
    was said is erased. The audit trail goes on telling how it ended. A call that never had a recording is as its end told it."""
    sql(db, _ALL_IS_GONE, (call_id,))


def forget_customer_if_unneeded(engine: Engine, db: Database, call_id: str) -> None:
    """Once a call is over and nothing of it is kept in which the customer is heard, who called is nobody's business any more; nor who
    came to it later."""
    query = f"UPDATE calls SET customer_hash = NULL, customer_sealed = NULL WHERE id = ? AND ended_at IS NOT NULL AND {_NOTHING_KEPT}"
    if sql(db, query, (call_id,)).rowcount:
        participants.forget_numbers(db, call_id)
        audit.append(engine, db, "call.forget-customer", call_id, {})


def open_(engine: Engine) -> list[str]:
    """The newest first; also those whose rows cannot be read."""
    with engine.read() as db:
        query = f"SELECT id FROM calls c WHERE ended_at IS NULL AND {engine.own('c')} ORDER BY begun_at DESC, id DESC"
        return [call_id for (call_id,) in sql(db, query).fetchall()]


def select(engine: Engine, *, call_id: str | None, limit: int | None, customer_hash: str | None) -> list[CallRow]:
    """The newest first. OperatorError names a row that cannot be read."""
    with engine.read() as db:
        query = Call.select().order_by(Call.begun_at.desc(), Call.id.desc()).limit(limit)
        if call_id is not None:
            query = query.where(Call.id == call_id)
        if customer_hash is not None:
            query = query.where(Call.customer_hash == customer_hash)
        found = list(query.execute(db))
        notes: dict[str, list[ConsentNote]] = defaultdict(list)
        for call in found:
            for c in Consent.select().where(Consent.call_id == call.id).order_by(Consent.id).execute(db):
                notes[call.id].append(ConsentNote(from_ms(c.at), ConsentKind(c.kind), c.pressed, c.detail))
        people = participants.of_calls(db, [call.id for call in found])
    return [_readable(call, notes[call.id], people.get(call.id, ())) for call in found]


def _readable(call: Call, consent: Sequence[ConsentNote], people: tuple[Participant, ...]) -> CallRow:
    try:
        return _row(call, consent, people)
    except (ValueError, TypeError, OverflowError) as error:
        raise OperatorError(f"call {call.id}: its row cannot be read ({error}); restore the registry from a backup") from error


def _row(call: Call, consent: Sequence[ConsentNote], people: tuple[Participant, ...]) -> CallRow:
    return CallRow(
        id=call.id,
        profile=call.profile,
        direction=call.direction,
        begun_at=from_ms(call.begun_at),
        ended_at=from_ms_or_none(call.ended_at),
        outcome=None if call.outcome is None else Outcome(call.outcome),
        participants=people,
        customer_hash=call.customer_hash,
        customer_sealed=None if call.customer_sealed is None else bytes(call.customer_sealed),
        consent=tuple(consent),
        spans=load_spans(call.spans),
        marks=load_marks(call.marks),
        tenant=call.tenant,
    )


def _dump_spans(spans: Sequence[Span]) -> str:
    return json.dumps([[s.kind.value, s.start_ms, s.end_ms] for s in spans], separators=(",", ":"))


def _dump_marks(marks: Sequence[Mark]) -> str:
    return json.dumps([[m.kind.value, m.at_ms] for m in marks], separators=(",", ":"))


def load_spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(SpanKind(kind), start_ms, end_ms) for kind, start_ms, end_ms in json.loads(text))


def load_marks(text: str) -> tuple[Mark, ...]:
    return tuple(Mark(MarkKind(kind), at) for kind, at in json.loads(text))
