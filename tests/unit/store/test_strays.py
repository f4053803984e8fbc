"""What lies among the recordings may go or change its name while somebody looks."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

ID = "ab" * 16


class Entry:
    """As the kernel told it, and then something happened to it."""

    def __init__(self, real: os.DirEntry[str], error: OSError) -> None:
        self.name, self.path, self.is_dir, self._error = real.name, real.path, real.is_dir, error

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        raise self._error


def seen(name: str, error: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(path: Path) -> Iterator[object]:
        return iter([Entry(entry, error) if entry.name == name else entry for entry in real(path)])

    monkeypatch.setattr("asterisk_privacy.store.strays.os.scandir", scandir)


@pytest.mark.parametrize("name", [f"ab/{ID}.part", f"shred/{ID}", f"set-aside/{ID}.part", "notes.txt", "cd"])
def test_what_is_gone_meanwhile_is_no_stray(vault: Vault, directory: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / name).parent.mkdir(exist_ok=True)
    (directory / name).touch()
    (directory / "zz").touch()
    seen(Path(name).name, FileNotFoundError(2, "No such file or directory"), monkeypatch)
    assert [stray.name for stray in vault.strays()] == ["zz"]


def test_a_disk_that_refuses_is_told(vault: Vault, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "set-aside").mkdir()
    (directory / "set-aside" / f"{ID}.part").touch()
    seen(f"{ID}.part", OSError(5, "Input/output error"), monkeypatch)
    with pytest.raises(StoreFault, match="Input/output"):
        list(vault.strays())


def test_a_link_to_itself_stops_nobody(vault: Vault, directory: Path) -> None:
    (directory / "ab").symlink_to("ab")
    assert [(stray.name, stray.in_the_way) for stray in vault.strays()] == [("ab", True)]
    assert list(vault.sealed()) == []


def test_what_is_put_aside_is_closed_and_a_lock_on_it_stops_no_deletion(directory: Path, recipients: Recipients) -> None:
    """The review page's user has opened the file while it was the group's to read, and keeps it locked."""
    directory.mkdir()
    directory.chmod(0o710)
    vault = Vault(directory, recipients)
    vault.create(ID).seal()
    with open(vault.path(ID), "rb") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        (name,) = vault.put_recording_aside(ID)
        aside = directory / name
        assert (stat.S_IMODE(aside.parent.stat().st_mode), stat.S_IMODE(aside.stat().st_mode)) == (0o700, 0o600)
        aside.chmod(0o640)
        aside.parent.chmod(0o710)  # as an earlier version left them
        Vault(directory, recipients)
        assert (stat.S_IMODE(aside.parent.stat().st_mode), stat.S_IMODE(aside.stat().st_mode)) == (0o700, 0o600)
        assert vault.shred(ID).found and not aside.exists()
