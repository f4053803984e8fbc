"""A sealed recording read piece by piece is, byte for byte, what it is as a whole."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import numpy as np
import pytest
import soundfile
from as_it_lies import open_recording, open_sealed

from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.store.faults import AgeError, StoreFault
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealed_audio import TAIL, SealedWav, peaks
from asterisk_privacy.store.vault import Vault

RATE = 8000


class Kept:
    def __init__(self, folder: Path) -> None:
        self.identity = Identity.generate()
        (folder / "recipients.txt").write_text(self.identity.public + "\n")
        self.vault = Vault(folder / "recordings", Recipients.load(folder / "recipients.txt"))

    def seal(self, samples: Stereo) -> Path:
        recording_id = secrets.token_hex(16)
        writer = self.vault.create(recording_id)
        writer.write(samples)
        writer.seal()
        return self.vault.path(recording_id)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def noise(frames: int) -> Stereo:
    return np.random.default_rng(1).integers(-8000, 8000, (frames, 2)).astype(np.int16)


@pytest.mark.parametrize("frames", [1, 160, 4096, 4097, 8000, 8 * RATE, 25 * RATE])
def test_the_whole_in_pieces(kept: Kept, frames: int) -> None:
    samples = noise(frames)
    path = kept.seal(samples)
    flac = open_sealed(path, [kept.identity])
    whole = b"".join(flac.read_at(at, 70_001) for at in range(0, flac.size, 70_001))
    assert len(whole) == flac.size and flac.frames == frames and flac.rate == RATE
    decoded, rate = soundfile.read(io.BytesIO(whole), dtype="int16", always_2d=True)
    assert rate == RATE and np.array_equal(decoded, samples)
    assert soundfile.info(io.BytesIO(whole)).frames == frames
    wav = SealedWav(flac)
    told = b"".join(wav.read_at(at, 99_999) for at in range(0, wav.size, 99_999))
    assert len(told) == wav.size
    decoded, rate = soundfile.read(io.BytesIO(told), dtype="int16", always_2d=True)
    assert rate == RATE and np.array_equal(decoded, samples)
    flac.close()


def test_any_piece_of_it(kept: Kept) -> None:
    samples = noise(25 * RATE)
    flac = open_sealed(kept.seal(samples), [kept.identity])
    assert flac.size > 2 * TAIL  # else the tail would be all of it
    for sound in (flac, SealedWav(flac)):
        whole = sound.read_at(0, sound.size)
        random = np.random.default_rng(2)
        places = [0, 1, 21, 41, 42, 43, 44, 45, 46, 47, 48, 65_535, 65_536, sound.size - 1, *random.integers(0, sound.size, 20).tolist()]
        for start in places:
            for count in (0, 1, 3, 5000, 70_000):
                assert sound.read_at(start, count) == whole[start : start + count]
        assert sound.read_at(sound.size, 10) == b"" and sound.read_at(sound.size + 5, 10) == b""
    flac.close()


def test_what_a_crash_cut_off_plays_to_its_last_whole_frame(kept: Kept) -> None:
    path = kept.seal(noise(25 * RATE))
    path.write_bytes(path.read_bytes()[:-100_000])
    expected, _ = open_recording(path, [kept.identity], allow_truncated=True)
    flac = open_sealed(path, [kept.identity], allow_truncated=True)
    decoded, _ = soundfile.read(io.BytesIO(flac.read_at(0, flac.size)), dtype="int16", always_2d=True)
    assert 0 < len(expected) == flac.frames and np.array_equal(decoded, expected)
    wav = SealedWav(flac)
    assert np.array_equal(np.frombuffer(wav.read_at(44, wav.size), "<i2").reshape(-1, 2), expected)
    flac.close()
    with pytest.raises(AgeError, match="cut short"):
        open_sealed(path, [kept.identity])


def test_another_key_no_file_no_flac(kept: Kept) -> None:
    path = kept.seal(noise(RATE))
    with pytest.raises(AgeError, match=f"{path}: none of the given identities"):
        open_sealed(path, [Identity.generate()])
    with pytest.raises(StoreFault, match="cannot read the recording"):
        open_sealed(path.with_name("missing"), [kept.identity])


def test_emptied_while_it_is_read(kept: Kept) -> None:
    """As the shredder does."""
    path = kept.seal(noise(80 * RATE))
    flac = open_sealed(path, [kept.identity])
    flac.read_at(0, 1000)
    with path.open("r+b") as file:
        file.truncate(0)
    with pytest.raises(NotAsRecorded):
        flac.read_at(flac.size // 2, 1000)
    with pytest.raises(NotAsRecorded):
        SealedWav(flac).read_at(500_000, 1000)
    flac.close()


def test_peaks_show_who_spoke_when(kept: Kept) -> None:
    samples = np.zeros((10 * RATE, 2), np.int16)
    samples[2 * RATE : 3 * RATE, 0] = 16384
    samples[5 * RATE : 6 * RATE, 1] = -32768
    flac = open_sealed(kept.seal(samples), [kept.identity])
    customer, agents = peaks(flac, 10)
    assert customer == [0, 0, 50, *[0] * 7] and agents == [0, 0, 0, 0, 0, 100, 0, 0, 0, 0]
    assert [len(leg) for leg in peaks(flac, 1000)] == [1000, 1000]
    flac.close()
