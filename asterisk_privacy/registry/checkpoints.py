"""Signed checkpoints of the audit trail: how many entries it had, where its chain ended, and when. In the registry, and in a file.

What is signed is the first chain; of the others the entry tells that announces the checkpoint in it (chains.py), so that lines of a file
and signatures are the same, however many chains there are.

The file is there to be shipped elsewhere: what was shipped shows later that the trail was cut or computed anew, even by somebody
who can write this machine's registry, its file and its key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from peewee import Database

from asterisk_privacy import file_access
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit, chains
from asterisk_privacy.registry.checkpoint import Checkpoint
from asterisk_privacy.registry.engine import Engine, Head, sql
from asterisk_privacy.registry.signing import Signer

NAMED_HOURS = 12
"""So long a chain of another node is not named again: a thousand nodes that sign each night would each name a thousand."""
MANY = 10_000
"""Entries that are not walked while nobody can write."""
_ROUNDS = 5
_COLUMNS = "number, entries, head, at, key, signature"


class Broken(OperatorError):
    """The trail was tampered with: what is broken is not vouched for."""


class NotWritten(OperatorError):
    """The checkpoint is in the registry, its file could not be written; the next checkpoint writes both."""


def stored(db: Database) -> list[Checkpoint]:
    return [Checkpoint(*row) for row in sql(db, f"SELECT {_COLUMNS} FROM checkpoints ORDER BY number")]


def make(engine: Engine, signer: Signer, beside: Path) -> Checkpoint:
    """Signs the trail as it stands, once its chains were walked from where a checkpoint named them last: Broken if one is not sound,
    NotWritten when only the file fails."""
    walked: dict[str, Head] = {}
    for _ in range(_ROUNDS):  # most of it while others write
        with engine.read() as db:
            if _walk(engine, db, _to_name(engine, db), walked) < MANY:
                break
    with engine.change() as db:
        audit.take_in(engine, db)
        number = max([*(c.number for c in stored(db)), *(one.number for one in chains.told(db))], default=0) + 1
        named = _to_name(engine, db)
        _walk(engine, db, named, walked)
        others = {name: walked[name] for name in named if name != chains.FIRST}
        audit.append(engine, db, chains.SIGNED, "", {"number": str(number), **_naming(others)}, chain=chains.FIRST)
        _walk(engine, db, [chains.FIRST], walked)
        if (why := audit.unguarded(engine)) is not None:
            raise _broken(engine, why)
        entries, head = walked[chains.FIRST]
        unsigned = Checkpoint(number, entries, head, engine.clock().isoformat(timespec="seconds"), signer.key_id, "")
        made = Checkpoint(**{**asdict(unsigned), "signature": signer.sign(unsigned.message)})
        sql(db, f"INSERT INTO checkpoints ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", tuple(asdict(made).values()))
        known = stored(db)
    _append(beside, known)
    return made


def _naming(others: Mapping[str, Head]) -> dict[str, str]:
    return {"chains": chains.as_detail(others)} if others else {}


def _to_name(engine: Engine, db: Database) -> list[str]:
    """The first chain, and of the others those that have grown since a checkpoint named them; another node's not each night again."""
    before = chains.last_told(chains.told(db))
    since = engine.clock() - timedelta(hours=NAMED_HOURS)
    heads = {name: Head(int(entries), last) for name, entries, last in sql(db, "SELECT chain, entries, hash FROM audit_head").fetchall()}

    def again(name: str, head: Head) -> bool:
        if name not in before:
            return True
        one, at_that_time = before[name]
        return head != at_that_time and (name == engine.chain or one.at < since)

    headless = [name for name in chains.there(engine, db) if name not in heads]  # named, so that it is found
    grown = [name for name, head in sorted(heads.items()) if name != chains.FIRST and again(name, head)]
    return [*dict.fromkeys([chains.FIRST, *headless, *grown])]


def _walk(engine: Engine, db: Database, names: Iterable[str], walked: dict[str, Head]) -> int:
    """How many entries it were. `walked`: how far each chain is known to be sound; else from where a checkpoint vouched for it."""
    last = stored(db)[-1:]
    before = chains.last_told(chains.told(db))
    count = 0
    for name in names:
        vouched = before[name][1] if name in before else None
        if name == chains.FIRST and last:
            vouched = Head(last[0].entries, last[0].head)
        start = walked.get(name) or vouched
        found = audit.check(engine, db, name, start)
        if found.why is not None:
            raise _broken(engine, f"{chains.called(name)}: {found.why}" if len(chains.there(engine, db)) > 1 else found.why)
        count += found.entries - (start.entries if start is not None else 0)
        walked[name] = Head(found.entries, found.last)
    return count


def _broken(engine: Engine, why: str) -> Broken:
    return Broken(f"audit trail of {engine.where}: {why}; no checkpoint was signed; see: asterisk-privacy audit verify")


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
        is_new = not path.exists()
        create = os.O_CREAT if is_new else 0  # else the kernel may refuse root here (fs.protected_regular)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | create | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as out:
            if is_new:
                file_access.hand_over(descriptor, path.parent)
            out.write(torn + "".join(f"{line}\n" for line in missing))
            out.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise NotWritten(
            f"checkpoints {path}: cannot be written ({error.strerror}); the checkpoint is in the registry only; chown it to the "
            "recorder's user, or set [registry] checkpoints; the next one writes both"
        ) from error
