from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from as_it_lies import open_recording

from asterisk_privacy.locks import NOTE
from asterisk_privacy.store.faults import AgeError, StoreFault
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.shred import ShredEvidence, steps
from asterisk_privacy.store.vault import Vault

ID = "0123456789abcdef0123456789abcdef"
ORDER = ["move", "label", "burn", "empty", "unlink"]

DIE_AFTER = """
import os, signal, sys
from pathlib import Path
from asterisk_privacy.store.shred import steps
for number, _ in enumerate(steps(Path(sys.argv[1]), sys.argv[2])):
    if number == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def recorded(vault: Vault, talk: object) -> bytes:
    writer = vault.create(ID)
    writer.write(talk(6))  # type: ignore[operator]
    writer.seal()
    return vault.path(ID).read_bytes()


def evidence(data: bytes) -> ShredEvidence:
    return ShredEvidence(found=True, size=len(data), sha256_before=hashlib.sha256(data).hexdigest())


def left(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and path.name != NOTE]


def test_gone_with_evidence_and_twice_is_no_error(vault: Vault, directory: Path, recorded: bytes) -> None:
    assert vault.shred(ID) == evidence(recorded)
    assert left(directory) == [] and list(vault.sealed()) == []
    assert vault.shred(ID) == ShredEvidence(found=False)


def test_the_steps_in_their_order(directory: Path, recorded: bytes) -> None:
    assert list(steps(directory, ID)) == [*ORDER, evidence(recorded)]


@pytest.mark.parametrize("step", range(len(ORDER)))
def test_killed_after_any_step_it_goes_on_and_has_the_evidence(vault: Vault, directory: Path, recorded: bytes, step: int) -> None:
    died = subprocess.run([sys.executable, "-c", DIE_AFTER, directory, ID, str(step)], check=False)
    assert died.returncode == -signal.SIGKILL
    assert list(vault.sealed()) == [] and vault.unfinished() == []  # from the first step on it is no recording
    gone = ORDER[step] == "unlink"
    assert vault.half_shredded() == ([] if gone else [ID])
    assert vault.shred(ID) == (ShredEvidence(found=False) if gone else evidence(recorded))
    assert left(directory) == [] and vault.half_shredded() == []


def test_once_burnt_no_key_opens_it(directory: Path, recorded: bytes, identity: Identity) -> None:
    for step in steps(directory, ID):
        if step == "burn":
            (path,) = left(directory)
            burnt = path.read_bytes()
            assert len(burnt) == len(recorded)
            assert sum(a == b for a, b in zip(burnt[:65536], recorded[:65536], strict=True)) < 1000  # chance: 256
            with pytest.raises(AgeError):
                open_recording(path, [identity], allow_truncated=True)
            return
    pytest.fail("never burnt")


def test_emptied_before_the_name_goes(directory: Path, recorded: bytes) -> None:
    for step in steps(directory, ID):
        if step == "empty":
            (path,) = left(directory)
            assert path.stat().st_size == 0


def test_the_bytes_are_burnt_in_the_file_itself(vault: Vault, directory: Path, recorded: bytes) -> None:
    """A second name for the same file shows what became of its bytes: not copied, not just unlinked."""
    witness = directory / "witness"
    os.link(vault.path(ID), witness)
    vault.shred(ID)
    assert witness.stat().st_size == 0


def test_an_unfinished_one_goes_too(vault: Vault, directory: Path) -> None:
    part = directory / ID[:2] / f"{ID}.part"
    part.parent.mkdir(mode=0o700)
    part.write_bytes(b"anything")
    assert vault.shred(ID) == evidence(b"anything")
    assert left(directory) == []


def test_what_cannot_be_overwritten_is_removed_all_the_same(
    vault: Vault, directory: Path, recorded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    found = vault.shred(ID)
    assert found.found and not found.burnt and left(directory) == []


def test_a_disk_that_refuses_is_told(vault: Vault, recorded: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(one: object, two: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(StoreFault, match="Read-only") as caught:
        vault.shred(ID)
    assert ID in str(caught.value) and vault.path(ID).exists()


def test_each_step_is_synced_before_the_next(directory: Path, recorded: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    for step in steps(directory, ID):
        assert synced or isinstance(step, ShredEvidence), step
        synced.clear()
