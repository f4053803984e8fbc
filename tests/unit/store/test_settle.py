from __future__ import annotations

import hashlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_recording

from asterisk_privacy.store import age_header
from asterisk_privacy.store.faults import AgeError, StoreFault
from asterisk_privacy.store.flac import decode
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.layout import SEALED_CHUNK
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

ID = "0123456789abcdef0123456789abcdef"
Talk = Callable[[float], np.ndarray]

# Writes what it is given on stdin in 20 ms and says so; then waits to be killed.
RECORDER = """
import sys
from pathlib import Path
import numpy as np
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault
writer = Vault(Path(sys.argv[1]), Recipients.of([sys.argv[3]])).create(sys.argv[2])
samples = np.frombuffer(sys.stdin.buffer.read(int(sys.argv[4])), np.int16).reshape(-1, 2)
for at in range(0, len(samples), 160):
    writer.write(samples[at : at + 160])
print("written", flush=True)
sys.stdin.read()
"""


def killed_while_writing(directory: Path, identity: Identity, samples: np.ndarray) -> None:
    data = samples.tobytes()
    command = [sys.executable, "-c", RECORDER, str(directory), ID, identity.public, str(len(data))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as recorder:
        assert recorder.stdin and recorder.stdout
        recorder.stdin.write(data)
        recorder.stdin.flush()
        assert recorder.stdout.readline() == b"written\n"
        recorder.kill()
        assert recorder.wait() == -signal.SIGKILL


def test_killed_in_mid_call_what_was_whole_is_kept(vault: Vault, directory: Path, identity: Identity, talk: Talk) -> None:
    samples = talk(12)
    killed_while_writing(directory, identity, samples)
    assert vault.unfinished() == [ID] and list(vault.sealed()) == []
    sealed = vault.settle(ID, keep=True)
    assert sealed is not None and sealed.truncated and sealed.frames == 0
    data = vault.path(ID).read_bytes()
    assert (sealed.size, sealed.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert vault.unfinished() == [] and list(vault.sealed()) == [ID]
    kept, rate = open_recording(vault.path(ID), [identity], allow_truncated=True)
    assert rate == 8000 and np.array_equal(kept, samples[: len(kept)])
    assert 12 * 8000 - len(kept) < 4 * 8000  # a chunk of loud noise is 3 s
    with pytest.raises(AgeError, match="cut short"):  # nobody hears half a call without having been told
        open_recording(vault.path(ID), [identity])
    assert vault.settle(ID, keep=True) == sealed  # again, as after a crash in between


@pytest.mark.asterisk
def test_the_age_program_gives_every_whole_chunk_of_it(
    vault: Vault, directory: Path, identity: Identity, talk: Talk, tmp_path: Path, age_program: list[str]
) -> None:
    samples = talk(12)
    killed_while_writing(directory, identity, samples)
    vault.settle(ID, keep=True)
    secret = tmp_path / "identity.txt"
    secret.write_text(identity.secret)
    done = subprocess.run([*age_program, "-d", "-i", secret, vault.path(ID)], capture_output=True, check=False)
    assert done.returncode != 0
    ours, _ = open_recording(vault.path(ID), [identity], allow_truncated=True)
    assert np.array_equal(decode(done.stdout)[0], ours) and len(ours) > 8000 * 8


def test_settled_by_removal(vault: Vault, directory: Path, identity: Identity, talk: Talk) -> None:
    killed_while_writing(directory, identity, talk(5))
    assert vault.settle(ID, keep=False) is None
    assert [path for path in directory.rglob("*") if path.is_file()] == []
    assert vault.settle(ID, keep=False) is None


def test_what_must_go_is_never_sealed_on_the_way(vault: Vault, directory: Path, identity: Identity, talk: Talk) -> None:
    killed_while_writing(directory, identity, talk(5))
    (directory / "shred").rmdir()
    (directory / "shred").write_text("in the way")  # so that it cannot be shredded now
    with pytest.raises(StoreFault):
        vault.settle(ID, keep=False)
    assert list(vault.sealed()) == [] and vault.unfinished() == [ID]


@pytest.fixture
def whole(vault: Vault, directory: Path, talk: Talk) -> tuple[Path, bytes]:
    """A sealed file put back under the name of an unfinished one."""
    writer = vault.create(ID)
    writer.write(talk(9))
    writer.seal()
    part = directory / ID[:2] / f"{ID}.part"
    os.rename(vault.path(ID), part)
    return part, part.read_bytes()


def test_cut_anywhere(vault: Vault, whole: tuple[Path, bytes], identity: Identity, talk: Talk) -> None:
    part, data = whole
    start = age_header.parse(data).length + 16
    for size in (0, 10, start - 16, start, start + 10, start + SEALED_CHUNK - 1):
        part.write_bytes(data[:size])
        assert vault.settle(ID, keep=True) is None  # not a whole chunk: nothing to hear
        assert not part.exists() and not vault.path(ID).exists()
    for size in (start + SEALED_CHUNK, start + SEALED_CHUNK + 1, start + 2 * SEALED_CHUNK + 5000, len(data)):
        part.write_bytes(data[:size])
        sealed = vault.settle(ID, keep=True)
        assert sealed is not None and sealed.truncated
        assert sealed.size == start + (size - start) // SEALED_CHUNK * SEALED_CHUNK
        kept, _ = open_recording(vault.path(ID), [identity], allow_truncated=True)
        assert len(kept) > 8000 and np.array_equal(kept, talk(9)[: len(kept)])
        vault.shred(ID)


def test_sealed_just_before_the_crash_stays_as_it_is(vault: Vault, talk: Talk, recipients: Recipients) -> None:
    """The row in the registry may still say that it is being written."""
    writer = vault.create(ID)
    writer.write(talk(5))
    sealed = writer.seal()
    found = vault.settle(ID, keep=True)
    assert found is not None and not found.truncated and (found.sha256, found.size) == (sealed.sha256, sealed.size)
    assert vault.settle(ID, keep=False) is None and not vault.path(ID).exists()


def test_what_is_no_recording_at_all_is_removed(vault: Vault, directory: Path) -> None:
    part = directory / ID[:2] / f"{ID}.part"
    part.parent.mkdir(mode=0o700)
    part.write_bytes(os.urandom(200_000))
    assert vault.settle(ID, keep=True) is None and not part.exists()


def test_a_seal_that_a_start_comes_between_can_be_read_by_the_group(
    directory: Path, recipients: Recipients, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command opens the store while a recording is sealed, and closes what is being written."""
    directory.mkdir(mode=0o710)
    directory.chmod(0o710)
    vault, real = Vault(directory, recipients), os.rename

    def rename(old: Path, new: Path) -> None:
        Vault(directory, recipients)
        real(old, new)

    monkeypatch.setattr(os, "rename", rename)
    vault.create(ID).seal()
    assert stat.S_IMODE(vault.path(ID).stat().st_mode) == 0o640
