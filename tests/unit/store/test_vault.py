from __future__ import annotations

import hashlib
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyrage
import pytest
from as_it_lies import open_recording

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store.faults import AgeError, BadRecordingId, StoreFault, StoreFull
from asterisk_privacy.store.flac import decode
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault, new_recording_id

ID = "0123456789abcdef0123456789abcdef"
Talk = Callable[[float], np.ndarray]


def files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A full disk, as far as this process can tell (EFBIG); needs no rights."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", mount], check=False).returncode:
        pytest.skip("cannot mount a small disk here")
    yield mount
    subprocess.run(["umount", "--lazy", mount], check=True)


@pytest.mark.parametrize("block", (160, 8000, 1_000_000))
def test_a_recording_comes_back_sample_exact(vault: Vault, identity: Identity, talk: Talk, block: int) -> None:
    samples = talk(12)
    writer = vault.create(ID)
    for at in range(0, len(samples), block):
        writer.write(samples[at : at + block])
    sealed = writer.seal()
    back, rate = open_recording(vault.path(ID), [identity])
    assert rate == 8000 and back.dtype == np.int16 and np.array_equal(back, samples)
    assert sealed.frames == len(samples) and not sealed.truncated
    assert list(vault.sealed()) == [ID] and vault.unfinished() == []


def test_left_is_left_and_right_is_right(vault: Vault, identity: Identity, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(4))
    writer.seal()
    back, rate = open_recording(vault.path(ID), [identity])
    loudest = [int(np.abs(np.fft.rfft(back[:, side])).argmax() * rate / len(back)) for side in (0, 1)]
    assert loudest == [700, 1100]


def test_what_seal_reports_is_what_is_on_the_disk(vault: Vault, directory: Path, identity: Identity, talk: Talk) -> None:
    writer = vault.create(ID, rate=16000)
    writer.write(talk(6))
    sealed = writer.seal()
    data = (directory / sealed.name).read_bytes()
    assert sealed.name == f"{ID[:2]}/{ID}.flac.age" and files(directory) == [sealed.name]
    assert (sealed.size, sealed.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    theirs = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity.secret)])
    samples, rate = decode(theirs)
    assert rate == 16000 and np.array_equal(samples, talk(6))


@pytest.mark.asterisk
def test_the_age_and_flac_programs_play_a_recording(
    vault: Vault, identity: Identity, talk: Talk, tmp_path: Path, age_program: list[str]
) -> None:
    writer = vault.create(ID)
    writer.write(talk(6))
    writer.seal()
    secret = tmp_path / "identity.txt"
    secret.write_text(identity.secret)
    flac = subprocess.run([*age_program, "-d", "-i", secret, vault.path(ID)], capture_output=True, check=True).stdout
    assert np.array_equal(decode(flac)[0], talk(6))


def test_nobody_else_can_listen(vault: Vault, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(1))
    writer.seal()
    with pytest.raises(AgeError) as caught:
        open_recording(vault.path(ID), [Identity.generate()])
    assert str(vault.path(ID)) in str(caught.value)
    with pytest.raises(OperatorError, match="cannot read the recording"):
        open_recording(vault.path(new_recording_id()), [Identity.generate()])


def test_nothing_plain_reaches_the_disk(vault: Vault, directory: Path, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(8))
    data = (directory / ID[:2] / f"{ID}.part").read_bytes()
    assert len(data) > 100_000 and files(directory) == [f"{ID[:2]}/{ID}.part"]
    for plain in (b"fLaC", b"reference libFLAC", talk(8).tobytes()[1000:1016]):
        assert plain not in data
    payload = np.frombuffer(data[-100_000:], np.uint8)
    assert np.bincount(payload, minlength=256).max() < 550  # about 391 each: even, as cipher text is
    writer.abandon()


def test_modes_keep_others_out_whatever_the_umask(directory: Path, recipients: Recipients, talk: Talk) -> None:
    before = os.umask(0)
    try:
        vault = Vault(directory, recipients)
        vault.create(ID).seal()
        vault.create(new_recording_id()).write(talk(1))
    finally:
        os.umask(before)
    for path in (directory, *directory.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("mode", (0o710, 0o750))
def test_the_group_gets_at_what_is_sealed_where_the_directory_says_so(
    directory: Path, recipients: Recipients, talk: Talk, mode: int
) -> None:
    """The review page's user, who is told names and lists none; the umask of the unit does not matter. Whoever opens what is being written,
    or the folder of what is on its way out, could lock it."""
    (directory / "ab").mkdir(parents=True)
    for folder in (directory, directory / "ab"):  # as an earlier version left them
        folder.chmod(mode)
    writing = new_recording_id()
    before = os.umask(0o077)
    try:
        vault = Vault(directory, recipients)
        vault.create(ID).seal()
        vault.create(writing).write(talk(1))
    finally:
        os.umask(before)
    modes = {path.relative_to(directory).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.rglob("*"))}
    assert modes == {
        **dict.fromkeys((".", "ab", ID[:2], writing[:2]), 0o710),
        **{"shred": 0o700, f"{ID[:2]}/{ID}.flac.age": 0o640, f"{writing[:2]}/{writing}.part": 0o600},
    }


