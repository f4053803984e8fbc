"""What the review page's unit promises; the rest is as in the recorder's, whose test says why."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from as_it_lies import open_recording
from as_user import as_user, let_pass
from test_units import MOST_EXPOSED, SERVICE, SYSTEMD, _lines, settings

from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.layout import new_recording_id
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

UNIT = SYSTEMD / "asterisk-privacy-review.service"
REVIEW = settings(UNIT, "Service")

OWN = [
    ("ExecStart", "/usr/bin/asterisk-privacy review serve", "the public name of the command"),
    ("User", "asterisk-privacy-review", "not the recorder's user, which must not have the key"),
    ("Group", "asterisk-privacy", "what is sealed is this group's to read"),
    ("UMask", "0077", "what it makes is its own; SQLite gives its files the registry's mode"),
    (
        *("LoadCredentialEncrypted", "identity:/etc/credstore.encrypted/asterisk-privacy-review.identity"),
        "the key stands on no disk in clear, and nobody else's process can read it",
    ),
    ("ReadWritePaths", "/var/lib/asterisk-privacy", "the registry"),
    ("ReadOnlyPaths", "-/var/lib/asterisk-privacy/recordings", "it cannot delete or change what is sealed"),
    ("MemoryMax", "1G", "a flood of sign-ins does not take Asterisk's memory"),
    ("TasksMax", "64", "the same"),
]
NOT_THERE = {"StateDirectory", "StateDirectoryMode", "RuntimeDirectory", "RuntimeDirectoryMode", "ConfigurationDirectory"}
NOT_THERE |= {"ConfigurationDirectoryMode", "SupplementaryGroups", "ExecReload", "TimeoutStartSec", "TimeoutStopSec", "LimitNOFILE"}


@pytest.mark.parametrize(("name", "value", "why"), OWN, ids=[name for name, _, _ in OWN])
def test_the_review_page_promises(name: str, value: str, why: str) -> None:
    assert REVIEW.get(name) == [value], why


def test_all_else_is_as_strict_as_the_recorder() -> None:
    own = {name for name, _, _ in OWN} | {"InaccessiblePaths", "SyslogIdentifier"}
    assert {name: value for name, value in REVIEW.items() if name not in own} == {
        name: value for name, value in SERVICE.items() if name not in own | NOT_THERE
    }
    hidden = {path.lstrip("-") for path in REVIEW["InaccessiblePaths"][0].split()}
    assert hidden == {
        *("/etc/asterisk-privacy/ari.secret", "/etc/asterisk-privacy/number.key", "/etc/asterisk-privacy/checkpoint.key"),
        "/run/asterisk-privacy",
    }


def test_the_recorder_gets_no_key() -> None:
    text = (SYSTEMD / "asterisk-privacy.service").read_text()
    assert "identity" not in text


def test_its_user_is_made_and_in_the_recorders_group() -> None:
    lines = _lines(SYSTEMD / "sysusers.d" / "asterisk-privacy-review.conf")
    assert [line[:2] for line in lines if line[0] == "u"] == [["u", "asterisk-privacy-review"]]
    assert lines[0][-1].endswith("nologin") and ["m", "asterisk-privacy-review", "asterisk-privacy"] in lines


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_and_it_is_hardly_exposed(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("ExecStart=/usr/bin/asterisk-privacy", f"ExecStart={shutil.which('true')}"))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=30, check=False)
    assert [line for line in (said.stdout + said.stderr).splitlines() if UNIT.name in line] == []
    threshold = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", str(UNIT)]
    said = subprocess.run(threshold, capture_output=True, text=True, timeout=30, check=False)
    if "unrecognized option" in said.stderr:
        pytest.skip("this systemd-analyze cannot judge a file offline (before systemd 250)")
    assert "exposure level" in said.stdout and said.returncode == 0, said.stdout.splitlines()[-1:]


RECORDER, PAGE, STRANGER, GROUP, OTHERS = 64_001, 64_002, 64_003, 64_001, 64_009


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming the three users takes root")
def test_the_page_reads_and_adds_rows_and_removes_nothing(tmp_path: Path) -> None:
    """With the modes of tmpfiles.d, as the users of sysusers.d, and the umask of the units."""
    let_pass(tmp_path)
    state = tmp_path / "state"
    for path, mode in ((state, 0o1770), (state / "recordings", 0o750)):
        path.mkdir()
        os.chown(path, RECORDER, GROUP)
        path.chmod(mode)
    identity, one = Identity.generate(), new_recording_id()
    recipients = tmp_path / "recipients.txt"
    recipients.write_text(identity.public + "\n")
    recipients.chmod(0o644)
    registry, recordings = state / "registry.sqlite", state / "recordings"
    sealed = recordings / one[:2] / f"{one}.flac.age"

    def record() -> None:
        import numpy as np

        writer = Vault(recordings, Recipients.load(recipients)).create(one)
        writer.write(np.zeros((8000, 2), np.int16))
        writer.seal()
        Registry.open(registry).audit("daemon", "recording.seal", one, {})

    def look() -> None:
        assert len(open_recording(sealed, [identity])[0]) == 8000
        with Registry.open(registry, create=False) as opened:
            opened.audit("review:anna", "recording.listen", one, {})

    def harm() -> None:
        for attempt in (sealed.unlink, registry.unlink, lambda: sealed.open("ab"), lambda: (recordings / "x").mkdir(), recordings.rmdir):  # noqa: PLW0108
            with pytest.raises(PermissionError):
                attempt()

    def go_on() -> None:
        with Registry.open(registry, create=False) as opened:
            opened.audit("daemon", "recording.purged", one, {})
            assert [e.actor for e in opened.audit_entries(3)][:2] == ["daemon", "review:anna"] and opened.verify_audit().ok

    def stranger() -> None:
        for path in (sealed, registry):
            with pytest.raises(PermissionError):
                path.read_bytes()

    as_user(RECORDER, GROUP, record)
    as_user(PAGE, GROUP, look)
    as_user(PAGE, GROUP, harm)
    as_user(RECORDER, GROUP, go_on)
    as_user(PAGE, GROUP, look)
    as_user(STRANGER, OTHERS, stranger)
