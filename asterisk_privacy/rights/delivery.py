"""Where a person's copy is written: a new folder (0700) or a new zip file, every file 0600. What cannot be finished is removed.

Nothing is written elsewhere: a temporary file would be nobody's to delete. Each file is hashed as it is put; `Delivery.finish` writes
the manifest (JSON, and SHA256SUMS for `sha256sum -c`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath

from asterisk_privacy.errors import OperatorError

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"


class Delivery(ABC):
    """Use as a context manager: leaving it by an error removes what was written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files: dict[str, tuple[int, str]] = {}

    def put(self, name: str, data: bytes) -> None:
        """`name` is relative, with / between folders. OperatorError when the disk refuses; ValueError for a name that leads outside."""
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or name in self._files:
            raise ValueError(f"{name!r} is no name for a new file in a copy")
        try:
            self._write(name, data)
        except OSError as error:
            raise OperatorError(f"{self._path}: cannot be written ({error.strerror or error}); nothing of it was left behind") from error
        self._files[name] = len(data), hashlib.sha256(data).hexdigest()

    def finish(self) -> None:
        listed = [{"name": name, "bytes": size, "sha256": digest} for name, (size, digest) in self._files.items()]
        self.put(MANIFEST, json.dumps({"files": listed}, indent=2, ensure_ascii=False).encode())
        self.put(SUMS, "".join(f"{digest}  {name}\n" for name, (_, digest) in self._files.items()).encode())

    def __enter__(self) -> Delivery:
        try:
            self._begin()
        except FileExistsError:
            raise OperatorError(f"{self._path}: exists already and is not overwritten; name another place") from None
        except OSError as error:
            raise OperatorError(f"{self._path}: cannot be made ({error.strerror}); name a new place in a directory of yours") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._end()
        except OSError as error:
            self._remove()
            raise OperatorError(f"{self._path}: cannot be written ({error.strerror or error}); nothing of it was left behind") from error
        finally:
            if kind is not None:
                self._remove()

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _write(self, name: str, data: bytes) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...

    @abstractmethod
    def _remove(self) -> None: ...


class Folder(Delivery):
    def _begin(self) -> None:
        self._path.mkdir(mode=0o700)

    def _write(self, name: str, data: bytes) -> None:
        place = self._path / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(_new_file(place), "wb") as file:
            file.write(data)

    def _end(self) -> None:
        pass

    def _remove(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


class Zip(Delivery):
    def _begin(self) -> None:
        self._file = open(_new_file(self._path), "wb")  # noqa: SIM115  # closed in _end
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)

    def _write(self, name: str, data: bytes) -> None:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o100600 << 16
        entry.compress_type = zipfile.ZIP_STORED if name.endswith(".flac") else zipfile.ZIP_DEFLATED
        self._zip.writestr(entry, data)

    def _end(self) -> None:
        with self._file:
            self._zip.close()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()


def deliver_to(path: Path) -> Delivery:
    """A zip if the name ends in .zip, else a folder."""
    return Zip(path) if path.suffix.lower() == ".zip" else Folder(path)


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
