"""What the unit files promise, one by one. A setting that is dropped or loosened fails here by name."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[3] / "systemd"
UNIT = SYSTEMD / "asterisk-privacy.service"
MOST_EXPOSED = 15  # tenths; `systemd-analyze security` said 1.2 with systemd 252


def settings(path: Path, section: str) -> dict[str, list[str]]:
    """Of one section of a unit file: each setting with all its values, in order."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in path.read_text().splitlines():
        if line.startswith(("#", ";")) or not line.strip():
            continue
        if line.startswith("["):
            current = line.strip("[]")
        elif current == section:
            name, equals, value = line.partition("=")
            assert equals, line
            found.setdefault(name, []).append(value)
    return found


def seconds(value: str) -> float:
    return float(re.fullmatch(r"(\d+)s?", value)[1])  # type: ignore[index]


SERVICE = settings(UNIT, "Service")

PROMISES = [
    ("Type", "notify", "systemd knows when the dialplan gets answers"),
    ("NotifyAccess", "main", "nobody but the daemon itself says that it is well"),
    ("ExecStart", "/usr/bin/asterisk-privacy serve", "the public name of the command"),
    ("ExecReload", "/usr/bin/asterisk-privacy reload", "a wrong configuration is told to who reloads"),
    ("Restart", "on-failure", "a recorder that died comes back"),
    ("RestartPreventExitStatus", "2", "a wrong configuration does not mend itself"),
    ("User", "asterisk-privacy", "not root, and not Asterisk's user"),
    ("Group", "asterisk-privacy", "its files are not Asterisk's"),
    ("SupplementaryGroups", "asterisk", "a directory that only Asterisk's group may enter"),
    ("UMask", "0077", "what it makes is its own"),
    ("RuntimeDirectory", "asterisk-privacy asterisk-privacy-review", "socket and lock; and where the review page asks"),
    ("RuntimeDirectoryMode", "0750", "others cannot ask the daemon"),
    ("StateDirectory", "asterisk-privacy", "/var/lib/asterisk-privacy: recordings and registry"),
    ("StateDirectoryMode", "0710", "nobody else lists recordings; in the group is nobody but the review page's user, who is told of names"),
    ("ConfigurationDirectory", "asterisk-privacy", "/etc/asterisk-privacy"),
    ("ConfigurationDirectoryMode", "0750", "keys and passwords are not for all"),
    ("LimitCORE", "0", "a core file would hold calls that nobody saved (promise 2)"),
    ("MemorySwapMax", "0", "swap would hold calls that nobody saved (promise 2)"),
    ("NoNewPrivileges", "yes", "no set-uid program helps an intruder"),
    ("CapabilityBoundingSet", "", "it needs no capability"),
    ("AmbientCapabilities", "", "it needs no capability"),
    ("ProtectSystem", "strict", "it writes below its own directories only"),
    ("ProtectHome", "yes", "no home directory is its business"),
    ("PrivateTmp", "yes", "nothing of a call in a shared directory"),
    ("PrivateDevices", "yes", "no microphone, no disk"),
    ("DevicePolicy", "closed", "no microphone, no disk"),
    ("PrivateUsers", "yes", "other users' names and files mean nothing to it"),
    ("PrivateIPC", "yes", "nothing shared with other services"),
    ("RemoveIPC", "yes", "nothing of it stays behind"),
    ("KeyringMode", "private", "no key of another service"),
    ("ProtectKernelTunables", "yes", "it cannot switch core files on again"),
    ("ProtectKernelModules", "yes", "no module is its business"),
    ("ProtectKernelLogs", "yes", "no kernel log is its business"),
    ("ProtectControlGroups", "yes", "it cannot lift its own limits"),
    ("ProtectClock", "yes", "the audit trail's times are not its to change"),
    ("ProtectHostname", "yes", "the machine's name is not its to change"),
    ("ProtectProc", "invisible", "it sees no other process"),
    ("ProcSubset", "pid", "it sees no other part of /proc"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6", "systemd, Asterisk, nothing else"),
    ("IPAddressDeny", "any", "no audio leaves for another machine ..."),
    ("IPAddressAllow", "localhost", "... and only Asterisk here is spoken to"),
    ("RestrictNamespaces", "yes", "no way around the above"),
    ("RestrictRealtime", "yes", "it cannot starve Asterisk"),
    ("RestrictSUIDSGID", "yes", "no set-uid file is left behind"),
    ("LockPersonality", "yes", "no odd kernel interface"),
    ("SystemCallArchitectures", "native", "no odd kernel interface"),
    ("SystemCallErrorNumber", "EPERM", "a refused call is an error to handle, not a death in mid-call"),
    ("MemoryDenyWriteExecute", "no", "cffi's callbacks need it; see test_no_recording_without_writable_and_executable_memory"),
]


@pytest.mark.parametrize(("name", "value", "why"), PROMISES, ids=[name for name, _, _ in PROMISES])
def test_the_service_promises(name: str, value: str, why: str) -> None:
    assert SERVICE.get(name) == [value], why


def test_every_setting_of_the_service_is_spoken_for() -> None:
    elsewhere = {"SystemCallFilter", "WatchdogSec", "RestartSec", "TimeoutStartSec", "TimeoutStopSec", "LimitNOFILE"}
    cosmetic = {"SyslogIdentifier", "Environment"}
    assert set(SERVICE) - {name for name, _, _ in PROMISES} == elsewhere | cosmetic


def test_system_calls_are_those_of_a_service_without_privileges() -> None:
    assert SERVICE["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]


def test_times_are_sensible() -> None:
    """The daemon says WATCHDOG=1 three times in WatchdogSec, and seals open files within seconds when it is stopped."""
    assert 10 <= seconds(SERVICE["WatchdogSec"][0]) <= 60
    assert 5 <= seconds(SERVICE["RestartSec"][0]) <= 30
    assert seconds(SERVICE["TimeoutStopSec"][0]) >= 15
    assert seconds(SERVICE["TimeoutStartSec"][0]) >= 120
    assert int(SERVICE["LimitNOFILE"][0]) >= 4096


def test_it_waits_for_asterisk_but_never_pulls_it_down() -> None:
    unit = settings(UNIT, "Unit")
    assert "asterisk.service" in unit["After"][0].split()
    assert not {"Requires", "BindsTo", "PartOf", "Requisite", "Conflicts", "Before"} & set(unit)
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert settings(UNIT, "Install") == {"WantedBy": ["multi-user.target"]}


def test_user_and_group_are_made() -> None:
    lines = _lines(SYSTEMD / "sysusers.d" / "asterisk-privacy.conf")
    user = next(line for line in lines if line[0] == "u")
    assert user[1] == SERVICE["User"][0]
    assert user[-1].endswith("nologin")
    assert {line[1] for line in lines if line[0] == "g"} == set(SERVICE["SupplementaryGroups"][0].split())


FILES = [
    ("d", "/etc/asterisk-privacy", "0750", "root", "the recorder reads, root writes"),
    ("z", "/etc/asterisk-privacy/config.toml", "0640", "root", "the recorder cannot change its own promises"),
    ("z", "/etc/asterisk-privacy/recipients.txt", "0640", "root", "the recorder cannot add a listener"),
    ("z", "/etc/asterisk-privacy/ari.secret", "0640", "root", "a password"),
    ("z", "/etc/asterisk-privacy/number.key", "0640", "root", "with it numbers could be guessed from their hashes"),
    ("z", "/etc/asterisk-privacy/checkpoint.key", "0640", "root", "with it checkpoints of the audit trail could be forged"),
    ("z", "/etc/asterisk-privacy/checkpoint.pub", "0644", "root", "whoever checks the trail may read it"),
    ("z", "/etc/asterisk-privacy/review-accounts.json", "0640", "root", "the review page cannot make itself an account"),
    ("d", "/var/lib/asterisk-privacy", "0710", "asterisk-privacy", "registry and recordings; the review page lists and locks nothing"),
    ("d", "/var/lib/asterisk-privacy/recordings", "0710", "asterisk-privacy", "the review page opens what it is told of"),
    (
        "z",
        "/var/lib/asterisk-privacy/registry.sqlite",
        "0600",
        "asterisk-privacy",
        "who can open it can lock it, and read what is sealed in it",
    ),
]


@pytest.mark.parametrize(("kind", "path", "mode", "owner", "why"), FILES, ids=[f[1] for f in FILES])
def test_files_belong_to(kind: str, path: str, mode: str, owner: str, why: str) -> None:
    lines = {line[1]: line for line in _lines(SYSTEMD / "tmpfiles.d" / "asterisk-privacy.conf")}
    assert lines[path] == [kind, path, mode, owner, "asterisk-privacy", "-"], why
    assert len(lines) == len(FILES)


def _lines(path: Path) -> list[list[str]]:
    return [
        [bare or quoted for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', line)]
        for line in path.read_text().splitlines()
        if line and not line.startswith("#")
    ]


# ---- the drop-in of [capture] how = "wire"

WIRE = SYSTEMD / "wire.conf"
LOOSENED = [
    ("CapabilityBoundingSet", "CAP_NET_RAW", "to open the ring of packets, and no other right"),
    ("AmbientCapabilities", "CAP_NET_RAW", "the recorder is not root; it lays the right down once the ring is open"),
    ("RestrictAddressFamilies", "AF_PACKET", "the ring"),
    ("PrivateUsers", "no", "a right in a user namespace of its own is none over this machine's network"),
    ("SystemCallFilter", "capset", "to lay the right down"),
]


def test_the_wire_loosens_exactly_this() -> None:
    sections = [line for line in WIRE.read_text().splitlines() if line.startswith("[")]
    assert sections == ["[Service]"]
    assert settings(WIRE, "Service") == {name: [value] for name, value, _ in LOOSENED}


def test_the_wire_is_told_where_the_recorder_and_its_manual_say() -> None:
    """`share` is where packaging/install.sh puts it."""
    place = "share/asterisk-privacy/examples"
    assert f"$share/{place.partition('/')[2]}/wire.conf" in (SYSTEMD.parent / "packaging/install.sh").read_text()
    for path in ("systemd/wire.conf", "systemd/asterisk-privacy.service", "asterisk_privacy/asterisk/wire/packets.py"):
        assert place in (SYSTEMD.parent / path).read_text(), path


# ---- systemd's own opinion

needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@needs_analyze
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """With a command that exists: the program need not be installed here."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("=/usr/bin/asterisk-privacy", f"={shutil.which('true')}"))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=30, check=False)
    complaints = [line for line in (said.stdout + said.stderr).splitlines() if UNIT.name in line]
    assert complaints == []


@needs_analyze
def test_systemd_finds_nothing_wrong_with_the_wire(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("=/usr/bin/asterisk-privacy", f"={shutil.which('true')}"))
    (tmp_path / f"{UNIT.name}.d").mkdir()
    shutil.copy(WIRE, tmp_path / f"{UNIT.name}.d")
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=30, check=False)
    complaints = [line for line in (said.stdout + said.stderr).splitlines() if UNIT.name in line or WIRE.name in line]
    assert complaints == []


@needs_analyze
def test_it_is_hardly_exposed() -> None:
    threshold = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNIT)]
    said = subprocess.run(threshold, capture_output=True, text=True, timeout=30, check=False)
    if "unrecognized option" in said.stderr:
        pytest.skip("this systemd-analyze cannot judge a file offline (before systemd 250)")
    assert "exposure level" in said.stdout, said.stderr
    assert said.returncode == 0, said.stdout.splitlines()[-1]


@pytest.mark.skipif(not shutil.which("systemd-tmpfiles"), reason="systemd-tmpfiles is not installed")
def test_tmpfiles_takes_every_line(tmp_path: Path) -> None:
    text = (SYSTEMD / "tmpfiles.d" / "asterisk-privacy.conf").read_text().replace(" root ", " - ")
    (tmp_path / "t.conf").write_text(text.replace(" asterisk-privacy ", " - ").replace("asterisk-privacy -\n", "- -\n"))
    command = ["systemd-tmpfiles", "--create", f"--root={tmp_path}", str(tmp_path / "t.conf")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "var/lib/asterisk-privacy/recordings").stat().st_mode & 0o777 == 0o710


REFUSED_MEMORY = """
import ctypes, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, Linux 6.3
    sys.exit("skip")
from asterisk_privacy.store.flac import Encoder
try:
    Encoder(8000)
except MemoryError:
    sys.exit("refused")
"""


def test_no_recording_without_writable_and_executable_memory() -> None:
    """Why the unit says MemoryDenyWriteExecute=no. Should this fail one day, say yes there, and turn this test round."""
    said = subprocess.run([sys.executable, "-c", REFUSED_MEMORY], capture_output=True, text=True, timeout=30, check=False)
    if said.stderr.strip() == "skip":
        pytest.skip("this kernel cannot deny writable and executable memory (before Linux 6.3)")
    assert said.stderr.strip() == "refused", said.stderr
