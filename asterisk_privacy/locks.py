"""Locks between the processes of this machine: flock on a directory or a file, with a bound, and with the name of who holds it.

A directory is locked where no lock file may stay behind, or be made by root for the recorder to fail on. Whoever has the
lock says so in a note beside it, for those who wait: the kernel's own list (/proc/locks) is hidden from the recorder's
unit. A holder that wrote no note, as flock(1) does, is told as somebody.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from asterisk_privacy.errors import OperatorError

POLL_SECONDS = 0.05
NOTE = ".locked-by"
MOST_BYTES = 200


class Held(OperatorError):
    """Somebody else has the lock for longer than was waited."""


@contextmanager
def locked(directory: Path, what: str, seconds: float = 0.0) -> Iterator[None]:
    """Held after `seconds`: `what` is what cannot be done, for its message. OSError when the directory cannot be opened."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        take(descriptor, directory, what, seconds)
        _say(directory)
        try:
            yield
        finally:
            with suppress(OSError):
                (directory / NOTE).unlink()
    finally:
        os.close(descriptor)


def take(descriptor: int, place: Path, what: str, seconds: float = 0.0) -> None:
    """For as long as `descriptor` is open. Held."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                waited = f" for more than {seconds:g} s" if seconds else ""
                raise Held(f"{what}: {place} is locked{waited} by {holder(place)}; wait for it, or see: lslocks") from None
        time.sleep(POLL_SECONDS)


def holder(place: Path) -> str:
    """Of the lock on `place`, as far as it can be known: which process, and since when."""
    try:
        with open(place / NOTE if place.is_dir() else place, encoding="utf-8", errors="replace") as file:
            pid, _, rest = file.read(MOST_BYTES).strip().partition(" ")
        if rest.isprintable() and _lives(int(pid)):
            return f"process {pid} ({rest})"
    except (OSError, ValueError):
        pass
    return "somebody who left no note"


def note() -> str:
    """What the holder says of himself."""
    words = " ".join(os.path.basename(word) for word in sys.argv[:1]) or "python"
    command = " ".join([words, *(word for word in sys.argv[1:3] if word.isalpha())])
    return f"{os.getpid()} {command}, since {datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"


def _say(directory: Path) -> None:
    """As the directory's owner, also if root says it. A disk without room is no reason to do without the lock."""
    path = directory / NOTE
    with suppress(OSError):
        with suppress(FileNotFoundError):
            path.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            if os.geteuid() == 0:
                found = directory.stat()
                os.fchown(descriptor, found.st_uid, found.st_gid)
            file.write(note() + "\n")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
