"""What the review page's unit promises; the rest is as in the recorder's, whose test says why."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_recording
from as_user import as_user, let_pass
from policies import SALES
from test_units import MOST_EXPOSED, SERVICE, SYSTEMD, _lines, settings

from asterisk_privacy.access.desk import Rulebook
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.page_desk import listening_at
from asterisk_privacy.registry.db import own_only
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.desk.client import RecorderAway, SocketDesk
from asterisk_privacy.review.desk.server import Server
from asterisk_privacy.review.desk.signing import SignedIn
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
    ("UMask", "0077", "what it makes is its own"),
    (
        *("LoadCredentialEncrypted", "identity:/etc/credstore.encrypted/asterisk-privacy-review.identity"),
        "the key stands on no disk in clear, and nobody else's process can read it",
    ),
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
def test_the_page_reads_what_is_sealed_and_can_lock_and_change_nothing(tmp_path: Path) -> None:
    """With the modes of tmpfiles.d, as the users of sysusers.d, and the umask of the units; what earlier versions left is closed."""
    let_pass(tmp_path)
    state = tmp_path / "state"
    for path, mode in ((state, 0o710), (state / "recordings", 0o750)):
        path.mkdir()
        os.chown(path, RECORDER, GROUP)
        path.chmod(mode)
    identity, one = Identity.generate(), new_recording_id()
    recipients = tmp_path / "recipients.txt"
    recipients.write_text(identity.public + "\n")
    recipients.chmod(0o644)
    registry, recordings = state / "registry.sqlite", state / "recordings"
    sealed = recordings / one[:2] / f"{one}.flac.age"
    writing = recordings / "ab" / f"{'ab' * 16}.part"

    def record() -> None:
        vault = Vault(recordings, Recipients.load(recipients))
        writer = vault.create(one)
        writer.write(np.zeros((8000, 2), np.int16))
        writer.seal()
        vault.create("ab" * 16).write(np.zeros((8000, 2), np.int16))
        Registry.open(registry).audit("daemon", "recording.seal", one, {})
        for end in ("", "-wal", "-shm"):
            registry.with_name(registry.name + end).chmod(0o660)  # as it was
        own_only(registry)

    def look() -> None:
        assert len(open_recording(sealed, [identity])[0]) == 8000

    def harm() -> None:
        for attempt in (
            *(sealed.unlink, registry.unlink, lambda: sealed.open("ab"), (recordings / "x").mkdir, recordings.rmdir),
            *(lambda: os.listdir(recordings), lambda: os.listdir(sealed.parent), lambda: os.listdir(state)),
            *(lambda: registry.open("rb"), lambda: registry.with_name("registry.sqlite-shm").open("rb"), lambda: writing.open("rb")),
            *(lambda path=path: os.open(path, os.O_RDONLY) for path in (state, recordings, sealed.parent, recordings / "shred")),
            lambda: sqlite3.connect(f"file:{registry}?mode=ro", uri=True).execute("SELECT * FROM audit"),
        ):
            with pytest.raises((PermissionError, sqlite3.OperationalError)):
                attempt()

    def go_on() -> None:
        with sealed.open("rb") as held:  # the one thing that it can lock
            fcntl.flock(held, fcntl.LOCK_EX)
            assert Vault(recordings, Recipients.load(recipients)).shred(one).found

    def stranger() -> None:
        for path in (sealed, registry):
            with pytest.raises(PermissionError):
                path.read_bytes()

    as_user(RECORDER, GROUP, record)
    as_user(PAGE, GROUP, look)
    as_user(PAGE, GROUP, harm)
    as_user(STRANGER, OTHERS, stranger)
    as_user(RECORDER, GROUP, go_on)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming the two users takes root")
def test_the_page_asks_the_recorder_and_strangers_cannot(tmp_path: Path) -> None:
    let_pass(tmp_path)
    state, run = tmp_path / "state", tmp_path / "run"
    for path, mode in ((state, 0o710), (run, 0o750)):
        path.mkdir()
        os.chown(path, RECORDER, GROUP)
        path.chmod(mode)
    config = tmp_path / "config.toml"
    page = f'[review]\nrecorder_socket = "{run}/desk.sock"\naccounts = "{tmp_path}/none"\n'
    config.write_text(f'[registry]\npath = "{state}/registry.sqlite"\n{page}{SALES}')
    config.chmod(0o644)
    ready, over = os.pipe(), os.pipe()

    def recorder() -> None:
        Registry.open(state / "registry.sqlite").close()

        async def run_desk() -> None:
            desk = Server(Rulebook.of(load(config)))  # in a process of its own else (test_accounts.py)
            serving = asyncio.create_task(desk.serve(listening_at(run / "desk.sock"), lifeline=over[0]))
            os.write(ready[1], b"x")
            await serving

        asyncio.run(run_desk())

    async def ask() -> None:
        page = SocketDesk(run / "desk.sock")
        await page.ask(SignedIn("anna"))
        page.close()

    def stranger() -> None:
        with pytest.raises(RecorderAway):
            asyncio.run(ask())

    child = os.fork()
    if child == 0:
        code = 1
        try:
            as_user(RECORDER, GROUP, recorder)
            code = 0
        finally:
            os._exit(code)
    try:
        os.read(ready[0], 1)
        as_user(STRANGER, OTHERS, stranger)
        as_user(PAGE, GROUP, lambda: asyncio.run(ask()))
    finally:
        os.write(over[1], b"x")
        assert os.waitpid(child, 0)[1] == 0
        for descriptor in (*ready, *over):
            os.close(descriptor)
    with Registry.open(state / "registry.sqlite") as registry:
        assert [(e.actor, e.action) for e in registry.audit_entries(1)] == [("review:anna", "review.sign-in")]
