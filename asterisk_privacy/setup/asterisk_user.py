"""As which user Asterisk runs, which decides what it can read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.setup.conf import read_conf
from asterisk_privacy.setup.tree import Tree

_UNITS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_DEFAULTS = "/etc/default/asterisk"  # Debian's init script: AST_USER, AST_GROUP


@dataclass(frozen=True, slots=True)
class AsteriskUser:
    """`how`: where that is from, for people."""

    uid: int
    gid: int
    groups: frozenset[int]
    how: str

    def can_read(self, path: Path) -> bool:
        """By owner, group and mode, of the file and of each directory above it; access lists are not looked at."""
        real = path.resolve()
        return self._may(real, 4) and all(self._may(parent, 1) for parent in real.parents)

    def can_read_file(self, path: Path) -> bool:
        """Of the file alone: the directories above are not ours."""
        return self._may(path.resolve(), 4)

    def _may(self, path: Path, bit: int) -> bool:
        there = path.stat()
        if self.uid == 0:
            return True
        if there.st_uid == self.uid:
            return bool(there.st_mode & bit << 6)
        if there.st_gid in {self.gid, *self.groups}:
            return bool(there.st_mode & bit << 3)
        return bool(there.st_mode & bit)


def asterisk_user(tree: Tree, directory: str) -> AsteriskUser | None:
    """The running process's, if this is its machine; else what its configuration, its unit or its init script says. None: not known, or
    this user cannot read them."""
    if tree.root == Path("/") and (running := _running(Path("/proc"))) is not None:
        return running
    with suppress(OperatorError):
        for user, group, how in _written(tree, directory):
            if (found := _by_name(tree, user, group, how)) is not None:
                return found
    return None


def _running(proc: Path) -> AsteriskUser | None:
    for entry in proc.iterdir():
        try:
            if entry.name.isdecimal() and (entry / "comm").read_text().strip() == "asterisk":
                lines = dict(line.split(":\t", 1) for line in (entry / "status").read_text().splitlines() if ":\t" in line)
                uid, gid = (int(lines[name].split()[1]) for name in ("Uid", "Gid"))
                return AsteriskUser(uid, gid, frozenset(map(int, lines["Groups"].split())), "the running Asterisk")
        except OSError:  # it ended meanwhile
            continue
    return None


def _written(tree: Tree, directory: str) -> Iterator[tuple[str, str, str]]:
    conf = read_conf(tree, directory, "asterisk.conf")
    yield conf.value("options", "runuser"), conf.value("options", "rungroup"), f"{directory}/asterisk.conf"
    for place in _UNITS:
        unit = f"{place}/asterisk.service"
        texts = [tree.read(path) or b"" for path in (unit, *tree.matching(f"{place}/asterisk.service.d/*.conf"))]
        settings = dict(re.findall(rb"^(User|Group)=(\S+)", b"\n".join(texts), re.MULTILINE))
        yield settings.get(b"User", b"").decode(), settings.get(b"Group", b"").decode(), unit
    defaults = dict(re.findall(rb'^AST_(USER|GROUP)="?([\w-]+)', tree.read(_DEFAULTS) or b"", re.MULTILINE))
    yield defaults.get(b"USER", b"").decode(), defaults.get(b"GROUP", b"").decode(), _DEFAULTS
    yield "asterisk", "", "the user of that name"


def _by_name(tree: Tree, user: str, group: str, how: str) -> AsteriskUser | None:
    users, groups = _table(tree, "/etc/passwd"), _table(tree, "/etc/group")
    if not user or user not in users:
        return None
    uid, gid = int(users[user][2]), int(users[user][3])
    if group in groups:
        gid = int(groups[group][2])
    more = frozenset(int(fields[2]) for fields in groups.values() if user in fields[3].split(","))
    return AsteriskUser(uid, gid, more, how)


def _table(tree: Tree, path: str) -> dict[str, list[str]]:
    rows = [line.split(":") for line in (tree.read(path) or b"").decode("utf-8", "replace").splitlines()]
    return {fields[0]: fields for fields in rows if len(fields) >= 4 and fields[2].isdecimal()}
