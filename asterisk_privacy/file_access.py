"""Who may read and change the recorder's files: its configuration, its keys and its passwords.

Whoever can read a secret has it. Whoever can write a file that the recorder obeys, or a directory above it, is its administrator: they add
themselves to those who may listen. So a secret that others can read, and a file that others can write or replace, is refused with the
command that mends it; what is wrong further up in its path check-config tells. Others are everybody but root and the user that reads; a
group may read, and may write where nobody else is in it.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from asterisk_privacy.errors import OperatorError

MOUNTED_SECRETS = Path("/run/secrets")
"""Where Docker, Podman and Kubernetes mount secrets, by default for all to read: there is nobody else in the container."""
MOST_LINKS = 16
EVERYBODY = 2**32 - 1
"""Users of a machine. A namespace that has fewer hides some."""


class Exposed(OperatorError):
    """Others can read or change it."""


def read(path: Path, what: str, secret: bool) -> bytes:
    """The bytes of a file that the recorder obeys. Exposed: others can change it, or read what is secret. OSError if it cannot be read.
    What is no file (standard input, a pipe) comes from whoever runs this."""
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY), "rb") as file:
        found = os.fstat(file.fileno())
        why = next(_wrong(path, found, secret), None) if stat.S_ISREG(found.st_mode) else None
        if why is not None:
            raise Exposed(f"{what} {path}: {why}" if what else f"{path}: {why}")
        return file.read()


def hand_over(descriptor: int, folder: Path) -> None:
    """A file that root has just made in `folder` becomes its owner's, and its group's: else whoever works there could not use it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        if (owner.st_uid, owner.st_gid) != (0, 0):
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Root works as the user of `folder`, or of what it is to be made in: what it makes is theirs. Whoever is not root stays who he is."""
    found = next(path for path in (folder, *folder.absolute().parents) if path.exists()).stat()
    if os.geteuid() != 0 or found.st_uid == 0:
        yield
        return
    before = os.getegid(), os.getgroups()
    try:
        user = pwd.getpwuid(found.st_uid)
        group, groups = user.pw_gid, os.getgrouplist(user.pw_name, user.pw_gid)
    except KeyError:
        group, groups = found.st_gid, []
    try:
        os.setgroups(groups)
        os.setegid(group)
        os.seteuid(found.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def lock_file(path: Path) -> int:
    """Open, made if it is not there. Left behind by root it must not keep the recorder out."""
    try:
        made = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    hand_over(made, path.absolute().parent)
    return made


def write_note(path: Path, data: bytes) -> None:
    """Whole or not at all, and for whoever works in its directory. OSError."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        hand_over(file.fileno(), path.absolute().parent)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def exposed(path: Path, secret: bool) -> list[str]:
    """What `read` would refuse, without reading it; nothing where there is no such file. OSError: it cannot be looked at."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return []
    return list(_wrong(path, found, secret)) if stat.S_ISREG(found.st_mode) else []


def above(path: Path) -> list[str]:
    """What is wrong with the directories further up than the file's own. OSError: one of them cannot be looked at."""
    near = _holding(path)
    return [why for folder in _further_up(near) if folder not in near for why in _wrong_with_folder(folder)]


def beside(path: Path) -> Iterator[str]:
    """Who else can make files beside a database. SQLite takes one of the right name for its own log and carries it out, so a sticky bit
    does not help: it keeps others from what is there, and not from what is not there yet. OSError: it cannot be looked at."""
    me = os.geteuid()
    for folder in _holding(path):
        found = folder.stat()
        if others_write(found, me):
            ours = "" if found.st_uid == me else f"chown {_user(me)} {folder} && "
            yield f"others can put files beside it in {folder} (mode {stat.S_IMODE(found.st_mode):04o}); run: {ours}chmod go-w {folder}"
        elif not _is_trusted(found.st_uid):
            yield f"{folder} belongs to {_whose(found.st_uid)}, who can put another file in its place; run: chown {_user(me)} {folder}"


def of_a_stranger(path: Path) -> str | None:
    """Whose it is, if not root's or the reader's. None also where there is no such file. OSError: it cannot be looked at."""
    try:
        owner = path.lstat().st_uid
    except FileNotFoundError:
        return None
    return None if _is_trusted(owner) else _whose(owner)


