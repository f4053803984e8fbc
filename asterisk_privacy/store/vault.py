"""The front door of the store: one directory of sealed recordings, and what may be done with them."""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from asterisk_privacy.content import Content
from asterisk_privacy.locks import Held, locked
from asterisk_privacy.store import layout, version
from asterisk_privacy.store.faults import BadFile, StoreFault, fault
from asterisk_privacy.store.fingerprint import Fingerprint, fingerprint
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.layout import new_recording_id
from asterisk_privacy.store.opening import open_recording
from asterisk_privacy.store.pieces import measured
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealing import Sealing
from asterisk_privacy.store.settle import settle
from asterisk_privacy.store.shelf import Either, Source, opened
from asterisk_privacy.store.shred import ShredEvidence, is_written, shred, shred_one, waiting
from asterisk_privacy.store.strays import Stray, put_aside, strays
from asterisk_privacy.store.writer import Sealed, Writer

if TYPE_CHECKING:
    from asterisk_privacy.store.objects import Objects

__all__ = ["Queued", "Sealed", "ShredEvidence", "Vault", "Writer", "new_recording_id", "open_recording"]

LOCK_SECONDS = 300.0
"""How long an upload or a deletion waits for the other: a long recording takes a while to its bucket."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A sealed file of this machine, and its bytes."""

    recording_id: str
    size: int
    sealed_at: datetime


