"""Size and hash of a sealed file, read whole, once and without leaving it in the memory that calls on this machine could use."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    size: int
    sha256: str  # hex


def fingerprint(path: Path) -> Fingerprint:
    """OSError: it is not there, is no file (its opening waits for nobody), or cannot be read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        sha, size = hashlib.sha256(), 0
        while piece := os.read(descriptor, PIECE):
            sha.update(piece)
            size += len(piece)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return Fingerprint(size, sha.hexdigest())