def _wrong(path: Path, found: os.stat_result, secret: bool) -> Iterator[str]:
    mode = stat.S_IMODE(found.st_mode)
    if secret and mode & 0o004 and not path.resolve().is_relative_to(MOUNTED_SECRETS.resolve()):
        yield f"everybody on this machine can read it; run: chmod 0640 {path}; and make a new one, since others may have read it"
    if others_write(found):
        yield f"others can change it (mode {mode:04o}); run: chmod go-w {path}; and look at what is in it"
    if not _is_trusted(found.st_uid):
        yield f"belongs to {_whose(found.st_uid)}, who can change it; run: chown {_to_whom()} {path}; and look at what is in it"
    for folder in _holding(path):
        yield from _wrong_with_folder(folder)


def _wrong_with_folder(folder: Path) -> Iterator[str]:
    found = folder.stat()
    sticky = found.st_mode & stat.S_ISVTX  # there only its owner can rename or remove what is in it
    if others_write(found) and not sticky:
        yield f"others can put another file in its place, since they can write to {folder}; run: chmod go-w {folder}"
    if not _is_trusted(found.st_uid):
        yield f"{folder} belongs to {_whose(found.st_uid)}, who can put another file in its place; run: chown {_to_whom()} {folder}"


def _holding(path: Path) -> list[Path]:
    """The file's directory, and where there are links those of each: who writes to one of them says which file is read."""
    found: dict[Path, None] = {}
    for _ in range(MOST_LINKS):
        found[path.absolute().parent] = None
        if not path.is_symlink():
            break
        path = path.parent / os.readlink(path)
    found[path.resolve().parent] = None
    return list(found)


def _further_up(folders: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(parent for folder in folders for parent in folder.parents))


def others_write(found: os.stat_result, *besides: int) -> bool:
    """Others than its owner, root and the users `besides`."""
    return bool(found.st_mode & 0o002 or (found.st_mode & 0o020 and not _is_alone({found.st_uid, *besides}, found.st_gid)))


def _is_alone(uids: set[int], gid: int) -> bool:
    """Whether nobody but these users (and root) is in this group, as where each user has one of his own (umask 002)."""
    if gid == 0:
        return True
    if _is_hidden(gid, "gid_map"):
        return False
    try:
        members = set(grp.getgrgid(gid).gr_mem)
    except KeyError:  # a container without a list of groups: nobody knows who is in it, but where it has the owner's own number
        return gid in uids
    members |= {user.pw_name for user in pwd.getpwall() if user.pw_gid == gid}
    return members <= {"root", *map(_user, uids)}


def _is_trusted(uid: int) -> bool:
    """Root, or who reads. Root trusts the owner of what it names. Whom a user namespace hides may be anybody: nobody trusts him."""
    return not _is_hidden(uid, "uid_map") and (os.geteuid() == 0 or uid in (0, os.geteuid()))


def _is_hidden(number: int, of: str) -> bool:
    """Whether this may be any user or group of whom the process's user namespace has no number: all of them look like one. `of`: the
    list of those that it has (proc(5)); where that cannot be read nobody knows."""
    if number != _nobody():
        return False
    with contextlib.suppress(OSError, ValueError):
        return sum(count for _, _, count in _numbers(of)) < EVERYBODY
    return True


def _numbers(of: str) -> Iterator[tuple[int, int, int]]:
    for line in Path(f"/proc/self/{of}").read_text().splitlines():
        inside, outside, count = map(int, line.split())
        yield inside, outside, count


def _nobody() -> int:
    """Whom the kernel shows for all who are hidden; the units hide this file too (ProcSubset=pid), and then it is the kernel's default."""
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    return 65534


def _whose(uid: int) -> str:
    if _is_hidden(uid, "uid_map"):
        return "a user whom this process cannot name, since its user namespace hides him (PrivateUsers= in a unit, or a container)"
    return f"user {_user(uid)}"


def _to_whom() -> str:
    """To whom a file can be given: root, where this process can name him."""
    with contextlib.suppress(OSError, ValueError):
        if not any(inside == 0 for inside, _, _ in _numbers("uid_map")):
            return _user(os.geteuid())
    return "root"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
