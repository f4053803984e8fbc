"""A Debian booted by its own systemd in namespaces of this machine, with whose network it speaks: for trying what units do. Needs root."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from asterisk_privacy.errors import OperatorError

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
BOOT_SECONDS = 60
_BOOT = """
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t tmpfs tmpfs {root}/run
mount --rbind /sys {root}/sys
mount --rbind /dev {root}/dev
mkdir -p {root}{sounds}
ln -s /dev/null {root}/etc/systemd/system/systemd-sysctl.service  # this machine's settings are not the guest's
mount --bind {sounds} {root}{sounds}
exec unshare --pid --fork --uts --ipc --cgroup --kill-child --mount-proc={root}/proc bash -c '
cd {root}; mkdir -p old; pivot_root . old  # in a mere chroot the kernel allows no user namespaces, which PrivateUsers= makes
umount -l /old; mount --make-rshared /  # as on a real machine; LoadCredential= needs it
exec env -i container=lxc PATH={path} /lib/systemd/systemd --system {cgroups}'
"""


class Guest:
    """A Debian with the package, and systemd as its first process. Shares this machine's network."""

    def __init__(self, root: Path, sounds: Path) -> None:
        self.root = root
        self._sounds = sounds
        self._host: subprocess.Popen[bytes] | None = None

    def install(self, package: Path) -> None:
        shutil.copy(package, self.root / "tmp/package.deb")
        said = subprocess.run(
            ["chroot", self.root, "env", "-i", f"PATH={PATH}", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", "/tmp/package.deb"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if said.returncode:
            raise OperatorError(f"{package.name} cannot be installed: {said.stderr.strip().splitlines()[-1:]}")

    def boot(self) -> None:
        unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        script = _BOOT.format(
            root=self.root, sounds=self._sounds, path=PATH, cgroups="" if unified else "systemd.unified_cgroup_hierarchy=0"
        )
        self._host = subprocess.Popen(["unshare", "--mount", "bash", "-c", script], stdin=subprocess.DEVNULL, process_group=0)
        until("systemd is up", lambda: self("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}, BOOT_SECONDS)

    def halt(self) -> None:
        if self._host is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._host.pid, signal.SIGKILL)
            self._host.wait()

    def __call__(self, *command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        inside = ("env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", *command)
        if user != "root":
            inside = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *inside)
        return subprocess.run(
            ["nsenter", "-t", str(self._init()), "-m", "-p", "-u", "-i", "-C", *inside],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def _init(self) -> int:
        """The process id, outside, of the guest's first process: the grandchild that unshare forked."""
        if self._host is None or self._host.poll() is not None:
            raise OperatorError("the guest's systemd is not running; can this machine make namespaces?")
        children = Path(f"/proc/{self._host.pid}/task/{self._host.pid}/children").read_text().split()
        return int(children[-1]) if children else self._host.pid

    def unit(self, name: str, what: str) -> str:
        return self("systemctl", "show", "-P", what, name).stdout.strip()


def until(what: str, true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise OperatorError(f"not so within {seconds:g} s: {what}")
        time.sleep(0.25)
    ok(what)


def ok(what: str) -> None:
    sys.stdout.write(f"   ok: {what}\n")
    sys.stdout.flush()


def must(what: str, true: bool, seen: object = "") -> None:
    if not true:
        raise OperatorError(f"not so: {what} {seen}")
    ok(what)
