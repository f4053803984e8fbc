"""What lies in the recordings directory and is no recording of ours: a directory, a link, a FIFO or a device in a file's place, a name that
no recording has, a folder that cannot be read. And where such things are put, so that one of them never stops the rest.

    set-aside/NAME    what stood in the way of a recording, or could not be settled; told each night until it is gone

It is a recording's all the same: whoever destroys the recording destroys what was put aside of it, and after a month it goes by itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asterisk_privacy.locks import NOTE
from asterisk_privacy.store import layout
from asterisk_privacy.store.faults import fault

SET_ASIDE = layout.SET_ASIDE
_SUFFIXES = (layout.SEALED, layout.WRITING, layout.NEXT, layout.NEXT_WRITING)
_FOLDER = re.compile(r"[0-9a-f]{2}")
_OURS = re.compile(r"([0-9a-f]{16,64})(" + "|".join(re.escape(suffix) for suffix in _SUFFIXES) + ")")
_ON_ITS_WAY_OUT = re.compile(r"[0-9a-f]{16,64}(\.\d+\.[0-9a-f]{64})?")
_PROBE = re.compile(r"\.probe-[0-9a-f]{16}")  # of a start that was killed
_NOT_OURS = frozenset({"lost+found", NOTE})  # of the file system, where the directory is its root; and of who holds a lock
DIRECTORY = "a directory"
_KINDS = (
    (stat.S_ISDIR, DIRECTORY),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@dataclass(frozen=True, slots=True)
class Stray:
    """`name`: below the recordings directory. `in_the_way`: where a recording's file belongs, so that none can be written, settled or
    destroyed there. `since`: when it was put aside; None: it was not."""

    name: str
    what: str
    recording_id: str | None = None
    in_the_way: bool = False
    since: datetime | None = None


def strays(directory: Path) -> Iterator[Stray]:
    """Sorted by name. Nothing is opened, and no link followed. StoreFault when the directory itself cannot be read."""
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        raise fault(directory, "look for strays", error) from error
    for entry in entries:
        try:
            yield from _at_top(entry)
        except FileNotFoundError:  # gone meanwhile: no stray
            continue
        except OSError as error:
            raise fault(entry.path, "look for strays", error) from error


def _at_top(entry: os.DirEntry[str]) -> Iterator[Stray]:
    if entry.name in _NOT_OURS or _PROBE.fullmatch(entry.name):
        return
    if entry.name not in (layout.SHRED, SET_ASIDE) and not _FOLDER.fullmatch(entry.name):
        yield Stray(entry.name, _kind(entry) or "a file that is no recording's")
    elif _is_folder(entry):
        yield from _within(Path(entry.path))
    else:
        yield Stray(entry.name, _kind(entry), in_the_way=True)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Also by a link: somebody may keep a part of the recordings on another disk. One that cannot be followed now may lead to a folder."""
    try:
        return entry.is_dir()
    except OSError as error:
        return error.errno != errno.ELOOP


def _within(folder: Path) -> Iterator[Stray]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Stray(folder.name, f"a folder that cannot be read ({error.strerror})")
        return
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile: renamed at its seal, or destroyed
            try:
                found = _judged(folder.name, entry)
            except PermissionError as error:  # its names can be read, and nothing else
                yield Stray(folder.name, f"a folder that cannot be read ({error.strerror})")
                return
            if found is not None:
                yield found


def _judged(folder: str, entry: os.DirEntry[str]) -> Stray | None:
    name, kind = f"{folder}/{entry.name}", _kind(entry)
    if folder == SET_ASIDE:
        of_a_recording = _OURS.match(entry.name)
        changed = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, UTC)
        return Stray(name, kind or "a file", of_a_recording[1] if of_a_recording else None, since=changed)
    if folder == layout.SHRED:
        if entry.name == NOTE:
            return None
        if not _ON_ITS_WAY_OUT.fullmatch(entry.name):
            return Stray(name, kind or "a file that is no recording's")
        return Stray(name, kind, entry.name.partition(".")[0], in_the_way=True) if kind else None
    ours = _OURS.fullmatch(entry.name)
    if ours is None or not ours[1].startswith(folder):
        return Stray(name, kind or "a file that is no recording's")
    return Stray(name, kind, ours[1], in_the_way=True) if kind else None


def _kind(entry: os.DirEntry[str]) -> str:
    """Empty for a file."""
    mode = entry.stat(follow_symlinks=False).st_mode
    return next((words for is_it, words in _KINDS if is_it(mode)), "")


def put_aside(directory: Path, name: str) -> str:
    """Moves it where it is in nobody's way, and returns its new name. StoreFault if the disk refuses."""
    old, folder = directory / name, directory / SET_ASIDE
    try:
        layout.make_folder(folder)
        new = folder / old.name
        if os.path.lexists(new):
            new = folder / f"{old.name}.{layout.new_recording_id()[:8]}"
        os.rename(old, new)
        with contextlib.suppress(PermissionError):  # not ours: its folder is closed
            layout.close_file(new)
        layout.sync_folder(folder)
        layout.sync_folder(old.parent)
    except OSError as error:
        raise fault(old, "put it aside", error) from error
    return str(new.relative_to(directory))


def of_a_recording(directory: Path, recording_id: str) -> list[Path]:
    """Files of it that were put aside. OSError."""
    folder = directory / SET_ASIDE
    return [path for path in sorted(folder.glob(f"{recording_id}.*")) if layout.is_file(path)]
