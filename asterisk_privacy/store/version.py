"""Another version of a sealed recording (a person taken out of it) in place of the first, so that a crash at any step can be settled.

    1 seal    ab/ID.next              safe on the disk, the old one untouched
    2         the registry's row takes the hash of the new one (not here)
    3 keep    shred/OTHER-ID          a second name for the old file: from here on it is being shredded
    4 place   ab/ID.next -> ab/ID.flac.age, over the old name, in one step
    5 shred   shred/OTHER-ID

Whoever finds an ID.next asks the row: its hash says whether to go on at 3 or to shred the new one. Should the old file be shredded between
3 and 4, by whoever finishes what a crash left: the new one is safe then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from asterisk_privacy.store import layout
from asterisk_privacy.store.faults import fault
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.shred import is_written, shred, shred_one
from asterisk_privacy.store.writer import Sealed, Writer


def seal(directory: Path, recording_id: str, recipients: Recipients, samples: Stereo, rate: int) -> Sealed:
    """Step 1. StoreFault when there is a half-placed version already, or the disk fails; then nothing of the new one is left."""
    writer = Writer(directory, recording_id, recipients, rate, (layout.NEXT_WRITING, layout.NEXT))
    try:
        writer.write(samples)
        return writer.seal()
    except BaseException:
        discard(directory, recording_id)
        raise


def place(directory: Path, recording_id: str) -> None:
    """Steps 3 to 5. StoreFault if the disk refuses; run again it goes on where it was."""
    for _ in steps(directory, recording_id):
        pass


def steps(directory: Path, recording_id: str) -> Iterator[str]:
    """The same, pausing after each step under its name."""
    new = layout.place(directory, recording_id, layout.NEXT)
    old = layout.place(directory, recording_id, layout.SEALED)
    other = layout.new_recording_id()
    folder = directory / layout.SHRED
    try:
        layout.make_folder(folder)
        if old.exists():
            _second_name(old, folder / other)
            layout.sync_folder(folder)
            yield "keep"
        os.rename(new, old)
        layout.sync_folder(old.parent)
        yield "place"
    except OSError as error:
        raise fault(new, "put it in place", error) from error
    shred(directory, other)
    yield "shred"


def _second_name(old: Path, new: Path) -> None:
    """A file system without second names (FAT, some networks) moves: for a moment the recording has no file then."""
    try:
        os.link(old, new)
    except OSError:
        os.rename(old, new)


def waiting(directory: Path) -> list[str]:
    """Ids with a version that is not in place, or was never finished; one that is being written now is not among them."""
    found = set(layout.ids(directory, layout.NEXT))
    for recording_id in layout.ids(directory, layout.NEXT_WRITING):
        with contextlib.suppress(FileNotFoundError, PermissionError):  # sealed meanwhile; or not ours: whoever settles it is told
            if not is_written(layout.place(directory, recording_id, layout.NEXT_WRITING)):
                found.add(recording_id)
    return sorted(found)


def digest(directory: Path, recording_id: str) -> str | None:
    """SHA-256 (hex) of the version that waits; None when there is none that was finished."""
    path = layout.place(directory, recording_id, layout.NEXT)
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fault(path, "read it", error) from error


def discard(directory: Path, recording_id: str) -> None:
    """Shreds the version that waits, finished or not; the recording itself stays. StoreFault if the disk refuses."""
    for suffix in (layout.NEXT, layout.NEXT_WRITING):
        path = layout.place(directory, recording_id, suffix)
        if path.exists():
            shred_one(directory, path)
