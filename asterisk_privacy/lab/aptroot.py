"""Fill a directory with Debian sid packages through apt with a configuration of its own: no root, no change to the system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from asterisk_privacy.errors import OperatorError

ENV_MIRROR = "ASTERISK_PRIVACY_LAB_MIRROR"
SUITE = "sid"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
Progress = Callable[[str, int, int], None]


def architecture() -> str:
    """The system's dpkg architecture, such as amd64."""
    if not all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb", "dpkg")):
        raise OperatorError("no asterisk here and no apt-get to fetch one with: install asterisk 20.5.0 or later and sipp, then try again")
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def mirror() -> str:
    """The Debian main archive that the system's apt is configured with; the environment overrides."""
    override = os.environ.get(ENV_MIRROR)
    if override:
        return override
    # Origin and label are known only once the system ran "apt-get update"; until then the placeholders stay as they are.
    ask = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Created-By: Packages"]
    said = subprocess.run(ask, capture_output=True, text=True, check=False)
    known, guessed = [], []
    for line in said.stdout.splitlines():
        uri, _, label = line.partition(" ")
        if uri.startswith("cdrom:") or "security" in uri:
            continue
        if label == "Debian Debian":
            known.append(uri)
        elif label.startswith("$(") and uri.rstrip("/").endswith("/debian"):
            guessed.append(uri)
    found = known or guessed
    if not found:
        raise OperatorError(f"this system's apt knows no Debian mirror: set {ENV_MIRROR} to one (a URL as in sources.list)")
    return found[0]


