"""Names and sizes: where things stand in the recordings directory. Nothing in a name tells who called (R24).

recordings/           0700, or 0710 where the review page's user, in our group, may get at what it is told of: then folders are 0710
  ab/ab12...ef.part       being written, or left by a crash; 0600, so that nobody else can lock it
  ab/ab12...ef.flac.age   sealed; 0640 in a folder that is the group's to enter
  ab/ab12...ef.next       sealed anew without a person in it, about to take its place; .next.part while it is written
  shred/                  on the way out, see shred.py; 0700: who can open it can lock it
  set-aside/              what stood in the way of a recording, see strays.py; 0700, files 0600

Nobody but the recorder's user lists a folder: a name is known to whom the registry tells it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from asterisk_privacy.store.faults import BadRecordingId, StoreFault, fault

CHUNK = 64 * 1024  # age: plain bytes in a chunk
TAG = 16
SEALED_CHUNK = CHUNK + TAG
NONCE = 16  # before the first chunk
HEADER_MAX = 64 * 1024  # ours; the format sets no limit. Shredding overwrites this much and the nonce.

WRITING = ".part"
SEALED = ".flac.age"
NEXT_WRITING = ".next.part"
NEXT = ".next"
SHRED = "shred"
SET_ASIDE = "set-aside"
OURS_ALONE = (SHRED, SET_ASIDE)
"""Folders that are nobody's to enter, whatever the group may of the others."""

# Longer than any phone number (15 digits, E.164), so that none can be used by mistake.
_ID = re.compile(r"[0-9a-f]{16,64}")


def new_recording_id() -> str:
    """32 random hexadecimal digits."""
    return secrets.token_hex(16)


def place(directory: Path, recording_id: str, suffix: str) -> Path:
    """Where a recording stands; BadRecordingId unless the id is random hexadecimal."""
    if not _ID.fullmatch(recording_id):
        raise BadRecordingId(f"{recording_id[:64]!r}: not a recording id; 16 to 64 hexadecimal digits, as 'recordings' lists them")
    return directory / recording_id[:2] / (recording_id + suffix)


def ids(directory: Path, suffix: str) -> Iterator[str]:
    """Ids of the recordings with this suffix, sorted. What has another name, or is no file, is passed over, and so is a folder that cannot
    be read: strays.py tells of them."""
    try:
        folders = sorted(entry.path for entry in os.scandir(directory) if len(entry.name) == 2 and os.path.isdir(entry.path))
    except OSError as error:
        raise fault(directory, "list the recordings", error) from error
    for folder in folders:
        try:
            names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
        except OSError:
            continue
        for name in names:
            recording_id = name.removesuffix(suffix)
            if name.endswith(suffix) and recording_id[:2] == os.path.basename(folder) and _ID.fullmatch(recording_id):
                yield recording_id


def has_recordings(directory: Path) -> bool:
    """Sealed, half written or half destroyed. False also where there is no such directory."""
    try:
        found = any(True for suffix in (SEALED, WRITING, NEXT) for _ in ids(directory, suffix))
        return found or any(is_recording_id(name.partition(".")[0]) for name in os.listdir(directory / SHRED))
    except (StoreFault, OSError):
        return False


def is_there(path: Path) -> bool:
    """Whatever it is. Not Path.exists(), which from Python 3.14 on takes what it may not look at for missing. OSError: nobody knows."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_file(path: Path) -> bool:
    """Not a directory, a link or a FIFO, whose opening would wait for ever. OSError: nobody knows."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_folder(path: Path) -> bool:
    """No link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def is_recording_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def prepare(directory: Path) -> None:
    """Make the directory (0700), or refuse one that others than our group can enter, or that we cannot write to. StoreFault.

    What an earlier version let the group list, or open while it is written, is closed to that: each by its own mode.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise fault(directory, "make the recordings directory", error) from error
    refuse(directory)
    probe = directory / f".probe-{secrets.token_hex(8)}"
    try:  # asking is not knowing: read-only mounts, quotas and root
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        probe.unlink()
        make_folder(directory / SHRED)  # now: on a full disk there would be no room for it, and nothing could be deleted to make some
        (directory / SHRED).chmod(0o700)
        if is_folder(directory / SET_ASIDE):
            _close(directory / SET_ASIDE, 0o700)
            _close_files(directory / SET_ASIDE)
        _close(directory, 0o710)
        most = 0o710 if shared(directory) else 0o700
        for folder in (one for one in directory.iterdir() if len(one.name) == 2 and one.is_dir()):
            _close(folder, most)
            _close_files(folder, WRITING)
    except OSError as error:
        raise fault(directory, "write to the recordings directory", error) from error


def _close(path: Path, most: int) -> None:
    """Takes away what its mode gives beyond `most`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~most:
        path.chmod(mode & most)


def _close_files(folder: Path, suffix: str = "") -> None:
    with contextlib.suppress(PermissionError):  # a folder that we cannot read: strays.py tells of it
        for name in os.listdir(folder):
            if name.endswith(suffix):
                with contextlib.suppress(FileNotFoundError, PermissionError):  # sealed meanwhile; or not ours, and put aside at the start
                    close_file(folder / name)


def close_file(path: Path) -> None:
    """To our group. A link and what it leads to stay as they are. OSError."""
    if is_file(path):
        _close(path, 0o600)


def refuse(directory: Path) -> None:
    """StoreFault: others than our group can enter it, or it is not ours."""
    try:
        found = directory.stat()
    except OSError as error:
        raise fault(directory, "look at the recordings directory", error) from error
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o027:
        raise StoreFault(f"{directory}: other users can get at the recordings (mode {mode:04o}); run: chmod 700 {directory}")
    if found.st_uid != os.geteuid():
        raise StoreFault(f"{directory}: belongs to user {found.st_uid}, not to the one that runs this ({os.geteuid()}); chown it, mode 700")


def make_folder(folder: Path) -> None:
    """A folder of ours, and its name safe on the disk."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if shared(folder.parent) and folder.name not in OURS_ALONE:
            folder.chmod(0o710)
        sync_folder(folder.parent)


def shared(folder: Path) -> bool:
    """Whether the group may read what is sealed in it: whoever made the recordings directory said so by its mode, whatever our umask."""
    return bool(folder.stat().st_mode & stat.S_IXGRP)


def share(descriptor: int, folder: Path) -> None:
    """What is sealed is the group's to read where its folder is the group's to enter."""
    if shared(folder):
        os.fchmod(descriptor, 0o640)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
