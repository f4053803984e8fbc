"""The directory of the FIFOs. MixMonitor opens with O_CREAT, so where it finds no FIFO of that name, and may write, it makes a file: voices
in clear. Therefore: a directory into which only this daemon writes, in memory and on no disk, and looked at while anything is recorded.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

from asterisk_privacy.errors import OperatorError

MODE = 0o711  # Asterisk passes through to a name that it was told; nobody lists it
_IN_MEMORY = (0x01021994, 0x858458F6)  # TMPFS_MAGIC, RAMFS_MAGIC; linux/magic.h


def make(directory: Path, passable: Path | None = None) -> None:
    """The directory, ready to use; `passable` is made so that Asterisk passes through it. OperatorError says what is wrong with it."""
    setting = f"[capture] pipes = {directory}"
    try:
        directory.mkdir(mode=MODE, parents=True, exist_ok=True)
        directory.chmod(MODE)
        if passable is not None:
            passable.chmod(passable.stat().st_mode & 0o7777 | 0o011)
    except OSError as error:
        raise OperatorError(f"{setting}: {error.strerror}; make it a directory of this daemon's own") from error
    if not _is_in_memory(directory):
        raise OperatorError(f"{setting}: is on a disk, and voices may pass through memory only; write a directory on a tmpfs")


def release_leftovers(directory: Path) -> int:
    """What a daemon that died left: each FIFO is opened once, which frees a thread of Asterisk that waits for a reader (facts 2.3), and
    removed. Returns how many there were."""
    count = 0
    for path in directory.iterdir():
        if path.is_fifo():
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
            path.unlink()
            count += 1
    return count


def remove_files(directory: Path) -> int:
    """What should not be there, emptied and removed. Returns how many there were."""
    count = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                os.truncate(entry.path, 0)
            elif not entry.is_symlink():
                continue
            os.unlink(entry.path)
            count += 1
    return count


def _is_in_memory(directory: Path) -> bool:
    found = ctypes.create_string_buffer(512)  # more than any struct statfs, which begins with f_type
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(directory), found) != 0:
        return False
    return struct.unpack_from("@l", found.raw)[0] & 0xFFFFFFFF in _IN_MEMORY
