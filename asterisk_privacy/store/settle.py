"""After a crash: what to do with a recording that was never sealed. Needs no secret key, so it cannot look inside."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path

from asterisk_privacy.store import layout
from asterisk_privacy.store.age_header import parse
from asterisk_privacy.store.faults import AgeError, Busy, StoreFault, fault
from asterisk_privacy.store.pieces import measured
from asterisk_privacy.store.shred import is_written, shred
from asterisk_privacy.store.writer import Sealed


def settle(directory: Path, recording_id: str, keep: bool) -> Sealed | None:
    """Keep: cut to whole chunks, make safe, rename; frames are not known (0). None if there was not one, and else: shredded.

    May be cut off and run again; a recording that turns out to be sealed already is reported as it is. Opened with
    `allow_truncated`; the `age` program writes out every whole chunk too, then ends with an error and exit code 1. StoreFault, AgeError:
    this file cannot be settled; others can.
    """
    part = layout.place(directory, recording_id, layout.WRITING)
    sealed = layout.place(directory, recording_id, layout.SEALED)
    try:
        if layout.is_there(part) and is_written(part):
            raise Busy(f"{part}: is being written by the recorder; only what a crash left can be settled")
        if keep and layout.is_there(part) and _cut(part):
            os.rename(part, sealed)
            layout.sync_folder(part.parent)
        if keep and layout.is_there(sealed):
            return _report(directory, sealed)
    except AgeError as error:
        raise AgeError(f"{sealed}: {error}") from error
    except OSError as error:
        raise fault(part, "settle the recording", error) from error
    shred(directory, recording_id)
    return None


def _cut(path: Path) -> bool:
    """Cut a torn chunk off the end; whether anything is left to hear."""
    with open(path, "r+b") as file:
        try:
            start = parse(file.read(layout.HEADER_MAX)).length + layout.NONCE
        except AgeError:  # cut within the header
            return False
        whole = (file.seek(0, os.SEEK_END) - start) // layout.SEALED_CHUNK
        if whole < 1:
            return False
        file.truncate(start + whole * layout.SEALED_CHUNK)
        os.fsync(file.fileno())
        return True


def _report(directory: Path, sealed: Path) -> Sealed:
    if not layout.is_file(sealed):
        raise StoreFault(f"{sealed}: is no file; put it aside")
    with open(sealed, "rb") as file:
        start = parse(file.read(layout.HEADER_MAX)).length + layout.NONCE
        with contextlib.suppress(PermissionError):  # not ours, as a restore by root leaves it
            layout.share(file.fileno(), sealed.parent)
        found = measured(file)
        if file.seek(0, os.SEEK_END) != found.size:
            raise Busy(f"{sealed}: somebody else writes to it; it is settled once that is over")
    # A finished file ends with a short chunk, but for one in 65,536; one that was cut has whole chunks only.
    truncated = (found.size - start) % layout.SEALED_CHUNK == 0
    return Sealed(str(sealed.relative_to(directory)), replace(found, truncated=truncated), frames=0)
