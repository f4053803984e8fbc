"""Where sealed recordings are read from. Only here and in vault.py is it known whether that is a file of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from asterisk_privacy.store import layout

if TYPE_CHECKING:
    from asterisk_privacy.store.objects import Objects


class Source(Protocol):
    """The bytes of one sealed recording as they were written, ciphertext. As text it names its place, for messages."""

    def open(self) -> BinaryIO:
        """Seekable; OSError or StoreFault when it is not there or cannot be read. Close it."""


class Shelf(Protocol):
    """The reading side: needs no right to write, and no public keys."""

    def source(self, recording_id: str) -> Source | Path:
        """Where it is, or would be; BadRecordingId unless the id is random hexadecimal."""


class LocalShelf:
    """The files below a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def source(self, recording_id: str) -> Path:
        return layout.place(self._directory, recording_id, layout.SEALED)


@dataclass(frozen=True, slots=True)
class Either:
    """A file of this machine that waits for its upload, or else what is in the bucket."""

    here: Path
    there: Source

    def open(self) -> BinaryIO:
        try:
            return opened(self.here)
        except FileNotFoundError:
            return self.there.open()

    def __str__(self) -> str:
        return str(self.here if self.here.exists() else self.there)


class BucketShelf:
    """What waits below `directory`, which need not be there, and what is in the bucket."""

    def __init__(self, directory: Path, objects: Objects) -> None:
        self._here = LocalShelf(directory)
        self._objects = objects

    def source(self, recording_id: str) -> Either:
        return Either(self._here.source(recording_id), self._objects.source(recording_id))


def opened(source: Source | Path) -> BinaryIO:
    """Unbuffered: readers ask for large pieces, and a second copy of them would be in memory."""
    return source.open("rb", buffering=0) if isinstance(source, Path) else source.open()
