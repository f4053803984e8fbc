"""What root runs leaves nothing behind that the recorder, or its page, could not use any more."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from as_user import as_user, let_pass
from click.testing import CliRunner
from policies import SALES

from asterisk_privacy import file_access
from asterisk_privacy.cli.audit import audit
from asterisk_privacy.cli.case import case
from asterisk_privacy.cli.keys import keys
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.old_place import OldPlace, read, write
from asterisk_privacy.registry import file_copies
from asterisk_privacy.registry.checkpoint import read_file
from asterisk_privacy.registry.numbers import load_key
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.signing import Signer, Verifier
from asterisk_privacy.store.recipients import Recipients

RECORDER, GROUP = 64_001, 64_001
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming root and the recorder's user takes root")


class Host:
    """With owners and modes of tmpfiles.d."""

    def __init__(self, folder: Path) -> None:
        self.etc, self.state = folder / "etc", folder / "state"
        for path, owner, mode in ((self.etc, 0, 0o750), (self.state, RECORDER, 0o710), (self.state / "recordings", RECORDER, 0o710)):
            path.mkdir()
            os.chown(path, owner, GROUP)
            path.chmod(mode)
        let_pass(folder)
        self.config = self.etc / "config.toml"
        self.config.write_text(
            f'[store]\ndirectory = "{self.state}/recordings"\nrecipients = "{self.etc}/recipients.txt"\n'
            f'[registry]\npath = "{self.state}/registry.sqlite"\nnumber_key = "{self.etc}/number.key"\n'
            f'checkpoints = "{self.state}/checkpoints.jsonl"\ncheckpoint_key = "{self.etc}/checkpoint.key"\n'
            f'checkpoint_public_key = "{self.etc}/checkpoint.pub"\n{SALES}'
        )
        os.chown(self.config, 0, GROUP)
        self.config.chmod(0o640)
        self.registry = self.state / "registry.sqlite"

    def root(self, command: click.Command, *arguments: str | Path, config: bool = True) -> None:
        where: Sequence[str] = ("--config", str(self.config)) if config else ()
        result = CliRunner().invoke(command, [*map(str, arguments), *where])
        assert result.exit_code == 0, result.output

    def owners(self) -> dict[str, int]:
        """Of all that is in the recorder's directory."""
        return {path.name: path.stat().st_uid for path in self.state.iterdir()}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def begin(host: Host) -> None:
    """As the recorder's first start."""

    def start() -> None:
        Registry.open(host.registry).close()

    as_user(RECORDER, GROUP, start)


def test_keys_are_the_recorders_to_read_and_identities_are_not(host: Host) -> None:
    host.root(keys, "generate-number-key", host.etc / "number.key", config=False)
    host.root(keys, "generate-checkpoint-key", host.etc / "checkpoint.key", config=False)
    host.root(keys, "generate", "--identity", host.etc / "identity.txt", "--recipients", host.etc / "recipients.txt", config=False)
    assert [stat.S_IMODE((host.etc / name).stat().st_mode) for name in ("number.key", "checkpoint.key", "identity.txt")] == [
        *(0o640, 0o640, 0o600)
    ]

    def use() -> None:
        load_key(host.etc / "number.key")
        Signer.load(host.etc / "checkpoint.key")
        Verifier.load(host.etc / "checkpoint.pub")
        Recipients.load(host.etc / "recipients.txt")
        with pytest.raises(PermissionError):
            (host.etc / "identity.txt").read_bytes()

    as_user(RECORDER, GROUP, use)


def test_a_checkpoint_leaves_the_file_to_the_recorder(host: Host) -> None:
    host.root(keys, "generate-checkpoint-key", host.etc / "checkpoint.key", config=False)
    begin(host)
    host.root(audit, "checkpoint")

    def night() -> None:
        settings = load(host.config).registry
        with Registry.open(host.registry, actor="purger") as registry:
            registry.soundness.checkpoint(Signer.load(settings.checkpoint_key), settings.checkpoints)

    as_user(RECORDER, GROUP, night)
    host.root(audit, "checkpoint")
    as_user(RECORDER, GROUP, night)
    found, faults = read_file(host.state / "checkpoints.jsonl")
    assert [one.number for one in found] == [1, 2, 3, 4] and not faults
    assert set(host.owners().values()) == {RECORDER}


def test_rows_by_root_are_in_files_of_the_recorders(host: Host) -> None:
    """SQLite makes two files beside the registry; root is the first to have them."""
    begin(host)
    now = datetime.now(UTC)
    with Registry.open(host.registry, actor="cli:root", create=False) as registry:
        registry.audit("cli:root", "listen", "x", {})
        assert {path.name for path in host.state.iterdir()} == {"recordings", *(f"registry.sqlite{end}" for end in ("", "-wal", "-shm"))}
        assert set(host.owners().values()) == {RECORDER}

        def beside() -> None:
            with Registry.open(host.registry) as own:
                own.begin_call("c", "sales", now, None, None, "in")

        as_user(RECORDER, GROUP, beside)
    host.root(case, "open", "K-1", "--kind", "complaint", "--reason", "a trial")
    host.root(recordings, "list")
    as_user(RECORDER, GROUP, lambda: Registry.open(host.registry).close())
    assert set(host.owners().values()) == {RECORDER}


def test_what_root_makes_in_its_place_is_the_recorders(host: Host) -> None:
    """A start by hand, the copy before an upgrade, a lock, the notes of a move."""
    Registry.open(host.registry).close()
    assert stat.S_IMODE(host.registry.stat().st_mode) == 0o600
    copy = file_copies.make(host.registry, 1, datetime.now(UTC))
    os.close(file_access.lock_file(host.state / "registry.sqlite.lock"))
    config = load(host.config)
    write(config, OldPlace(registry=str(host.registry), store="", finished=True))

    def use() -> None:
        with Registry.open(host.registry) as registry:
            registry.audit("daemon", "x", "y", {})
        Registry.open(copy).close()
        lock = file_access.lock_file(host.state / "registry.sqlite.lock")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert read(config) is not None

    as_user(RECORDER, GROUP, use)
    assert set(host.owners().values()) == {RECORDER}


def test_whoever_takes_the_customer_out_leaves_it_to_the_recorder(host: Host) -> None:
    """Root judges the recording, and its new version is made as the recorder's user."""
    made = host.state / "recordings" / "made"

    def work() -> None:
        with file_access.as_owner(host.state / "recordings"):
            assert (os.geteuid(), os.getegid(), os.getgroups()) == (RECORDER, GROUP, [])
            made.write_bytes(b"x")
            raise KeyError

    before = os.geteuid(), os.getegid(), os.getgroups()
    with pytest.raises(KeyError):
        work()
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    assert (made.stat().st_uid, made.stat().st_gid) == (RECORDER, GROUP)
    with file_access.as_owner(host.etc):  # root's own
        assert os.geteuid() == 0
