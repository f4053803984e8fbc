"""Files below a root, as bytes. Nothing outside the root is read, wherever a link leads; nothing is written here."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from asterisk_privacy.errors import OperatorError

_MOST_LINKS = 40  # as the kernel has it
_PIECE = 2**20
_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Tree:
    """`root` is / on a PBX, a directory in an image or a test. Paths are as the PBX has them: /etc/asterisk/features.conf.
    `changed` stands before what is on the disk (None: gone), so that a plan can be made on files as they would be. It is by real
    place: two paths can lead to one file."""

    root: Path
    changed: Mapping[Path, bytes | None] = field(default_factory=dict)

    def with_changes(self, changed: Mapping[str, bytes | None]) -> Tree:
        return replace(self, changed={**self.changed, **{self.real(path): text for path, text in changed.items()}})

    def real(self, path: str) -> Path:
        """Where it is on this machine. Links are followed as the PBX would: an absolute one starts at the root. OperatorError: this user
        cannot look, or they lead in a circle."""
        todo, done, links = list(PurePosixPath(path).parts)[::-1], PurePosixPath("/"), 0
        while todo:
            part = todo.pop()
            if part == "/":
                done = PurePosixPath("/")
            elif part == "..":
                done = done.parent
            elif part != ".":
                here = self.root / str(done / part).lstrip("/")
                target = _target(here)
                if target is not None:
                    links += 1
                    if links > _MOST_LINKS:
                        raise OperatorError(f"{self.root}{path}: its links lead in a circle; set them right first")
                    todo += list(PurePosixPath(target).parts)[::-1]
                else:
                    done /= part
        return self.root / str(done).lstrip("/")

    def read(self, path: str) -> bytes | None:
        """None: there is no such file. OperatorError: it cannot be read."""
        real = self.real(path)
        if real in self.changed:
            return self.changed[real]
        try:
            return real.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            raise OperatorError(f"{real}: is a directory, where a file was expected") from None
        except OSError as error:
            raise OperatorError(f"{real}: cannot be read ({error.strerror}); run this as root") from None

    def contains(self, path: str, needles: tuple[bytes, ...]) -> bool:
        """One of them stands in the file, which may be larger than memory."""
        overlap = max(map(len, needles)) - 1
        try:
            with self.real(path).open("rb") as file:
                piece = b""
                while more := file.read(_PIECE):
                    piece = piece[-overlap:] + more
                    if any(needle in piece for needle in needles):
                        return True
        except OSError as error:
            raise OperatorError(f"{self.real(path)}: cannot be read ({error.strerror}); run this as root") from None
        return False

    def is_directory(self, path: str) -> bool:
        real = self.real(path)
        try:
            return real.is_dir()
        except OSError as error:
            raise OperatorError(f"{real}: cannot be looked at ({error.strerror}); run this as root") from None

    def matching(self, pattern: str) -> list[str]:
        """The files that an #include names, as glob(3) finds them: wildcards in any part, {a,b}; * means no name with a dot in front."""
        found: dict[str, None] = {}
        for one in _braces(pattern):
            found |= dict.fromkeys(self._matching(one))
        return list(found)

    def _matching(self, pattern: str) -> list[str]:
        fitting = ["/"]
        for part in PurePosixPath(pattern).parts[1:]:
            if not is_pattern(part):
                fitting = [str(PurePosixPath(where, part)) for where in fitting]
                continue
            fitting = [
                str(PurePosixPath(where, name))
                for where in fitting
                for name in sorted(self._entries(where))
                if fnmatch.fnmatchcase(name, part) and not name.startswith(".")
            ]
        return [path for path in fitting if not self.is_directory(path) and self.read(path) is not None]

    def _entries(self, directory: str) -> set[str]:
        real = self.real(directory)
        new = {path.name for path in self.changed if path.parent == real}
        try:
            return {*os.listdir(real), *new}
        except (FileNotFoundError, NotADirectoryError):
            return new
        except OSError as error:
            raise OperatorError(f"{real}: cannot be read ({error.strerror}); run this as root") from None

    def files_below(self, directory: str) -> Iterator[str]:
        """Regular files, however large, and those that a link stands for; not through a link to a directory, and no file twice."""
        top, seen = self.real(directory), set()
        for where, _, names in os.walk(top):
            for name in sorted(names):
                path = f"{directory}/{Path(where, name).relative_to(top)}"
                try:
                    real = self.real(path)
                    regular = real.is_file()
                except (OperatorError, PermissionError):  # a link in a circle is no file; who reads it by name is told
                    continue
                if regular and real not in seen:
                    seen.add(real)
                    yield path


def _target(path: Path) -> str | None:
    """Of a link; None: it is none, or is not there."""
    try:
        return os.readlink(path)
    except PermissionError as error:
        raise OperatorError(f"{path}: cannot be looked at ({error.strerror}); run this as root") from None
    except (OSError, ValueError):
        return None


def is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[{")


def _braces(pattern: str) -> list[str]:
    """{a,b}c is ac and bc; the first pair that has nothing nested is taken apart, then the rest."""
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    return [one for part in found[1].split(",") for one in _braces(pattern[: found.start()] + part + pattern[found.end() :])]
