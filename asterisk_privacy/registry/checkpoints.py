"""Signed checkpoints of the audit trail: how many entries it had, where its chain ended, and when. In the registry, and in a file.

The file is there to be shipped elsewhere: what was shipped shows later that the trail was cut or computed anew, even by somebody
who can write this machine's registry, its file and its key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from peewee import Database

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.checkpoint import Checkpoint
from asterisk_privacy.registry.engine import Engine, sql
from asterisk_privacy.registry.signing import Signer

ACTION = "audit.checkpoint"
_COLUMNS = "number, entries, head, at, key, signature"


class Broken(OperatorError):
    """The trail was tampered with: what is broken is not vouched for."""


class NotWritten(OperatorError):
    """The checkpoint is in the registry, its file could not be written; the next checkpoint writes both."""


def stored(db: Database) -> list[Checkpoint]:
    return [Checkpoint(*row) for row in sql(db, f"SELECT {_COLUMNS} FROM checkpoints ORDER BY number")]


def announced(db: Database) -> dict[int, int]:
    """Numbers of checkpoints of which the trail itself tells, with the entry that does."""
    rows = sql(db, "SELECT seq, detail FROM audit WHERE action = 'audit.checkpoint' ORDER BY seq").fetchall()
    told: Mapping[int, str] = {seq: str(json.loads(detail).get("number", "")) for seq, detail in rows if _is_object(detail)}
    return {int(number): seq for seq, number in told.items() if number.isdigit()}


def make(engine: Engine, signer: Signer, beside: Path) -> Checkpoint:
    """Signs the trail as it stands, once its chain was walked from the last checkpoint on: Broken if it is not sound, NotWritten when only
    the file fails."""
    _walk(engine)  # most of it without the write lock
    with engine.change() as db:
        last = stored(db)[-1:]
        number = max([*(c.number for c in last), *announced(db)], default=0) + 1
        audit.append(engine, db, ACTION, "", {"number": str(number)})
        _refuse_broken(engine, audit.check(engine, db, _start(last)))
        entries, head = sql(db, "SELECT entries, hash FROM audit_head WHERE id = 1").fetchone()
        unsigned = Checkpoint(number, int(entries), head, engine.clock().isoformat(timespec="seconds"), signer.key_id, "")
        made = Checkpoint(**{**asdict(unsigned), "signature": signer.sign(unsigned.message)})
        sql(db, f"INSERT INTO checkpoints ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", tuple(asdict(made).values()))
        known = stored(db)
    _append(beside, known)
    return made


def _walk(engine: Engine) -> None:
    with engine.read() as db:
        _refuse_broken(engine, audit.check(engine, db, _start(stored(db)[-1:])))


def _start(last: Sequence[Checkpoint]) -> tuple[int, str] | None:
    return (last[0].entries, last[0].head) if last else None


def _refuse_broken(engine: Engine, walked: audit.Walk) -> None:
    if walked.why is not None:
        raise Broken(f"audit trail of {engine.where}: {walked.why}; no checkpoint was signed; see: asterisk-privacy audit verify")


def _append(path: Path, known: Sequence[Checkpoint]) -> None:
    """What the file does not have yet: also those that an earlier failure kept out of it. At its end only, so that `chattr +a` is fine."""
    try:
        try:
            text = path.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            text = ""
        there = {line.strip() for line in text.split("\n")}
        missing = [c.line for c in known if c.line not in there]
        if not missing:
            return
        torn = "" if not text or text.endswith("\n") else "\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as out:
            out.write(torn + "".join(f"{line}\n" for line in missing))
            out.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise NotWritten(
            f"checkpoints {path}: cannot be written ({error.strerror}); the checkpoint is in the registry only; mend the file's place, "
            "the next one writes both, or set [registry] checkpoints"
        ) from error


def _is_object(detail: str) -> bool:
    try:
        return isinstance(json.loads(detail), dict)
    except ValueError:
        return False
