"""The front door of the store: one directory of sealed recordings, and what may be done with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from asterisk_privacy.store import layout, version
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.layout import new_recording_id
from asterisk_privacy.store.opening import open_recording
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.settle import settle
from asterisk_privacy.store.shred import ShredEvidence, is_written, shred, waiting
from asterisk_privacy.store.writer import Sealed, Writer

__all__ = ["Sealed", "ShredEvidence", "Vault", "Writer", "new_recording_id", "open_recording"]


class Vault:
    """Recordings under `directory` (made 0700; refused with StoreFault when others than our group can get at it or it is not writable).

    Several processes may use it at once. Every method raises BadRecordingId for an id that is not random hexadecimal.
    """

    def __init__(self, directory: Path, recipients: Recipients) -> None:
        self._directory = directory
        self._recipients = recipients
        layout.prepare(directory)

    def create(self, recording_id: str, rate: int = 8000) -> Writer:
        """Begin a recording; `rate` in frames a second. StoreFault when the id is in use or the disk fails."""
        return Writer(self._directory, recording_id, self._recipients, rate)

    def seal_to(self, recipients: Recipients) -> None:
        """Recordings that begin from now on."""
        self._recipients = recipients

    def unfinished(self) -> list[str]:
        """Ids that a crash left unsealed. One that is being written now, by whatever process, is not among them."""
        found = []
        for recording_id in layout.ids(self._directory, layout.WRITING):
            with contextlib.suppress(FileNotFoundError):  # sealed meanwhile
                if not is_written(layout.place(self._directory, recording_id, layout.WRITING)):
                    found.append(recording_id)
        return found

    def is_unfinished(self, recording_id: str) -> bool:
        """Whether it is one of `unfinished`."""
        try:
            return not is_written(layout.place(self._directory, recording_id, layout.WRITING))
        except FileNotFoundError:
            return False

    def written_at(self, recording_id: str) -> datetime | None:
        """When the last of an unfinished recording reached the disk; None if it is finished, or not there."""
        return _modified(layout.place(self._directory, recording_id, layout.WRITING))

    def settle(self, recording_id: str, keep: bool) -> Sealed | None:
        """After a crash: keep the whole chunks (`truncated`, frames 0), or shred. None when nothing is left."""
        return settle(self._directory, recording_id, keep)

    def shred(self, recording_id: str) -> ShredEvidence:
        """Destroy it, whatever its state. Run again after a crash it goes on where it was. StoreFault if the disk refuses."""
        return shred(self._directory, recording_id)

    def half_shredded(self) -> list[str]:
        """Ids whose shredding a crash cut off: call `shred` for each."""
        return waiting(self._directory)

    def seal_version(self, recording_id: str, samples: Stereo, rate: int) -> Sealed:
        """The same recording with other samples, beside the one that is there: see version.py for what must follow."""
        return version.seal(self._directory, recording_id, self._recipients, samples, rate)

    def place_version(self, recording_id: str) -> None:
        """Once the row knows its hash: it takes the place of the recording, which is shredded. May be cut off and run again."""
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
        return self.sealed_here()

    def sealed_here(self) -> Iterator[str]:
        """Of those on this machine's disk."""
        return layout.ids(self._directory, layout.SEALED)

    def sealed_at(self, recording_id: str) -> datetime | None:
        """When its file on this machine was finished; None if it has none here."""
        return _modified(self.path(recording_id))

    def has(self, recording_id: str) -> bool:
        """Whether it is there, sealed. OperatorError when that cannot be known."""
        return self.path(recording_id).exists()

    def source(self, recording_id: str) -> Path:
        """To read it; see opening.py."""
        return self.path(recording_id)

    def path(self, recording_id: str) -> Path:
        """Where its file is on this machine, or would be."""
        return layout.place(self._directory, recording_id, layout.SEALED)


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
