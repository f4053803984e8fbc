"""Find an Asterisk to play with: the system's own, or one unpacked from Debian's packages into a cache. No root needed.

Debian 12 and 13 have no asterisk package, Debian sid has. apt fetches it (and every library it needs) with a private
configuration, from the mirror that the system's own apt uses, checked against Debian's archive keys; `dpkg-deb -x` unpacks it.
Nothing is installed. The programs run through the unpacked C library's own loader, so that the system's libraries do not matter.

    python -m asterisk_privacy.lab.unpack        does it and prints what it found

Environment: ASTERISK_PRIVACY_LAB names the directory to unpack into (or an already unpacked one);
ASTERISK_PRIVACY_LAB_MIRROR names the Debian mirror (a URL as in sources.list).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asterisk_privacy.asterisk.release import told_release, too_old
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import aptroot

LAYOUT = 1
"""Part of the cache's name: raise it when the set of packages or their layout changes."""

ENV_ROOT = "ASTERISK_PRIVACY_LAB"
STAMP = "lab.stamp"

Progress = Callable[[str, int, int], None]
"""progress(what, done, total): a step by name; done and total in bytes or packages, both 0 where there is nothing to count."""


@dataclass(frozen=True, slots=True)
class Install:
    """Where the programs are. `asterisk`, `sipp` and `age` are argv prefixes: append the program's own arguments."""

    asterisk: tuple[str, ...]
    sipp: tuple[str, ...]
    age: tuple[str, ...]
    root: Path | None
    """The unpacked tree, None when the system's asterisk is used."""
    modules: Path
    data: Path
    """astdatadir: has documentation/ and static-http/."""
    version: str


def quiet(what: str, done: int, total: int) -> None:
    """A progress that shows nothing."""


def locate(progress: Progress = quiet) -> Install:
    """The system's asterisk (20.5.0 or later), else the unpacked one; unpacks on the first use (network; about a minute).

    OperatorError says in one line what is missing and what to do.
    """
    system = None if os.environ.get(ENV_ROOT) else _system_asterisk()
    if system is None:
        root = _unpacked("lab", ("asterisk", "sip-tester", "age"), progress)
        prefix = aptroot.loader_argv(root)
        version = _version((*prefix, str(root / "usr/sbin/asterisk")))
        return Install(
            asterisk=(*prefix, str(root / "usr/sbin/asterisk")),
            sipp=(*prefix, str(root / "usr/bin/sipp")),
            age=(*prefix, str(root / "usr/bin/age")),
            root=root,
            modules=aptroot.library_dir(root) / "asterisk/modules",
            data=root / "usr/share/asterisk",
            version=version,
        )
    asterisk, version, modules, data = system
    sipp, age = shutil.which("sipp"), shutil.which("age")
    tools = None if sipp and age else _unpacked("tools", ("sip-tester", "age"), progress)

    def tool(found: str | None, name: str) -> tuple[str, ...]:
        if found or tools is None:
            return (found or name,)
        return (*aptroot.loader_argv(tools), str(tools / "usr/bin" / name))

    return Install((asterisk,), tool(sipp, "sipp"), tool(age, "age"), None, modules, data, version)


def unpacked(name: str, packages: tuple[str, ...], progress: Progress = quiet) -> Path:
    """Other packages of Debian's, below a name of their own beside the lab's; run their programs with `aptroot.loader_argv`. OperatorError
    where there is no way to fetch them."""
    return _unpacked(name, packages, progress)


def _version(argv: tuple[str, ...]) -> str:
    try:
        said = subprocess.run([*argv, "-V"], capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"asterisk does not run ({error}): remove {argv[-1]} or its directory and try again") from error
    number = re.search(r"\d[\d.]*", said)
    return number.group() if number else "of unknown version"


def _system_asterisk() -> tuple[str, str, Path, Path] | None:
    """(program, version, modules, data) of an installed asterisk that is new enough and complete."""
    found = shutil.which("asterisk", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if not found:
        return None
    version = _version((found,))
    if not told_release(version) or too_old(version):
        return None
    modules = [p for pattern in ("lib/*/asterisk/modules", "lib*/asterisk/modules") for p in Path("/usr").glob(pattern)]
    modules += list(Path("/usr/local").glob("lib*/asterisk/modules"))
    data = [Path(p) for p in ("/usr/share/asterisk", "/var/lib/asterisk", "/usr/local/share/asterisk")]
    good_modules = next((p for p in modules if (p / "app_audiosocket.so").exists() and (p / "chan_pjsip.so").exists()), None)
    good_data = next((p for p in data if (p / "documentation").is_dir()), None)
    return (found, version, good_modules, good_data) if good_modules and good_data else None


def _unpacked(name: str, packages: tuple[str, ...], progress: Progress) -> Path:
    override = os.environ.get(ENV_ROOT)
    if override:
        root = Path(override).expanduser().absolute()
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        root = cache / "asterisk-privacy" / f"{name}-{aptroot.architecture()}-{LAYOUT}"
    if (root / STAMP).exists():
        return root
    if root.exists() and any(root.iterdir()):
        raise OperatorError(f"{root} is not empty and was not unpacked by this program: remove it or set {ENV_ROOT} to another directory")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with _locked(root.with_name(f".{root.name}.lock"), progress):
            if not (root / STAMP).exists():
                _unpack_to(root, packages, progress)
    except OSError as error:
        raise OperatorError(f"cannot unpack into {root}: {error.strerror}; make room or set {ENV_ROOT} to another directory") from error
    return root


def _unpack_to(root: Path, packages: tuple[str, ...], progress: Progress) -> None:
    """All the work happens in a sibling directory: the final name appears complete or not at all."""
    for stale in root.parent.glob(f".{root.name}.new-*"):  # an interrupted run's; we hold the lock
        shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{root.name}.new-", dir=root.parent))
    try:
        tree = work / "root"
        versions = aptroot.fill(work, tree, packages, progress)
        (tree / STAMP).write_text("".join(f"{line}\n" for line in versions))
        if root.exists():
            root.rmdir()
        tree.rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another run that unpacks the same", 0, 0)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Shown:
    """Progress on standard error: one line that is rewritten on a terminal, else a line per step and per tenth."""

    def __init__(self) -> None:
        self._last: tuple[str, int] = ("", -1)
        self._at = 0.0
        self._tty = sys.stderr.isatty()

    def __call__(self, what: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 0
        amount = f" {_amount(done)} of {_amount(total)}" if total else ""
        if self._tty:
            if (what, tenth) == self._last and time.monotonic() - self._at < 0.2 and done < total:
                return
            end = "\n" if done >= total else ""
            print(f"\r\033[K{what}{amount}", end=end, file=sys.stderr, flush=True)
        elif (what, tenth) != self._last:
            print(f"{what}{amount}", file=sys.stderr, flush=True)
        self._last, self._at = (what, tenth), time.monotonic()


def _amount(n: int) -> str:
    return f"{n / 1_000_000:.1f} MB" if n >= 10_000 else str(n)


def main() -> int:
    try:
        install = locate(Shown())
    except OperatorError as error:
        print(f"asterisk-privacy lab: {error}", file=sys.stderr)
        return 3
    where = f"unpacked in {install.root}" if install.root else "installed on this system"
    print(f"Asterisk {install.version}, {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
