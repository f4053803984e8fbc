"""Rows against the audit trail, which tells of the begin, the seal and the end of each recording, and of legal holds and restrictions.

A row that was removed, changed or brought in by another way than the program does not fit it. A recording whose row and file were both
removed is missed by nothing else; and a hold that is gone would let go what must be kept.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any

from peewee import Database

from asterisk_privacy.registry import audit, contents
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.rows import State, WrongState

LOST = "reconcile.row-lost"  # a person knows that the row is gone
_FILES = ("recording.seal", "recording.deidentify", "recording.pieces")
_TELLING = ("recording.begin", *_FILES, "recording.purged", "recording.erase", LOST)
_ENTRIES = (
    f"""SELECT subject, action, detail FROM audit WHERE action IN ({", ".join(f"'{action}'" for action in _TELLING)}) ORDER BY subject"""
)
_ROWS = "SELECT id, state, sha256, size, pieces FROM recordings ORDER BY id"
AHEAD = timedelta(days=1)


class RowKind(StrEnum):
    LOST = "row-lost"  # the trail tells of a recording that has no row
    CHANGED = "row-changed"
    UNTOLD = "row-untold"  # a row of which the trail tells nothing
    AHEAD = "dated-ahead"  # recorded by a clock that was ahead


@dataclass(frozen=True, slots=True)
class RowFault:
    kind: RowKind
    subject: str
    what: str


@dataclass(slots=True)
class _Told:
    """Of one recording. `before`: hashes of files whose place another version has taken."""

    begun: bool = False
    ended: str = ""
    files: dict[str, str] = field(default_factory=dict)  # size by hash
    before: set[str] = field(default_factory=set)
    pieces: set[tuple[str, str]] = field(default_factory=set)  # of which file, and their hash

    @property
    def file(self) -> tuple[str, str] | None:
        """Hash and size of the latest version."""
        left = [(digest, size) for digest, size in self.files.items() if digest not in self.before]
        return left[0] if len(left) == 1 else None


def against_trail(engine: Engine, now: datetime) -> Iterator[RowFault]:
    """Of all nodes. One recording at a time is in memory; rows and trail are those of one moment."""
    with engine.read() as db:
        entries = itertools.groupby(engine.stream(_ENTRIES), itemgetter(0))
        yield from _merged(iter(engine.stream(_ROWS)), ((subject, _told(group)) for subject, group in entries))
        yield from _protections(db)
        ahead = "SELECT id, recorded_at FROM recordings WHERE state = 'sealed' AND recorded_at > ? ORDER BY id"
        for recording_id, _ in sql(db, ahead, (to_ms(now + AHEAD),)).fetchall():
            what = f"{recording_id}: is dated in the future, by a clock that was ahead, and would be kept until then"
            yield RowFault(RowKind.AHEAD, recording_id, f"{what}; reconcile --settle dates it today")


def note_lost(engine: Engine, recording_id: str, at: datetime) -> None:
    """Its row is known to be gone; the trail says so from now on."""
    with engine.change() as db:
        audit.append(engine, db, LOST, recording_id, {"at": at.isoformat()})


def mend(engine: Engine, recording_id: str, sha256: str, at: datetime) -> None:
    """Hash and size of the row as the trail has them, if the file has this hash. WrongState: it has another."""
    with engine.change() as db:
        query = f"SELECT subject, action, detail FROM audit WHERE subject = ? AND action IN ({', '.join('?' * len(_TELLING))})"
        file = _told(sql(db, query, (recording_id, *_TELLING)).fetchall()).file
        if file is None or file[0] != sha256:
            raise WrongState(
                f"recording {recording_id}: its file is not the one of which the audit trail tells; restore both from a backup"
            )
        (was,) = sql(db, "SELECT sha256 FROM recordings WHERE id = ?", (recording_id,)).fetchone()
        change = "UPDATE recordings SET sha256 = ?, size = ?, pieces = NULL WHERE id = ? AND state = 'sealed'"  # a night gives it new ones
        sql(db, change, (*file[:1], int(file[1]), recording_id))
        detail = {"at": at.isoformat(), "sha256_was": str(was), "sha256": sha256}
        audit.append(engine, db, "reconcile.row-mended", recording_id, detail)


def date_today(engine: Engine, recording_id: str, now: datetime) -> None:
    """Of a recording that a clock which was ahead has dated in the future: it was made before now."""
    with engine.change() as db:
        query = "UPDATE recordings SET recorded_at = ?, eventful = 1 WHERE id = ? AND state = 'sealed' AND recorded_at > ?"
        if sql(db, query, (to_ms(now), recording_id, to_ms(now))).rowcount:
            audit.append(engine, db, "reconcile.redated", recording_id, {"at": now.isoformat()})


def _told(group: Iterable[Sequence[Any]]) -> _Told:
    told = _Told()
    for _, action, text in group:
        if action == "recording.begin":
            told.begun = True
        elif action in _FILES:
            detail = _detail(text)
            told.pieces |= {(detail.get("sha256", ""), detail["pieces"])} if "pieces" in detail else set()
            if action == "recording.pieces":
                continue
            told.files[detail.get("sha256", "")] = detail.get("size", "")
            told.before |= {detail["sha256_before"]} if "sha256_before" in detail else set()
        else:
            told.ended = {"recording.purged": "purged", "recording.erase": "erased", LOST: "lost"}[action]
    return told


def _merged(rows: Iterator[Sequence[Any]], told: Iterator[tuple[str, _Told]]) -> Iterator[RowFault]:
    row, entry = next(rows, None), next(told, None)
    while row is not None or entry is not None:
        recording_id = min(one[0] for one in (row, entry) if one is not None)
        here = row if row is not None and row[0] == recording_id else None
        there = entry[1] if entry is not None and entry[0] == recording_id else None
        fault = _judged(recording_id, here, there)
        if fault is not None:
            yield fault
        row = next(rows, None) if here is not None else row
        entry = next(told, None) if there is not None else entry


def _judged(recording_id: str, row: Sequence[Any] | None, told: _Told | None) -> RowFault | None:
    restore = "somebody changed the registry by another way than the program; restore it from a backup"
    if row is None:
        if told is None or not told.begun or told.ended:
            return None
        return RowFault(RowKind.LOST, recording_id, f"{recording_id}: the audit trail tells of it, and its row is gone; {restore}")
    if told is None or not told.begun:
        return RowFault(RowKind.UNTOLD, recording_id, f"{recording_id}: the audit trail does not tell of its begin; {restore}")
    why = _contradiction(State(row[1]), row[2], row[3], row[4], told)
    return None if why is None else RowFault(RowKind.CHANGED, recording_id, f"{recording_id}: {why}; {restore}")


def _contradiction(state: State, sha256: str | None, size: int | None, pieces: bytes | None, told: _Told) -> str | None:
    if state in (State.PURGED, State.ERASED):
        return None if told.ended == state.value else f"its row says {state}, and the audit trail does not"
    if told.ended:
        return f"its row says {state}, and the audit trail says {told.ended}"
    if state is State.WRITING:
        return None if not told.files else "its row says writing, and the audit trail says sealed"
    if told.file is None:
        return f"its row says {state}, and the audit trail does not say that it was sealed"
    if (sha256, str(size)) != told.file:
        return "its row tells of another file than the audit trail"
    fits = pieces is None or (sha256, contents.told(bytes(pieces))) in told.pieces
    return None if fits else "its row has hashes of other pieces than the audit trail"


def _protections(db: Database) -> Iterator[RowFault]:
    holds = _in_force(db, "hold.place", "hold.release", lambda subject, text: _detail(text).get("hold", ""))
    there = {str(number) for (number,) in sql(db, "SELECT id FROM legal_holds WHERE released_at IS NULL").fetchall()}
    for number in sorted(holds.keys() - there):
        what = f"legal hold {number} on {holds[number]} was never released, and its row is gone or changed: place it again"
        yield RowFault(RowKind.CHANGED, f"hold {number}", f"{what}, or restore the registry from a backup")
    told = _in_force(db, "recording.restrict", "recording.lift-restriction", lambda subject, text: subject)
    restricted = {subject for (subject,) in sql(db, "SELECT recording_id FROM restrictions WHERE lifted_at IS NULL").fetchall()}
    for subject in sorted(told.keys() - restricted):
        what = f"{subject}: its restriction was never lifted, and its row is gone or changed: restrict it again"
        yield RowFault(RowKind.CHANGED, f"restriction {subject}", f"{what}, or restore the registry from a backup")


def _in_force(db: Database, begins: str, ends: str, key: Callable[[str, str], str]) -> dict[str, str]:
    """Subjects by key. Within a chain its own order counts, for a clock may be set back; only between nodes do clocks tell what was later.
    So what ended as often as it began is over, whatever those clocks say."""
    query = "SELECT chain, at, action, subject, detail FROM audit WHERE action IN (?, ?) ORDER BY chain, seq"
    chains = [list(group) for _, group in itertools.groupby(sql(db, query, (begins, ends)).fetchall(), itemgetter(0))]
    begun: Counter[str] = Counter()
    latest: dict[str, tuple[str, str]] = {}
    for _, _, action, subject, text in heapq.merge(*chains, key=itemgetter(1)):
        one = key(subject, text)
        begun[one] += 1 if action == begins else -1
        latest[one] = (action, subject)
    return {one: subject for one, (action, subject) in latest.items() if action == begins and begun[one] > 0}


def _detail(text: str) -> Mapping[str, str]:
    """What cannot be read fits nothing: its hash does not fit either, which the walk of the chain tells."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
