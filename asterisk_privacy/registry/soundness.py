"""Is this registry still what it was: its file or database, its audit chains, its rows? For the nightly run and the daemon's watch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asterisk_privacy.registry import audit, chains, rows_and_trail, vouch
from asterisk_privacy.registry.checkpoint import Checkpoint
from asterisk_privacy.registry.engine import Engine, Head, sql
from asterisk_privacy.registry.file_checks import FileChecks
from asterisk_privacy.registry.findings import Findings
from asterisk_privacy.registry.rows_and_trail import RowFault
from asterisk_privacy.registry.signing import Signer


@dataclass(frozen=True, slots=True)
class Walked:
    """The end of each chain, and what is wrong, one sentence each."""

    heads: Mapping[str, Head]
    faults: tuple[str, ...]
    entries: int  # that were walked


class Soundness:
    """Every method may raise OperatorError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def findings(self) -> Findings:
        return Findings(self._engine)

    @property
    def files(self) -> FileChecks:
        return FileChecks(self._engine)

    def end(self, known: Head | None) -> tuple[Head | None, str | None]:
        """Where this node's chain ends now, and why this is not the registry that it was at `known`, if it is not. Cheap."""
        engine = self._engine
        why = engine.replaced()
        if why is not None:
            return known, why
        with engine.read() as db:
            found = sql(db, "SELECT entries, hash FROM audit_head WHERE chain = ?", (engine.chain,)).fetchone()
            there = None
            if known is not None and known.entries:
                query = "SELECT hash FROM audit WHERE chain = ? AND seq = ?"
                there = sql(db, query, (engine.chain, known.entries)).fetchone()
                if there is None or there[0] != known.hash:
                    what = f"entry {chains.entry_called(engine.chain, known.entries)} of its audit trail is gone or another one"
                    return known, f"{what}: it was emptied, or an older one took its place"
        return None if found is None else Head(int(found[0]), str(found[1])), None

    def rescue(self, copy: str | None = None) -> str | None:
        """A whole copy of a file that is gone from its place, into `copy` or a new one beside it; its path. None: no file. OSError."""
        return self._engine.rescue(copy)

    def damage(self) -> str | None:
        """What the database itself finds broken in its file."""
        return self._engine.damage()

    def walk(self, known: Mapping[str, Head]) -> Walked:
        """Every chain, from where it is `known` to be sound, else whole. The caller walks all of it now and then: an entry before that may
        have been changed without its hash."""
        engine = self._engine
        heads: dict[str, Head] = {}
        faults: list[str] = []
        count = 0
        with engine.read() as db:
            names = chains.there(engine, db)
            for name in names:
                walk = audit.check(engine, db, name, known.get(name))
                count += walk.entries - known.get(name, Head(0, "")).entries
                if walk.why is None:
                    heads[name] = Head(walk.entries, walk.last)
                else:
                    faults.append(f"{chains.called(name)}: {walk.why}" if len(names) > 1 else walk.why)
            faults += [f"{chains.called(name)}: the whole chain was deleted" for name in sorted(known.keys() - set(names))]
        if not faults and (why := audit.unguarded(engine)) is not None:
            faults.append(why)
        return Walked(heads, tuple(faults), count)

    def has(self, chain: str, head: Head) -> bool:
        """Whether the entry with which the chain ended then is still there."""
        with self._engine.read() as db:
            query = "SELECT hash FROM audit WHERE chain = ? AND seq = ?"
            found = sql(db, query, (chain, head.entries)).fetchone() if head.entries else (head.hash,)
        return found is not None and found[0] == head.hash

    def checkpoint(self, signer: Signer, beside: Path) -> Checkpoint:
        """Signs the trail as it stands, in the registry and in the file `beside`. Broken, NotWritten: see vouch.py."""
        return vouch.vouch(self._engine, signer, beside)

    def rows(self, now: datetime) -> Iterator[RowFault]:
        """Rows against the trail, of all nodes."""
        return rows_and_trail.against_trail(self._engine, now)

    def note_lost(self, recording_id: str, at: datetime) -> None:
        rows_and_trail.note_lost(self._engine, recording_id, at)

    def mend(self, recording_id: str, sha256: str, at: datetime) -> None:
        """`sha256`: of its file."""
        rows_and_trail.mend(self._engine, recording_id, sha256, at)

    def date_today(self, recording_id: str, now: datetime) -> None:
        rows_and_trail.date_today(self._engine, recording_id, now)