@pytest.mark.parametrize(("top", "closed"), [(0o710, 0o710), (0o750, 0o710), (0o700, 0o700)])
def test_each_folder_is_closed_by_its_own_mode(directory: Path, recipients: Recipients, top: int, closed: int) -> None:
    """A package sets the mode of the directory before the new version starts: below it all is as the earlier version left it."""
    for name in ("ab", "cd", "shred"):
        (directory / name).mkdir(parents=True)
    unfinished = [directory / "ab" / ("ab" * 16 + suffix) for suffix in (".part", ".next.part")]
    unfinished.append(directory / "cd" / f"{'cd' * 16}.part")
    sealed = directory / "ab" / f"{'ab' * 16}.flac.age"
    for file in (*unfinished, sealed):
        file.touch()
        file.chmod(0o640)
    for name, mode in (("ab", 0o750), ("cd", 0o710), ("shred", 0o750), ("", top)):
        (directory / name).chmod(mode)
    Vault(directory, recipients)
    modes = {name: stat.S_IMODE((directory / name).stat().st_mode) for name in ("", "ab", "cd", "shred")}
    assert modes == {"": closed, "ab": closed, "cd": closed, "shred": 0o700}
    assert {stat.S_IMODE(file.stat().st_mode) for file in unfinished} == {0o600}
    assert stat.S_IMODE(sealed.stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", (0o705, 0o711, 0o770, 0o720, 0o751))
def test_refuses_a_directory_that_others_can_enter(directory: Path, recipients: Recipients, mode: int) -> None:
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(OperatorError, match="chmod 700"):
        Vault(directory, recipients)


def test_refuses_a_directory_that_it_cannot_write_to(directory: Path, recipients: Recipients) -> None:
    directory.mkdir(mode=0o700)
    if os.geteuid():
        directory.chmod(0o500)
    elif subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,mode=700", "tmpfs", directory], check=False).returncode:
        pytest.skip("cannot mount a read-only disk here")
    try:
        with pytest.raises(StoreFault, match="cannot write to the recordings directory"):
            Vault(directory, recipients)
    finally:
        if not os.geteuid():
            subprocess.run(["umount", "--lazy", directory], check=True)


def test_refuses_a_file_or_a_directory_of_somebody_else(tmp_path: Path, directory: Path, recipients: Recipients) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFault):
        Vault(tmp_path / "file", recipients)
    if not os.geteuid():
        directory.mkdir(mode=0o700)
        os.chown(directory, 12345, 12345)
        with pytest.raises(StoreFault, match="belongs to user 12345"):
            Vault(directory, recipients)


@pytest.mark.parametrize(
    "bad", ("", "r1", "0612345678", "+31612345678901", "../../etc/passwd0", "0123456789ABCDEF", ID + ".part", ID + "\n", "g" * 32)
)
def test_an_id_that_could_tell_something_or_lead_elsewhere_is_refused(vault: Vault, bad: str) -> None:
    for use in (vault.create, vault.path, vault.shred, lambda name: vault.settle(name, True)):
        with pytest.raises(BadRecordingId):
            use(bad)


def test_new_ids_are_random_and_accepted(vault: Vault) -> None:
    found = {new_recording_id() for _ in range(100)}
    assert len(found) == 100 and all(vault.path(name) for name in found)


def test_an_id_is_used_once(vault: Vault, talk: Talk) -> None:
    first = vault.create(ID)
    with pytest.raises(StoreFault):
        vault.create(ID)
    first.write(talk(1))
    sealed = first.seal()
    with pytest.raises(StoreFault, match="sealed already"):
        vault.create(ID)
    assert vault.path(ID).stat().st_size == sealed.size


@pytest.mark.parametrize(
    "wrong", (np.zeros((10, 2), np.float32), np.zeros(10, np.int16), np.zeros((10, 1), np.int16), np.zeros((10, 2), np.int32))
)
def test_a_wrong_array_is_refused_and_harms_nothing(vault: Vault, identity: Identity, wrong: np.ndarray, talk: Talk) -> None:
    writer = vault.create(ID)
    with pytest.raises(ValueError):
        writer.write(wrong)
    writer.write(talk(1))
    writer.seal()
    assert len(open_recording(vault.path(ID), [identity])[0]) == 8000


def test_an_empty_recording_can_be_sealed(vault: Vault, identity: Identity) -> None:
    assert vault.create(ID).seal().frames == 0
    assert open_recording(vault.path(ID), [identity])[0].shape == (0, 2)


