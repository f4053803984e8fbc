"""What each sealed recording is known by: the row, which must agree with what the audit trail told when it was sealed or replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from peewee import Database

from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import from_ms, to_ms
from asterisk_privacy.registry.engine import Engine, sql

MET = "recording.not-as-recorded"  # audit entry: somebody met a file, or a row, that is not what was recorded
PAGE = 200
_REPLACED, _GIVEN = "recording.deidentify", "recording.pieces"
_TELLING = ("recording.seal", _REPLACED, _GIVEN)


@dataclass(frozen=True, slots=True)
class Lacking:
    """A sealed recording without pieces."""

    recording_id: str
    content: Content


@dataclass(frozen=True, slots=True)
class Met:
    recording_id: str
    at: datetime
    by: str
    where: str  # what it was met by: a listen, an upload, the nightly run ...
    why: str


class Contents:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keys_in_use(self) -> list[tuple[frozenset[str], int, str]]:
        """Fingerprints of the keys to which recordings that live are sealed, how many are, and the id of one of them. There are few such
        sets: each change of the recipients file makes one. Without those that were sealed before it was noted."""
        query = """SELECT sealed_to, count(*), min(id) FROM recordings WHERE state = 'sealed' AND sealed_to IS NOT NULL
            GROUP BY sealed_to ORDER BY sealed_to"""
        with self._engine.read() as db:
            return [(frozenset(keys.split()), count, one) for keys, count, one in sql(db, query)]

    def of(self, recording_id: str) -> Content | None:
        """None: it is not sealed, or there is none. NotAsRecorded: the row is not what the audit trail tells."""
        with self._engine.read() as db:
            query = "SELECT size, sha256, pieces, truncated FROM recordings WHERE id = ? AND state = 'sealed'"
            found = sql(db, query, (recording_id,)).fetchone()
            if found is None:
                return None
            size, sha256, pieces, truncated = found
            content = Content(size or 0, sha256 or "", None if pieces is None else bytes(pieces), bool(truncated))
            if not _fits(db, recording_id, content):
                raise NotAsRecorded(
                    f"recording {recording_id}: its row is not what the audit trail tells of it; it is not heard or copied. Was the "
                    "registry restored from a backup? see: asterisk-privacy audit verify"
                )
            return content

    def is_still(self, recording_id: str, sha256: str) -> bool:
        """Whether its row still says so. False: it was replaced or deleted meanwhile, and a file that is another one is no wonder."""
        with self._engine.read() as db:
            found = sql(db, "SELECT sha256 FROM recordings WHERE id = ? AND state = 'sealed'", (recording_id,)).fetchone()
        return found is not None and found[0] == sha256

    def lacking(self) -> Iterator[Lacking]:
        """Recordings without pieces whose files this node reaches. A page at a time: no transaction stays open meanwhile."""
        after = ""
        while True:
            query = f"""SELECT id, size, sha256, truncated FROM recordings r
                WHERE state = 'sealed' AND pieces IS NULL AND id > ? AND {self._engine.in_reach("r")} ORDER BY id LIMIT ?"""
            with self._engine.read() as db:
                page = sql(db, query, (after, PAGE)).fetchall()
            yield from (Lacking(one, Content(size or 0, sha256 or "", None, bool(cut))) for one, size, sha256, cut in page)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def give(self, recording_id: str, content: Content) -> bool:
        """Its pieces, measured of a file that is the row's. False: it has become another one, or is gone."""
        assert content.pieces is not None
        with self._engine.change_own() as db:
            change = "UPDATE recordings SET pieces = ? WHERE id = ? AND sha256 = ? AND size = ? AND state = 'sealed' AND pieces IS NULL"
            if not sql(db, change, (content.pieces, recording_id, content.sha256, content.size)).rowcount:
                return False
            detail = {"sha256": content.sha256, "pieces": told(content.pieces)}
            audit.append(self._engine, db, _GIVEN, recording_id, detail)
        return True

    def note_met(self, recording_id: str, where: str, why: str) -> None:
        """Whoever meets what is not as recorded says so here; the recorder raises the alarm."""
        with self._engine.change() as db:
            audit.append(self._engine, db, MET, recording_id, {"where": where, "why": why})

    def met_since(self, at: datetime) -> list[Met]:
        """The oldest first."""
        query = f"SELECT at, subject, actor, detail FROM audit WHERE action = '{MET}' AND at > ? ORDER BY at"
        with self._engine.read() as db:
            rows = sql(db, query, (to_ms(at),)).fetchall()
        told_of = [(moment, subject, actor, json.loads(detail)) for moment, subject, actor, detail in rows]
        return [Met(subject, from_ms(moment), actor, d.get("where", ""), d.get("why", "")) for moment, subject, actor, d in told_of]


def note_destroyed(engine: Engine, db: Database, recording_id: str, sha256: object) -> None:
    """A deletion never waits for an answer to whose file that was; but its own audio may lie elsewhere then, and that is told."""
    (known,) = sql(db, "SELECT sha256 FROM recordings WHERE id = ?", (recording_id,)).fetchone()
    if sha256 is not None and known is not None and sha256 != known:
        why = "what was destroyed in its place was not what was recorded: its SHA-256 is another one"
        audit.append(engine, db, MET, recording_id, {"where": "its deletion", "why": why, "sha256": str(sha256)})


def told(pieces: bytes) -> str:
    """As the audit trail tells of them: half a SHA-256 (hex) over all."""
    return hashlib.sha256(pieces).hexdigest()[:32]


def _fits(db: Database, recording_id: str, content: Content) -> bool:
    """Whether the newest entry about its bytes says the same.

    It is sealed once, and may be replaced later: that order holds whatever the clocks of those who wrote say.
    """
    query = f"SELECT action, at, seq, detail FROM audit WHERE subject = ? AND action IN ({', '.join('?' * len(_TELLING))})"
    rows = sql(db, query, (recording_id, *_TELLING)).fetchall()
    entries = [(action, json.loads(detail)) for action, _, _, detail in sorted(rows, key=_order)]
    made = [detail for action, detail in entries if action != _GIVEN]
    if not made or (made[-1].get("sha256"), made[-1].get("size")) != (content.sha256, str(content.size)):
        return False
    of_these = [detail.get("pieces") for _, detail in entries if detail.get("sha256") == content.sha256]
    return content.pieces is None or told(content.pieces) in of_these


def _order(entry: tuple[str, int, int, str]) -> tuple[bool, int, int]:
    action, at, seq, _ = entry
    return action == _REPLACED, at, seq