def fill(work: Path, root: Path, packages: Sequence[str], progress: Progress) -> list[str]:
    """Download `packages` with all they depend on below `work` and unpack them into `root`. Returns "name version" lines."""
    arch, source = architecture(), mirror()
    env = _configure(work, arch, source)
    progress(f"asking {source} what {SUITE} has", 0, 0)
    _apt(env, ["update"], source)
    want = ["install", "--yes", "--download-only", *packages]
    uris = _apt(env, [*want[:1], "--print-uris", *want[1:]], source)
    sizes = {name: int(size) for name, size in re.findall(r"^'\S+' (\S+\.deb) (\d+)", uris, re.MULTILINE)}
    archives = work / "cache/archives"
    _need_room(work, sum(sizes.values()))
    _download(env, want, source, archives, sizes, progress)
    root.mkdir()
    for top in ("bin", "sbin", "lib", "lib64"):  # /usr merged, as Debian is, whatever an older package still ships
        (root / "usr" / top).mkdir(parents=True, exist_ok=True)
        (root / top).symlink_to(f"usr/{top}")
    debs = sorted(archives.glob("*.deb"))
    for n, deb in enumerate(debs, start=1):
        done = subprocess.run(["dpkg-deb", "-x", str(deb), str(root)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise OperatorError(f"cannot unpack {deb.name}: {_last_line(done.stderr)}; free space in {work.parent} and try again")
        deb.unlink()  # keeps the peak of disk use down
        progress("unpacking packages", n, len(debs))
    return [deb.name.removesuffix(".deb").rsplit("_", 1)[0].replace("_", " ").replace("%3a", ":") for deb in debs]


def library_dir(root: Path) -> Path:
    return _loader(root).parent


def loader_argv(root: Path) -> tuple[str, ...]:
    """Runs a program of the unpacked tree with the tree's own C library."""
    loader = _loader(root)
    return (str(loader), "--library-path", f"{loader.parent}:{root / 'usr/lib'}")


def _loader(root: Path) -> Path:
    found = sorted(root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    if not found:
        raise OperatorError(f"{root} holds no C library: remove the directory, the next run unpacks it anew")
    return found[0]


def _configure(work: Path, arch: str, source: str) -> dict[str, str]:
    """apt's private world below `work`; of the system's configuration only how to reach the network is taken over."""
    keyring = next((k for k in KEYRINGS if Path(k).exists()), None)
    if keyring is None:
        raise OperatorError("Debian's archive keys are missing: install the package debian-archive-keyring and try again")
    for part in ("state/lists/partial", "cache/archives/partial", "etc/parts", "etc/sources", "etc/trusted", "log"):
        (work / part).mkdir(parents=True)
    (work / "state/status").touch()
    (work / "etc/sources.list").write_text(f"deb [arch={arch} signed-by={keyring}] {source} {SUITE} main\n")
    # Read before anything else, so Dir::Etc::parts keeps the system's hooks out (they would run on our update).
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    network = [line for line in dump.splitlines() if re.match(r"Acquire::(http|https|ftp|socks|tor|Retries|Proxy|ForceIP)", line, re.I)]
    auth = "/etc/apt/auth.conf"
    ours = {
        "Dir": str(work),
        "Dir::State": str(work / "state"),
        "Dir::State::status": str(work / "state/status"),
        "Dir::State::lists": str(work / "state/lists"),
        "Dir::Cache": str(work / "cache"),
        "Dir::Cache::archives": str(work / "cache/archives"),
        "Dir::Etc": str(work / "etc"),
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": str(work / "etc/parts"),
        "Dir::Etc::sourcelist": str(work / "etc/sources.list"),
        "Dir::Etc::sourceparts": str(work / "etc/sources"),
        "Dir::Etc::trusted": str(work / "etc/none"),
        "Dir::Etc::trustedparts": str(work / "etc/trusted"),
        "Dir::Etc::preferences": str(work / "etc/none"),
        "Dir::Etc::preferencesparts": str(work / "etc/parts"),
        "Dir::Etc::netrc": auth if os.access(auth, os.R_OK) else str(work / "etc/none"),
        "Dir::Etc::netrcparts": f"{auth}.d" if os.access(f"{auth}.d", os.R_OK) else str(work / "etc/parts"),
        "Dir::Log": str(work / "log"),
        "Dir::Bin::methods": "/usr/lib/apt/methods",
        "Dir::Bin::dpkg": "/usr/bin/dpkg",
        "APT::Architecture": arch,
        "APT::Install-Recommends": "false",
        "APT::Get::AllowUnauthenticated": "false",
        "APT::Sandbox::User": "root",  # "stay who you are": files are ours, and without root nothing else is possible
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Check-Date": "false",
        "Debug::NoLocking": "true",
    }
    text = [f'{key} "{value}";' for key, value in ours.items()]
    (work / "apt.conf").write_text("\n".join([*network, *text, ""]))
    return {**os.environ, "APT_CONFIG": str(work / "apt.conf"), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def _apt(env: dict[str, str], arguments: Sequence[str], source: str) -> str:
    done = subprocess.run(["apt-get", "-q", *arguments], env=env, capture_output=True, text=True, check=False)
    if done.returncode or re.search(r"^(W: Failed to fetch|E:|Err:)", done.stderr, re.MULTILINE):
        raise _failed(done.stderr or done.stdout, source)
    return done.stdout


def _failed(said: str, source: str) -> OperatorError:
    errors = [line[2:].strip() for line in said.splitlines() if line.startswith(("E:", "W:"))]
    why = next((e for e in errors if "Some index files" not in e), errors[-1] if errors else _last_line(said))
    if "space" in why:
        return OperatorError(f"no room to fetch asterisk: {why}; free some or set ASTERISK_PRIVACY_LAB to a directory on another disk")
    return OperatorError(f"cannot fetch asterisk from {source}: {why}; check the network, or set {ENV_MIRROR} to a reachable Debian mirror")


def _need_room(work: Path, download: int) -> None:
    need, free = 5 * download, shutil.disk_usage(work).free
    if free < need:
        raise OperatorError(
            f"not enough room in {work.parent}: {need // 1_000_000} MB needed, {free // 1_000_000} MB free; "
            "free some or set ASTERISK_PRIVACY_LAB to a directory on another disk"
        )


def _download(env: dict[str, str], want: Sequence[str], source: str, archives: Path, sizes: dict[str, int], progress: Progress) -> None:
    total, log = sum(sizes.values()), archives.parent / "download.log"
    with log.open("w") as out, subprocess.Popen(["apt-get", "-q", *want], env=env, stdout=out, stderr=out) as process:
        try:
            while process.poll() is None:
                progress(f"fetching {len(sizes)} packages", min(_present(archives), total), total)
                time.sleep(0.3)
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise _failed(log.read_text(errors="replace"), source)
    progress(f"fetching {len(sizes)} packages", total, total)


def _present(archives: Path) -> int:
    size = 0
    for path in (*archives.glob("*.deb"), *archives.glob("partial/*")):
        try:
            size += path.stat().st_size
        except FileNotFoundError:  # moved from partial/ meanwhile
            continue
    return size


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[-1]