def test_nothing_can_be_written_after_the_seal(vault: Vault, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.seal()
    for again in (lambda: writer.write(talk(1)), writer.seal):
        with pytest.raises(StoreFault):
            again()


def test_at_most_one_chunk_is_not_on_the_disk_yet(vault: Vault, directory: Path, identity: Identity, talk: Talk) -> None:
    """Read the file while it is written: what is missing is less than a chunk of FLAC and two blocks of the encoder."""
    writer = vault.create(ID)
    samples = talk(20)
    part = directory / ID[:2] / f"{ID}.part"
    for at in range(0, len(samples), 160):
        writer.write(samples[at : at + 160])
        if at % 16_000 == 0:
            kept, _ = open_recording(part, [identity], allow_truncated=True)
            assert np.array_equal(kept, samples[: len(kept)])
            assert at + 160 - len(kept) < 8000 * 4
    assert len(kept) > 8000 * 15
    writer.abandon()


def test_every_chunk_is_synced_when_write_returns(vault: Vault, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut cannot be had in a test; that the sync comes after the bytes, and the rename after the sync, can be seen."""
    done: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def seen(*arguments: object) -> object:
            done.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, seen)

    for name in ("write", "fdatasync", "rename", "fsync"):
        watch(name)
    writer = vault.create(ID)
    assert done[-1] == "fsync" and "fdatasync" in done  # the header, and the name of the file
    done.clear()
    for _ in range(10):
        writer.write(talk(0.8))
        assert not done or done[-1] == "fdatasync"
    assert done.count("fdatasync") >= 2
    done.clear()
    writer.seal()
    assert done == [*["write"] * (len(done) - 3), "fdatasync", "rename", "fsync"]


def test_abandon_leaves_nothing(vault: Vault, directory: Path, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(10))
    evidence = writer.abandon()
    assert evidence.found and evidence.size > 65536 and files(directory) == []
    assert not writer.abandon().found
    with pytest.raises(StoreFault):
        writer.write(talk(1))


def test_abandon_after_the_seal_erases_it_too(vault: Vault, directory: Path, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(1))
    sealed = writer.seal()
    assert writer.abandon().sha256_before == sealed.sha256 and files(directory) == []


def _until_full(vault: Vault, talk: Talk) -> None:
    writer = vault.create(ID)
    with pytest.raises(StoreFull) as caught:
        for _ in range(40):
            writer.write(talk(1))
    message = str(caught.value)
    assert isinstance(caught.value, OperatorError) and "no room" in message and "\n" not in message
    for again in (lambda: writer.write(talk(1)), writer.seal):
        with pytest.raises(StoreFault):
            again()
    assert list(vault.sealed()) == [] and vault.unfinished() == [ID]


def test_a_full_disk_is_told_and_nothing_pretends_to_be_sealed(vault: Vault, directory: Path, identity: Identity, talk: Talk) -> None:
    with file_size_limit(150_000):
        _until_full(vault, talk)
    sealed = vault.settle(ID, keep=True)
    assert sealed is not None and sealed.truncated
    kept, _ = open_recording(vault.path(ID), [identity], allow_truncated=True)
    whole = np.concatenate([talk(1)] * 40)
    assert len(kept) > 8000 * 4 and np.array_equal(kept, whole[: len(kept)])


def test_a_really_full_disk(tiny_disk: Path, recipients: Recipients, talk: Talk) -> None:
    vault = Vault(tiny_disk / "recordings", recipients)
    _until_full(vault, talk)
    assert vault.shred(ID).found and files(tiny_disk) == []  # room is made even on a full disk


def test_a_disk_that_is_full_at_the_seal(vault: Vault, directory: Path, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(2))  # less than a chunk: nothing but the header is on the disk
    with file_size_limit(1000), pytest.raises(StoreFull):
        writer.seal()
    assert list(vault.sealed()) == []
    assert writer.abandon().found and files(directory) == []


def test_a_disk_that_is_full_from_the_start_leaves_no_file(vault: Vault, directory: Path) -> None:
    with file_size_limit(0), pytest.raises(StoreFull):
        vault.create(ID)
    assert files(directory) == []


def test_a_whole_ring_is_sealed_in_far_less_than_its_length(vault: Vault, identity: Identity, talk: Talk) -> None:
    writer = vault.create(ID)
    ring = np.tile(talk(10), (30, 1))  # five minutes
    writer.write(ring)
    writer.seal()
    assert np.array_equal(open_recording(vault.path(ID), [identity])[0], ring)


def test_another_process_sees_that_a_recording_is_being_written(vault: Vault, directory: Path, recipients: Recipients, talk: Talk) -> None:
    writer = vault.create(ID)
    writer.write(talk(5))
    other = (
        "import sys; from pathlib import Path; from asterisk_privacy.store.shred import shred\n"
        "from asterisk_privacy.store.faults import StoreFault\n"
        "try: shred(Path(sys.argv[1]), sys.argv[2])\n"
        "except StoreFault as error: sys.exit('being written' in str(error) and 7)"
    )
    assert subprocess.run([sys.executable, "-c", other, directory, ID], check=False).returncode == 7
    assert vault.unfinished() == []
    with pytest.raises(StoreFault, match="being written"):
        vault.settle(ID, keep=False)
    assert writer.seal().size == vault.path(ID).stat().st_size
