"""Files below a root, as bytes. Nothing outside the root is read, wherever a link leads; nothing is written here."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from asterisk_privacy.errors import OperatorError

_MOST_LINKS = 40  # as the kernel has it
_LARGEST = 8 * 2**20  # bytes of a configuration file that is looked at


@dataclass(frozen=True, slots=True)
class Tree:
    """`root` is / on a PBX, a directory in an image or a test. Paths are as the PBX has them: /etc/asterisk/features.conf.
    `changed` stands before what is on the disk (None: gone), so that a plan can be made on files as they would be."""

    root: Path
    changed: Mapping[str, bytes | None] = field(default_factory=dict)

    def with_changes(self, changed: Mapping[str, bytes | None]) -> Tree:
        return replace(self, changed={**self.changed, **changed})

    def real(self, path: str) -> Path:
        """Where it is on this machine. Links are followed as the PBX would: an absolute one starts at the root."""
        todo, done, links = list(PurePosixPath(path).parts)[::-1], PurePosixPath("/"), 0
        while todo:
            part = todo.pop()
            if part == "/":
                done = PurePosixPath("/")
            elif part == "..":
                done = done.parent
            elif part != ".":
                here = self.root / str(done / part).lstrip("/")
                if here.is_symlink():
                    links += 1
                    if links > _MOST_LINKS:
                        raise OperatorError(f"{self.root}{path}: its links lead in a circle; set them right first")
                    todo += list(PurePosixPath(os.readlink(here)).parts)[::-1]
                else:
                    done /= part
        return self.root / str(done).lstrip("/")

    def read(self, path: str) -> bytes | None:
        """None: there is no such file. OperatorError: it cannot be read."""
        if path in self.changed:
            return self.changed[path]
        real = self.real(path)
        try:
            return real.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            raise OperatorError(f"{real}: is a directory, where a file was expected") from None
        except OSError as error:
            raise OperatorError(f"{real}: cannot be read ({error.strerror}); run this as root") from None

    def is_directory(self, path: str) -> bool:
        return self.real(path).is_dir()

    def matching(self, pattern: str) -> list[str]:
        """The files that a pattern of #include means (its last part may hold wildcards; * is not for names with a dot in front)."""
        where, _, name = pattern.rpartition("/")
        if not any(sign in name for sign in "*?["):
            return [pattern] if self.read(pattern) is not None else []
        there = {str(PurePosixPath(path)) for path in self.changed if path.rpartition("/")[0] == where}
        there |= {f"{where}/{entry}" for entry in self._entries(where)}
        fitting = [
            path for path in there if fnmatch.fnmatchcase(path.rpartition("/")[2], name) and not path.rpartition("/")[2].startswith(".")
        ]
        return sorted(path for path in fitting if self.read(path) is not None)

    def _entries(self, directory: str) -> list[str]:
        real = self.real(directory)
        try:
            return [name for name in os.listdir(real) if not (real / name).is_dir()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise OperatorError(f"{real}: cannot be read ({error.strerror}); run this as root") from None

    def files_below(self, directory: str) -> Iterator[str]:
        """Regular files, not through links, not the very large."""
        top = self.real(directory)
        for where, _, names in os.walk(top):
            for name in sorted(names):
                real = Path(where, name)
                if not real.is_symlink() and real.is_file() and real.stat().st_size <= _LARGEST:
                    yield f"{directory}/{real.relative_to(top)}"
