"""Rows that are about no recording any more, or never were: what of them goes, and when (policy/row_life.py). The audit trail stays.

    unkept      a call of which nothing was ever kept: all of it goes, `unkept_calls_days` after it ended
    reduced     a call whose recordings are all deleted: who took part and the timeline go, as long after the last deletion
    evidence    the rest of it (times, purposes, notice, proof of deletion) goes `evidence_days` after the last deletion

Nothing is touched of a call under a legal hold, in an open case, under a restriction, or about which a request is open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from peewee import Database

from asterisk_privacy.policy.purpose import Period
from asterisk_privacy.policy.row_life import RowLife
from asterisk_privacy.policy.sampling import period_of
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.engine import Engine, sql

BATCH = 1000  # calls in one transaction and one audit entry: the daemon's own rows must not wait for more

# What hangs on a recording, and on a call. A test holds this against the foreign keys of the schema.
OF_RECORDINGS = ("recording_purposes", "milestones", "case_links", "legal_holds", "lessons", "restrictions", "quota_places")
OF_CALLS = ("consents", "participants", "campaign_calls")

_FREE = """NOT EXISTS (SELECT 1 FROM recordings r WHERE r.call_id = c.id AND (
        EXISTS (SELECT 1 FROM restrictions x WHERE x.recording_id = r.id AND x.lifted_at IS NULL)
        OR EXISTS (SELECT 1 FROM legal_holds h WHERE h.recording_id = r.id AND h.released_at IS NULL)
        OR EXISTS (SELECT 1 FROM case_links l JOIN cases k ON k.id = l.case_id WHERE l.recording_id = r.id AND (k.closed_at IS NULL
            OR EXISTS (SELECT 1 FROM legal_holds h WHERE h.case_id = k.id AND h.released_at IS NULL)))))
    AND NOT EXISTS (SELECT 1 FROM request_subjects s WHERE s.subject = c.customer_hash OR EXISTS (
        SELECT 1 FROM participants p WHERE p.call_id = c.id AND (p.number_hash = s.subject OR lower(p.endpoint) = s.subject)))"""
_NONE_KEPT = "NOT EXISTS (SELECT 1 FROM recordings r WHERE r.call_id = c.id AND r.state != 'erased')"
_NONE_LEFT = """NOT EXISTS (SELECT 1 FROM recordings r
    WHERE r.call_id = c.id AND (r.state NOT IN ('purged', 'erased') OR r.state_at > :before))"""
# "+" keeps SQLite from taking the index over all that is purged, once for each call
_WAS_KEPT = "EXISTS (SELECT 1 FROM recordings r WHERE r.call_id = c.id AND +r.state = 'purged')"
_TELLS = "(EXISTS (SELECT 1 FROM participants p WHERE p.call_id = c.id) OR c.spans != '[]' OR c.marks != '[]')"

# Each takes the moment as :before.
UNKEPT = f"SELECT c.id FROM calls c WHERE c.ended_at <= :before AND {_NONE_KEPT} AND {_FREE}"
DELETED = f"SELECT c.id FROM calls c WHERE c.ended_at <= :before AND {_WAS_KEPT} AND {_NONE_LEFT} AND {_FREE}"
TALKATIVE = f"{DELETED} AND {_TELLS}"
OLD_CASES = """SELECT k.id FROM cases k WHERE k.closed_at <= :before AND NOT EXISTS (SELECT 1 FROM case_links l WHERE l.case_id = k.id)
    AND NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.case_id = k.id AND h.released_at IS NULL)"""


@dataclass(frozen=True, slots=True)
class Expired:
    """How many rows went, or would go."""

    unkept: int = 0  # calls
    reduced: int = 0  # calls
    evidence: int = 0  # calls, with their recordings' rows
    cases: int = 0  # closed ones of which no recording's row is left

    def __add__(self, other: Expired) -> Expired:
        return Expired(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def __bool__(self) -> bool:
        return self != Expired()


def would_expire(engine: Engine, now: datetime, life: RowLife) -> Expired:
    """What the next run would take, by now."""
    unkept, evidence = {"before": to_ms(life.unkept_before(now))}, {"before": to_ms(life.evidence_before(now))}
    with engine.read() as db:
        gone = _count(db, DELETED, evidence)
        reduced = f"{TALKATIVE} AND c.id NOT IN ({DELETED.replace(':before', ':evidence')})"
        return Expired(
            unkept=_count(db, UNKEPT, unkept),
            reduced=_count(db, reduced, {**unkept, "evidence": evidence["before"]}),
            evidence=gone,
            cases=_count(db, OLD_CASES, evidence),
        )


def expire(engine: Engine, now: datetime, life: RowLife) -> Expired:
    """In batches, each with its audit entry; on an ordinary night one. It goes on where it was cut off."""
    unkept, evidence = to_ms(life.unkept_before(now)), to_ms(life.evidence_before(now))
    # the oldest evidence first: what goes as a whole need not be reduced before
    wanted = {"evidence": (DELETED, evidence), "unkept": (UNKEPT, unkept), "reduced": (TALKATIVE, unkept), "cases": (OLD_CASES, evidence)}
    total = Expired()
    while wanted:
        with engine.read() as db:  # searching takes its time; the daemon must be able to write meanwhile
            found = {kind: _ids(db, query, before) for kind, (query, before) in wanted.items()}
        if any(found.values()):
            total += _batch(engine, wanted, found, now)
        wanted = {kind: search for kind, search in wanted.items() if len(found[kind]) == BATCH}
    with engine.change() as db:
        _forget_quotas(db, now)
    engine.fold()  # what went must not live on in the write-ahead log
    return total


def _batch(engine: Engine, wanted: Mapping[str, tuple[str, int]], found: Mapping[str, Sequence[str]], now: datetime) -> Expired:
    """What was found, as far as nothing protects it by now."""
    counts = dict.fromkeys(_WAYS, 0)
    with engine.change() as db:
        for kind, ids in found.items():
            query, before = wanted[kind]
            still = _ids(db, query, before, None if kind == "cases" else ids)  # a case may have lost its last recording just now
            _WAYS[kind](db, still)
            counts[kind] = len(still)
        done = Expired(**counts)
        if done:
            audit.append(engine, db, "rows.expire", "", {"at": now.isoformat(), **{kind: str(count) for kind, count in counts.items()}})
    return done


def _delete_calls(db: Database, calls: Sequence[str]) -> None:
    recordings = f"SELECT id FROM recordings WHERE call_id IN ({_marks(calls)})"
    for table in OF_RECORDINGS:
        sql(db, f"DELETE FROM {table} WHERE recording_id IN ({recordings})", calls)
    for table in ("recordings", *OF_CALLS):
        sql(db, f"DELETE FROM {table} WHERE call_id IN ({_marks(calls)})", calls)
    sql(db, f"DELETE FROM calls WHERE id IN ({_marks(calls)})", calls)


def _forget_quotas(db: Database, now: datetime) -> None:
    """How many calls an agent had in a period that is over, once no recording of it is left. A day more on both sides, for time zones."""
    running = tuple({period_of((now + timedelta(days=n)).date(), per) for n in (-1, 0, 1) for per in Period})
    gone = "SELECT id FROM recordings WHERE state IN ('purged', 'erased')"
    sql(db, f"DELETE FROM quota_places WHERE period NOT IN ({_marks(running)}) AND recording_id IN ({gone})", running)
    held = "SELECT 1 FROM quota_places p WHERE p.purpose = q.purpose AND p.agent = q.agent AND p.period = q.period"
    sql(db, f"DELETE FROM quota_counts AS q WHERE period NOT IN ({_marks(running)}) AND NOT EXISTS ({held})", running)


def _reduce(db: Database, calls: Sequence[str]) -> None:
    sql(db, f"DELETE FROM participants WHERE call_id IN ({_marks(calls)})", calls)
    sql(db, f"UPDATE calls SET spans = '[]', marks = '[]' WHERE id IN ({_marks(calls)})", calls)


def _delete_cases(db: Database, cases: Sequence[str]) -> None:
    for table, column in (("legal_holds", "case_id"), ("case_events", "case_id"), ("cases", "id")):
        sql(db, f"DELETE FROM {table} WHERE {column} IN ({_marks(cases)})", cases)


_WAYS = {"evidence": _delete_calls, "unkept": _delete_calls, "reduced": _reduce, "cases": _delete_cases}


def _ids(db: Database, query: str, before: int, among: Sequence[str] | None = None) -> list[str]:
    """At most BATCH; those `among` these, if given."""
    query = query.replace(":before", str(before))
    if among is None:
        return [found for (found,) in sql(db, f"{query} LIMIT {BATCH}")]
    return [found for (found,) in sql(db, f"SELECT id FROM ({query}) AS found WHERE id IN ({_marks(among)})", among)]


def _count(db: Database, query: str, moments: dict[str, int]) -> int:
    for name, moment in moments.items():
        query = query.replace(f":{name}", str(moment))
    return int(sql(db, f"SELECT count(*) FROM ({query}) AS found").fetchone()[0])


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
