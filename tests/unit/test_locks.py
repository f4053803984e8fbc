"""Every lock is bounded and told: who has it, and since when. Nobody's deletion hangs in silence."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asterisk_privacy.locks import NOTE, Held, locked
from asterisk_privacy.registry.passing import Passing
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store import shred, vault
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault, new_recording_id

THEN = "print(flush=True); input()"
HOLD = f"""import sys
from pathlib import Path
from asterisk_privacy.locks import locked
with locked(Path(sys.argv[1]), "x"): {THEN}"""
FLOCK = f"""import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); {THEN}"""
SQLITE = f"""import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE"); {THEN}"""


@contextmanager
def another(code: str, place: Path) -> Iterator[int]:
    """A process that has the lock; its id."""
    with subprocess.Popen([sys.executable, "-c", code, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdin is not None and other.stdout.readline()
        try:
            yield other.pid
        finally:
            other.stdin.close()


def test_who_has_it_is_told_and_since_when(tmp_path: Path) -> None:
    began = time.monotonic()
    with another(HOLD, tmp_path) as pid:
        with pytest.raises(Held) as told, locked(tmp_path, "deletion", 0.3):
            pass
        assert f"is locked for more than 0.3 s by process {pid} (" in str(told.value)
        assert f"since {datetime.now(UTC).astimezone():%Y-%m-%d}" in str(told.value) and "\n" not in str(told.value)
    assert time.monotonic() - began < 20
    with locked(tmp_path, "deletion", 5.0):
        assert (tmp_path / NOTE).read_text().startswith(f"{os.getpid()} ") and (tmp_path / NOTE).stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / NOTE).exists()


def test_who_left_no_note_is_somebody(tmp_path: Path) -> None:
    (tmp_path / NOTE).write_text(f"{2**22 - 1} a process that died long ago\n")
    with (
        another(FLOCK, tmp_path),
        pytest.raises(Held, match="by somebody who left no note; wait for it, or see: lslocks"),
        locked(tmp_path, "x"),
    ):
        pass


def test_it_comes_to_each_in_turn(tmp_path: Path) -> None:
    inside, most, done = 0, 0, []

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with locked(tmp_path, "x", 30.0):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1
            done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == 1 and len(done) == 20 and not (tmp_path / NOTE).exists()


def test_a_disk_without_room_for_the_note_is_no_reason_to_do_without(tmp_path: Path) -> None:
    (tmp_path / NOTE).mkdir()  # it cannot be written
    with locked(tmp_path, "x"):
        pass


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Vault, str]:
    store = Vault(tmp_path / "recordings", Recipients.of([Identity.generate().public]))
    one = new_recording_id()
    store.create(one).seal()
    return store, one


@pytest.mark.parametrize("how", [HOLD, FLOCK])
def test_a_deletion_that_is_kept_waiting_says_so(
    kept: tuple[Vault, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    store, one = kept
    monkeypatch.setattr(shred, "LOCK_SECONDS", 0.2)
    with another(how, tmp_path / "recordings" / "shred") as pid, pytest.raises(StoreFault) as told:
        store.shred(one)
    assert f"cannot shred {one}" in str(told.value) and (f"process {pid}" if how == HOLD else "somebody") in str(told.value)
    assert store.half_shredded() == [] and store.shred(one).found


def test_an_upload_and_a_deletion_wait_for_each_other_and_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asterisk_privacy.store.objects import Objects

    store = Vault(tmp_path / "recordings", Recipients.of([Identity.generate().public]), objects=object.__new__(Objects))
    monkeypatch.setattr(vault, "LOCK_SECONDS", 0.2)
    with another(HOLD, tmp_path / "recordings") as pid:
        for work in (lambda: store.shred("ab" * 16), lambda: store.hand_over("ab" * 16, lambda _: True)):
            with pytest.raises(StoreFault, match=f"process {pid}"):
                work()


def test_a_second_purger_is_told_who_runs(tmp_path: Path) -> None:
    told = pytest.raises(Passing, match="another one is running")
    with Registry.open(tmp_path / "registry.sqlite") as registry, another(HOLD, tmp_path) as pid, told as error, registry.only_one():
        pass
    assert f"process {pid}" in str(error.value)


def test_who_keeps_the_registry_locked_is_named(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "registry.sqlite", busy_seconds=0.2) as registry:
        with another(SQLITE, tmp_path / "registry.sqlite") as pid, pytest.raises(Exception, match=f"process {pid} \\(.+\\) kept it locked"):
            registry.audit("me", "x", "y", {})
        registry.audit("me", "x", "y", {})
