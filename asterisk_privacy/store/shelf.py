"""Where sealed recordings are read from. Only here and in vault.py is it known whether that is a file of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.store import layout
from asterisk_privacy.store.faults import AgeError, StoreFault, fault

if TYPE_CHECKING:
    from asterisk_privacy.store.objects import Objects

T = TypeVar("T")


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


def read_proven(source: Source | Path, read: Callable[[BinaryIO], T]) -> T:
    """What `read` makes of the open file. It must close it, unless it raises. NotAsRecorded, AgeError or StoreFault names the place.

    What is not as recorded is looked at twice: a file that was just brought to the bucket, or replaced, is another one then.
    """
    try:
        try:
            return _read(source, read)
        except NotAsRecorded:
            return _read(source, read)
    except NotAsRecorded as error:
        if _about_to_be_replaced(source):
            words = "a version without the customer is about to take its place; try again, or: asterisk-privacy reconcile --settle"
            raise StoreFault(f"{source}: {words}") from error
        way_out = "it is not heard or copied. Was it restored from a backup? see: asterisk-privacy reconcile"
        raise NotAsRecorded(f"{source}: {error}; {way_out}") from error
    except AgeError as error:
        raise AgeError(f"{source}: {error}") from error
    except OSError as error:
        raise fault(source, "read the recording", error) from error


def _read(source: Source | Path, read: Callable[[BinaryIO], T]) -> T:
    file = opened(source)
    try:
        return read(file)
    except BaseException:
        file.close()
        raise


def _about_to_be_replaced(source: Source | Path) -> bool:
    here = source if isinstance(source, Path) else getattr(source, "here", None)
    return here is not None and here.with_name(here.name.removesuffix(layout.SEALED) + layout.NEXT).exists()


def opened(source: Source | Path) -> BinaryIO:
    """Unbuffered: readers ask for large pieces, and a second copy of them would be in memory."""
    return source.open("rb", buffering=0) if isinstance(source, Path) else source.open()
