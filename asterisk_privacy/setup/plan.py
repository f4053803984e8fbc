"""What each file of a PBX shall say: decided from what the files say now. Nothing is written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup import marks
from asterisk_privacy.setup.asterisk_user import AsteriskUser, asterisk_user
from asterisk_privacy.setup.conf import Conf, read_conf
from asterisk_privacy.setup.marks import Ours, Where
from asterisk_privacy.setup.references import confs
from asterisk_privacy.setup.tree import Tree

OWN_NAME = "50-asterisk-privacy.conf"
"""Of our file in a directory of drop-ins, after the distribution's 01-."""
SECRET_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Change:
    """`before` None: there is no such file; `after` None: it goes. `mode` is that of a new file. `group`: whose the file shall be,
    to read; None: as it is, or as its directory."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0o644
    group: int | None = None


@dataclass(slots=True)
class Wanted:
    """Files as they shall be, on a tree from which everything of ours was taken out; `kept` are files that are left as they stand."""

    bare: Tree
    now: Tree
    directory: str
    files: dict[str, bytes] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    reader: AsteriskUser | None = None
    """Who reads the files: a secret one is its group's."""
    warnings: list[str] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)

    def conf(self, name: str) -> Conf:
        return read_conf(self.bare, self.directory, name)

    def own(self, path: str, lines: bytes, mode: int = 0o644) -> None:
        """A whole file of ours; one that somebody else put there, or changed, stays as it is."""
        there = self.now.read(path)
        mine = Ours.UNTOUCHED if there is None else marks.whose(there)
        if there is None or mine is Ours.UNTOUCHED:
            self.files[path] = marks.own_file(lines)
            self.modes[path] = mode
            return
        self.files[path] = there
        if mine is Ours.EDITED:
            self.warnings.append(f"{path}: was changed by hand since, and stays as it is; remove it and run this again for the shipped one")
        elif there.strip() != lines.strip():
            self.warnings.append(f"{path}: was there before and is not as shipped; it stays as it is: compare the two")

    def block(self, path: str, lines: str, where: Where = Where.END) -> None:
        """Lines of ours in a file that is somebody else's; a file that is not there becomes a whole file of ours."""
        there = self.now.read(path)
        if there is None or marks.whose(there) is not Ours.NOT:
            self.own(path, lines.encode())
        else:
            self.files[path] = marks.with_block(there, lines, where, path)

    def group_of(self, path: str) -> int | None:
        """Of a file with a secret that is new, or that Asterisk cannot read."""
        real = self.now.real(path)
        if self.reader is None or self.modes.get(path) != SECRET_MODE or (real.exists() and self.reader.can_read_file(real)):
            return None
        return self.reader.gid

    def included(self, conf: Conf, name: str) -> bool:
        """By somebody else's line: then ours is not needed. A file that is not there yet counts too."""
        return f"{self.directory}/{name}" in conf.files or f"{self.directory}/{name}" in conf.missing


def taken_out(tree: Tree, directory: str) -> dict[str, bytes | None]:
    """Every file in which something of ours stands, as it is without it (None: it goes altogether): whatever lies in Asterisk's directory,
    and whatever Asterisk reads, wherever that lies."""
    changed: dict[str, bytes | None] = {}
    for path in _all_files(tree, directory):
        if not tree.contains(path, marks.MARKS):
            continue
        text = tree.read(path) or b""
        if marks.whose(text) is not Ours.NOT:
            changed[path] = None
        elif marks.has_block(text):
            changed[path] = marks.without_block(text, path)
    return changed


def _all_files(tree: Tree, directory: str) -> list[str]:
    """Each once, also where several paths lead to it."""
    found = {tree.real(path): path for conf in confs(tree, directory).values() for path in conf.files}
    found |= {tree.real(path): path for path in tree.files_below(directory)}
    return sorted(found.values())


def changes(now: Tree, out: Mapping[str, bytes | None], wanted: Wanted) -> list[Change]:
    """From the files as they are to the files as they shall be. What is included comes before what includes it."""
    found = []
    for path in {**wanted.files, **out}:
        before = now.read(path)
        after = wanted.files.get(path, out.get(path))
        if before != after:
            found.append(Change(path, before, after, wanted.modes.get(path, 0o644), wanted.group_of(path)))
        elif wanted.group_of(path) is not None:
            found.append(Change(path, before, after, SECRET_MODE, wanted.group_of(path)))
    return sorted(found, key=lambda change: change.before is not None)


def begin(tree: Tree, directory: str) -> tuple[Wanted, dict[str, bytes | None]]:
    """OperatorError where there is no Asterisk's configuration at all."""
    if not tree.is_directory(directory):
        raise OperatorError(
            f"{tree.real(directory)}: there is no such directory; run this on the machine where Asterisk is, "
            f"or name its configuration's place with --asterisk-dir"
        )
    out = taken_out(tree, directory)
    return Wanted(tree.with_changes(out), tree, directory, reader=asterisk_user(tree, directory)), out