class Vault:
    """Recordings under `directory` (made 0700; refused with StoreFault when others than our group can get at it or it is not writable).

    With `objects` what is sealed here is on its way to a bucket (`hand_over`), and `shred`, `has`, `sealed` and `source` mean both.
    Several processes may use it at once. Every method raises BadRecordingId for an id that is not random hexadecimal.
    """

    def __init__(self, directory: Path, recipients: Recipients | Sealing, objects: Objects | None = None) -> None:
        self._directory = directory
        self._sealing = Sealing(recipients) if isinstance(recipients, Recipients) else recipients
        self._objects = objects
        layout.prepare(directory)

    def create(self, recording_id: str, rate: int = 8000, tenant: str | None = None) -> Writer:
        """Begin a recording; `rate` in frames a second. StoreFault when the id is in use or the disk fails. OperatorError: its tenant has
        no keys."""
        return Writer(self._directory, recording_id, self._sealing.of(tenant), rate)

    def seal_to(self, sealing: Sealing) -> None:
        """Recordings that begin from now on."""
        self._sealing = self._sealing.followed_by(sealing)

    def unfinished(self) -> list[str]:
        """Ids that a crash left unsealed. One that is being written now, by whatever process, is not among them."""
        found = []
        for recording_id in layout.ids(self._directory, layout.WRITING):
            if self.is_unfinished(recording_id):
                found.append(recording_id)
        return found

    def is_unfinished(self, recording_id: str) -> bool:
        """Whether it is one of `unfinished`. One that we may not open is: what our calls write we may."""
        path = layout.place(self._directory, recording_id, layout.WRITING)
        try:
            return not is_written(path)
        except FileNotFoundError:  # sealed meanwhile
            return False
        except (OSError, StoreFault):
            return os.path.lexists(path)

    def written_at(self, recording_id: str) -> datetime | None:
        """When the last of an unfinished recording reached the disk; None if it is finished, or not there."""
        return _modified(layout.place(self._directory, recording_id, layout.WRITING))

    def settle(self, recording_id: str, keep: bool) -> Sealed | None:
        """After a crash: keep the whole chunks (`truncated`, frames 0), or shred. None when nothing is left."""
        return settle(self._directory, recording_id, keep)

    def shred(self, recording_id: str) -> ShredEvidence:
        """Destroy it, whatever its state, in the bucket with every version. Run again after a crash it goes on where it was. StoreFault
        if the disk or the bucket refuses (Locked: an object lock stands on it); what could be destroyed is gone then."""
        if self._objects is None:
            return shred(self._directory, recording_id)
        with self._handing_over():
            here = shred(self._directory, recording_id)
            there = self._objects.remove(recording_id)
        if here.found or not there.count:
            return replace(here, objects=there.count)
        return ShredEvidence(True, there.size, there.sha256, objects=there.count)

    def shred_here(self, recording_id: str) -> ShredEvidence:
        """Only what this machine has of it; for one that was never sealed, or whose upload is verified."""
        return shred(self._directory, recording_id)

    def half_shredded(self) -> list[str]:
        """Ids whose shredding a crash cut off: call `shred` for each."""
        return waiting(self._directory)

    def seal_version(self, recording_id: str, samples: Stereo, rate: int, tenant: str | None = None) -> Sealed:
        """The same recording with other samples, beside the one that is there: see version.py for what must follow."""
        return version.seal(self._directory, recording_id, self._sealing.of(tenant), samples, rate)

    def place_version(self, recording_id: str) -> None:
        """Once the row knows its hash: it takes the place of the recording, which is shredded. May be cut off and run again. Out of a
        bucket the old one goes first, and the new one follows as any that was sealed: Locked and BucketAway leave it waiting."""
        if self._objects is None:
            version.place(self._directory, recording_id)
            return
        with self._handing_over():
            self._objects.remove(recording_id)
            version.place(self._directory, recording_id)

    def discard_version(self, recording_id: str) -> None:
        version.discard(self._directory, recording_id)

    def versions(self) -> list[str]:
        """Ids of recordings beside which a version waits that a crash left there."""
        return version.waiting(self._directory)

    def version_digest(self, recording_id: str) -> str | None:
        return version.digest(self._directory, recording_id)

    def sealed(self) -> Iterator[str]:
        """Ids of all sealed recordings, sorted."""
        if self._objects is None:
            yield from self.sealed_here()
            return
        last = ""
        for recording_id in heapq.merge(self.sealed_here(), self._objects.ids()):
            if recording_id != last:
                yield recording_id
            last = recording_id

    def sealed_here(self) -> Iterator[str]:
        """Of those on this machine's disk."""
        return layout.ids(self._directory, layout.SEALED)

    def measure(self, recording_id: str, truncated: bool = False) -> Content:
        """What lies in its place now, here or in the bucket, without a key. StoreFault."""
        source = self.source(recording_id)
        try:
            with opened(source) as file:
                return measured(file, truncated)
        except OSError as error:
            raise fault(source, "read the recording", error) from error

    def sealed_at(self, recording_id: str) -> datetime | None:
        """When its file on this machine was finished; None if it has none here."""
        return _modified(self.path(recording_id))

    def has(self, recording_id: str) -> bool:
        """Whether it is there, sealed. OperatorError when that cannot be known."""
        return self._is_here(recording_id) or (self._objects is not None and self._objects.has(recording_id))

    def _is_here(self, recording_id: str) -> bool:
        path = self.path(recording_id)
        try:
            return layout.is_there(path)
        except OSError as error:
            raise fault(path, "look for the recording", error) from error

    def strays(self) -> Iterator[Stray]:
        """What lies in the directory and is no recording of ours."""
        return strays(self._directory)

    def put_aside(self, name: str) -> str:
        """What stands in the way of a recording, by its name below the directory; where it is now. StoreFault."""
        return put_aside(self._directory, name)

    def remove_stray(self, name: str) -> ShredEvidence:
        """A file is shredded, a link, FIFO, socket or device removed. What a link leads to stays as it is, and what we cannot overwrite is
        removed all the same. Not `found`: it was gone. StoreFault: it is a directory, or the disk refuses."""
        path = self._directory / name
        try:
            if layout.is_file(path) and os.access(path, os.R_OK | os.W_OK):
                return shred_one(self._directory, path)
            size = path.lstat().st_size
            path.unlink()
            return ShredEvidence(found=True, size=size, burnt=False)
        except FileNotFoundError:
            return ShredEvidence(found=False)
        except OSError as error:
            raise fault(path, "remove it", error) from error

    def put_recording_aside(self, recording_id: str) -> list[str]:
        """Its file, or files, as they are; where they are now. StoreFault."""
        names = [str(layout.place(Path(), recording_id, suffix)) for suffix in (layout.SEALED, layout.WRITING)]
        return [put_aside(self._directory, name) for name in names if layout.is_there(self._directory / name)]

    def is_only_there(self, recording_id: str) -> bool:
        """In the bucket, and nothing of it on this machine: no file, no version on its way, nothing half shredded."""
        if self._objects is None or self._is_here(recording_id) or self.version_digest(recording_id) is not None:
            return False
        return recording_id not in self.half_shredded() and self._objects.has(recording_id)

    def source(self, recording_id: str) -> Source | Path:
        """To read it; see opening.py."""
        here = self.path(recording_id)
        return here if self._objects is None else Either(here, self._objects.source(recording_id))

    def refuse_if_locked(self, recording_id: str) -> None:
        """Before something takes its place: Locked where the bucket would keep it all the same, StoreFault where that cannot be asked."""
        if self._objects is not None:
            self._objects.refuse_if_locked(recording_id)

    def queue(self) -> list[Queued]:
        """What lies sealed on this machine, the oldest first."""
        found = []
        for recording_id in self.sealed_here():
            with contextlib.suppress(FileNotFoundError):  # shredded meanwhile
                told = self.path(recording_id).stat()
                found.append(Queued(recording_id, told.st_size, datetime.fromtimestamp(told.st_mtime, UTC)))
        return sorted(found, key=lambda one: one.sealed_at)

    def fingerprint(self, recording_id: str) -> Fingerprint | None:
        """Of its file on this machine, read whole; None if there is none. BadFile: it cannot be read."""
        path = self.path(recording_id)
        try:
            return fingerprint(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadFile(str(fault(path, "read the recording", error))) from error

    def fingerprint_there(self, recording_id: str) -> Fingerprint | None:
        """Of what is in the bucket. BucketAway, StoreFault."""
        if self._objects is None:
            return None
        found = next((version for version in self._objects.versions(recording_id) if not version.marker), None)
        return None if found is None else Fingerprint(found.size, self._objects.digest(recording_id))

    def hand_over(self, recording_id: str, may: Callable[[str], bool]) -> bool:
        """Its file to the bucket, and once that gave it back unchanged the file is shredded. False if there was none, or `may` said no: it
        is given the file's SHA-256 (hex) when nobody else can destroy or replace the recording any more until this is over. StoreFault
        if it did not work."""
        if self._objects is None:
            return False
        path = self.path(recording_id)
        with self._handing_over():
            try:
                if not layout.is_there(path):
                    return False
                digest = _digest(path)
                if not may(digest):
                    return False
                self._objects.bring(recording_id, path, digest)
            except OSError as error:
                raise BadFile(str(fault(path, "read it for its upload", error))) from error
            shred_one(self._directory, path)
            return True

    @contextlib.contextmanager
    def _handing_over(self) -> Iterator[None]:
        """One at a time: a deletion that came between an upload and its check would leave an object of a recording that is gone. The lock
        is on the directory, so that no file is left behind; calls do not wait for it. StoreFault after LOCK_SECONDS."""
        try:
            with locked(self._directory, f"{self._directory}: cannot bring or delete", LOCK_SECONDS):
                yield
        except Held as error:
            raise StoreFault(str(error)) from error

    def path(self, recording_id: str) -> Path:
        """Where its file is on this machine, or would be."""
        return layout.place(self._directory, recording_id, layout.SEALED)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
