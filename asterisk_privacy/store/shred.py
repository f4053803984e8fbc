"""Destroy a recording in steps that can be cut off anywhere and run again (R20, promise 7).

    1 move    recordings/ab/ID.* -> shred/ID      from here on it is no recording any more (set-aside/ID.* too)
    2 label   shred/ID -> shred/ID.SIZE.SHA256    so that the evidence outlives a crash
    3 burn    overwrite the header: without its wrapped file key, nobody's secret key opens it
    4 empty   truncate to nothing
    5 unlink

Each step is safe on the disk before the next begins. On a copy-on-write or flash disk old blocks can live on below the file
system; they hold ciphertext and, until the disk reuses them, perhaps a copy of the header. Backups keep their own copies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from asterisk_privacy.locks import Held, locked
from asterisk_privacy.store import layout, strays
from asterisk_privacy.store.faults import Busy, StoreFault, fault

_LABEL = re.compile(r"[0-9a-f]+\.(\d+)\.([0-9a-f]{64})")
_BURN = layout.HEADER_MAX + layout.NONCE
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
LOCK_SECONDS = 30.0
"""How long one deletion waits for others of the same store; each takes a fraction of a second."""
BEING_WRITTEN = (layout.WRITING, layout.NEXT_WRITING)
"""Of these a lock means that somebody writes; what is sealed, or was put aside, others could open, and a lock on it means nothing."""
OBJECTS = "objects_and_versions_removed"


@dataclass(frozen=True, slots=True)
class ShredEvidence:
    """What was destroyed: bytes, SHA-256 (hex) before the first change. `found` is False when there was nothing (any more).

    `burnt` is False when the header could not be overwritten (a full copy-on-write disk); the file was removed all the same.
    `objects`: what was removed from the bucket, versions and delete markers counted; None where the store has no bucket.
    """

    found: bool
    size: int = 0
    sha256_before: str | None = None
    burnt: bool = True
    objects: int | None = None

    def told(self) -> dict[str, object]:
        """For JSON."""
        told = asdict(self)
        objects = told.pop("objects")
        return told if objects is None else {**told, OBJECTS: objects}


def shred(directory: Path, recording_id: str) -> ShredEvidence:
    """Sealed, unfinished, or begun to be shredded before: gone when this returns. StoreFault if the disk refuses or it is being written.

    The evidence is of the sealed file, if there was one: that goes first.
    """
    try:
        evidence = ShredEvidence(found=False)
        for step in steps(directory, recording_id):
            if isinstance(step, ShredEvidence) and not evidence.found:
                evidence = step
    except OSError as error:
        raise fault(directory / layout.SHRED, f"shred {recording_id}", error) from error
    return evidence


def steps(directory: Path, recording_id: str) -> Iterator[str | ShredEvidence]:
    """The same, pausing after each step under its name; evidence follows each file that went. OSError if the disk refuses."""
    folder = directory / layout.SHRED
    suffixes = (layout.SEALED, layout.WRITING, layout.NEXT, layout.NEXT_WRITING)
    sources = [(layout.place(directory, recording_id, suffix), suffix in BEING_WRITTEN) for suffix in suffixes]
    layout.make_folder(folder)
    with _only_one(folder, recording_id):
        yield from _destroy(folder, recording_id)
        strayed = [(path, False) for path in strays.of_a_recording(directory, recording_id)]
        for source, may_be_written in (*sources, *strayed):
            if layout.is_there(source):
                if not layout.is_file(source):
                    raise StoreFault(f"{source}: is no file; put it aside")
                if may_be_written:
                    _refuse_if_written(source)
                os.rename(source, folder / recording_id)
                layout.sync_folder(folder)
                layout.sync_folder(source.parent)
                yield "move"
                yield from _destroy(folder, recording_id)


def shred_one(directory: Path, path: Path) -> ShredEvidence:
    """One file, and no other of the same recording. StoreFault if the disk refuses; what a crash leaves is finished under another id."""
    folder, other = directory / layout.SHRED, layout.new_recording_id()
    try:
        layout.make_folder(folder)
        os.rename(path, folder / other)
        layout.sync_folder(folder)
        layout.sync_folder(path.parent)
    except OSError as error:
        raise fault(path, "shred it", error) from error
    return shred(directory, other)


def waiting(directory: Path) -> list[str]:
    """Ids whose shredding was cut off by a crash."""
    try:
        found = {entry.name.split(".")[0] for entry in os.scandir(directory / layout.SHRED) if entry.is_file(follow_symlinks=False)}
        return sorted(filter(layout.is_recording_id, found))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise fault(directory / layout.SHRED, "list it", error) from error


def _destroy(folder: Path, recording_id: str) -> Iterator[str | ShredEvidence]:
    moved = folder / recording_id
    if layout.is_file(moved):
        size, digest = _digest(moved)
        os.rename(moved, folder / f"{recording_id}.{size}.{digest}")
        layout.sync_folder(folder)
        yield "label"
    for path in sorted(folder.glob(f"{recording_id}.*")):
        label = _LABEL.fullmatch(path.name)
        if label is None or not layout.is_file(path):
            continue
        burnt = _burn(path)
        yield "burn"
        _empty(path)
        yield "empty"
        path.unlink()
        layout.sync_folder(folder)
        yield "unlink"
        yield ShredEvidence(found=True, size=int(label[1]), sha256_before=label[2], burnt=burnt)


def _digest(path: Path) -> tuple[int, str]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _burn(path: Path) -> bool:
    """Random bytes over the header. Not a reason to keep the file when that fails."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | _FLAGS)
        try:
            rest = memoryview(os.urandom(min(_BURN, os.fstat(descriptor).st_size)))
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
            return True
        finally:
            os.close(descriptor)
    return False


def _empty(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | _FLAGS)
    try:
        os.ftruncate(descriptor, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_if_written(path: Path) -> None:
    if is_written(path):
        raise Busy(f"{path}: is being written by the recorder; end that call, or stop the recorder, and shred again")


def is_written(path: Path) -> bool:
    """Whether a living writer holds this file. StoreFault when it is no file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)  # a FIFO would wait for a writer for ever
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreFault(f"{path}: is no file; put it aside")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def _only_one(folder: Path, recording_id: str) -> Iterator[None]:
    """The daemon and a command may purge at the same time: one after the other. Busy after LOCK_SECONDS."""
    try:
        with locked(folder, f"{folder}: cannot shred {recording_id}", LOCK_SECONDS):
            yield
    except Held as error:
        raise Busy(str(error)) from error
