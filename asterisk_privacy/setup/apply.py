"""Writing a plan: a copy of each file first, each file whole or not at all, and all of them or none."""

from __future__ import annotations

import grp
import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup.plan import Change
from asterisk_privacy.setup.tree import Tree

BACKUPS = "/var/backups/asterisk-privacy"
SECRETS_GROUP = "asterisk-privacy"
_ANSWER_SECONDS = 30
_RELOADS = {  # what a file's name has in it -> what makes Asterisk read it again
    "extensions": "dialplan reload",
    "features": "module reload features",
    "confbridge": "module reload app_confbridge.so",
    "http": "module reload http",
    "ari": "module reload res_ari.so",
    "pjsip": "module reload res_pjsip.so",
}


@dataclass(slots=True)
class Written:
    backup: Path | None = None
    paths: list[str] = field(default_factory=list)


def write(tree: Tree, changes: Sequence[Change], now: datetime) -> Written:
    """Raises OperatorError, and puts back what was written already, if one of the files cannot be written."""
    done = Written()
    try:
        _back_up(tree, changes, now, done)
        for change in changes:
            if tree.read(change.path) != change.before:
                raise OperatorError(f"{tree.real(change.path)}: was changed by somebody else meanwhile; run this again")
            _put(tree, change.path, change.after, change.mode, change.group)
            done.paths.append(change.path)
    except (OSError, OperatorError) as error:
        for change in [c for c in changes if c.path in done.paths]:
            _put(tree, change.path, change.before, change.mode)
        if isinstance(error, OperatorError):
            raise
        why = "run this as root" if isinstance(error, PermissionError) else "make room, or set it right, and run this again"
        raise OperatorError(f"{error.filename}: cannot be written ({error.strerror}); nothing was changed; {why}") from None
    return done


def _back_up(tree: Tree, changes: Sequence[Change], now: datetime, done: Written) -> None:
    """Outside of Asterisk's directory: a copy in a directory of drop-ins would be read as well."""
    old = [(change.path, change.before) for change in changes if change.before is not None]
    if not old:
        return
    top = tree.real(BACKUPS)
    top.mkdir(parents=True, exist_ok=True)
    folder = top / f"{now:%Y-%m-%dT%H-%M-%S}"
    number = 1
    while folder.exists():
        number += 1
        folder = top / f"{now:%Y-%m-%dT%H-%M-%S}.{number}"
    folder.mkdir(mode=0o700)
    for path, text in old:
        copy = folder / path.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            os.fsync(file.fileno())
    done.backup = folder


def _put(tree: Tree, path: str, text: bytes | None, mode: int, group: int | None = None) -> None:
    """Owner and mode are those of the file before, or else of its directory, but that `group` can read it. The draft's name has a dot in
    front: no #include reads it."""
    real = tree.real(path)
    if text is None:
        real.unlink(missing_ok=True)
        _sync(real.parent)
        return
    if not real.parent.is_dir():
        real.parent.mkdir(parents=True, mode=0o750)
        if real.parent.name == SECRETS_GROUP:  # else the recorder could not get at what is in it
            os.chown(real.parent, -1, _group(real.parent.stat().st_gid))
    model = real.stat() if real.exists() else None
    draft = real.with_name(f".{real.name}.asterisk-privacy-new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        around = model or real.parent.stat()
        uid, gid = around.st_uid, around.st_gid
        if model is None and real.parent.name == SECRETS_GROUP:
            gid = _group(gid)
        elif group is not None:
            gid = group
        if (uid, gid) != (os.geteuid(), os.getegid()):
            os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), (model.st_mode & 0o7777 if model else mode) | (0o040 if group is not None else 0))
        os.fsync(file.fileno())
    os.replace(draft, real)
    _sync(real.parent)


def _group(otherwise: int) -> int:
    try:
        return grp.getgrnam(SECRETS_GROUP).gr_gid
    except KeyError:  # the user is made later; systemd-tmpfiles then sets it right
        return otherwise


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reload(command: str, paths: Iterable[str]) -> list[str]:
    """Asks the running Asterisk (`command` -rx ...) to read again what was changed. Returns one line for each thing that did not work."""
    asked = {ask: None for path in paths for part, ask in _RELOADS.items() if part in _stem(path)}
    problems = []
    for ask in asked:
        done = _console(command, ask)
        if done is None:
            return [f"Asterisk was not reloaded: `{command} -rx` does not work here; reload it by hand: asterisk -rx 'core reload'"]
        said = " ".join((done.stdout + done.stderr).split())
        if done.returncode:
            return [f"Asterisk was not reloaded ({said[:200]}); when it runs, nothing else is needed"]
        if "successfully" not in said and "reloaded" not in said:
            problems.append(f"asterisk -rx '{ask}' said: {said[:200]}; restart Asterisk when no one is calling")
    return problems


def shown_dialplan(command: str) -> str:
    """All of the dialplan that the running Asterisk has, wherever it came from; empty if it cannot be asked."""
    done = _console(command, "dialplan show")
    return done.stdout if done is not None and not done.returncode else ""


def _console(command: str, ask: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(
            [*shlex.split(command), "-rx", ask],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _stem(path: str) -> str:
    """features.d/50-asterisk-privacy.conf is about features, not about asterisk-privacy."""
    folder, _, name = path.rpartition("/")
    return folder.rpartition("/")[2] if name.startswith("50-") else name if "/etc/asterisk-privacy" not in path else ""
