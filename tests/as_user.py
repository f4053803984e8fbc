"""What root may do proves nothing about anybody else: the same as another user, in a child process."""

from __future__ import annotations

import codecs
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STRANGER = 64_003
for late in ("ascii", "latin-1", "idna"):  # imported when first asked for; another user may not look where this Python lies
    codecs.lookup(late)


def let_pass(folder: Path) -> None:
    """Others may walk through to `folder`; pytest's own directories are 0700, and each new run makes the outermost so again."""
    for walked in (folder, *folder.parents):
        if not walked.stat().st_mode & 0o001:
            walked.chmod(0o711)


@contextmanager
def own_folder() -> Iterator[Path]:
    """Not below pytest's: another run of it on this machine would shut that to others again."""
    with tempfile.TemporaryDirectory(prefix="asterisk-privacy-") as name:
        Path(name).chmod(0o711)
        folder = Path(name) / "folder"
        folder.mkdir(mode=0o700)
        yield folder


def as_user(user: int, group: int, work: Callable[[], object]) -> None:
    """Only root can. What `work` raises fails the test, and is printed."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            os.umask(0o077)
            work()
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0, getattr(work, "__name__", "")


def unprivileged(folder: Path, work: Callable[[], object]) -> None:
    """As the owner of `folder` and all in it, who is not root."""
    if os.geteuid() != 0:
        work()
        return
    let_pass(folder.parent)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    as_user(STRANGER, STRANGER, work)
