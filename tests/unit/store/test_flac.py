from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.flac import Encoder, decode, with_length

Talk = Callable[[float], np.ndarray]


def encoded(samples: np.ndarray, rate: int = 8000, block: int = 160) -> bytes:
    encoder = Encoder(rate)
    parts = [encoder.feed(samples[at : at + block]) for at in range(0, len(samples), block)]
    return b"".join(parts) + encoder.close() + encoder.close()


@pytest.mark.parametrize("frames", (1, 15, 16, 160, 1151, 1152, 1153, 2304, 40_000, 600_000))
def test_comes_back_sample_exact(talk: Talk, frames: int) -> None:
    samples = talk(75)[:frames]
    back, rate = decode(encoded(samples))
    assert rate == 8000 and np.array_equal(back, samples)


@pytest.mark.parametrize("rate", (8000, 16000, 11025, 44100, 48000))
def test_keeps_the_rate(talk: Talk, rate: int) -> None:
    samples = talk(1)
    back, found = decode(encoded(samples, rate))
    assert found == rate and np.array_equal(back, samples)


def test_silence_extremes_and_strided_arrays(talk: Talk) -> None:
    loud = np.tile(np.array([[32767, -32768], [-32768, 32767]], np.int16), (5000, 1))
    for samples in (np.zeros((20_000, 2), np.int16), loud, talk(1)[::2], talk(1)[:, ::-1]):
        assert np.array_equal(decode(encoded(samples))[0], samples)


def test_nothing_recorded_is_no_samples() -> None:
    samples, rate = decode(encoded(np.zeros((0, 2), np.int16)))
    assert samples.shape == (0, 2) and rate == 8000


def test_a_missing_end_gives_the_whole_frames_before_it(talk: Talk) -> None:
    samples = talk(8)
    stream = encoded(samples)
    before = len(samples)
    for cut in (*range(1, 40), 500, 9_000, 30_000, len(stream) - 60):
        back, _ = decode(stream[:-cut])
        assert np.array_equal(back, samples[: len(back)]) and len(back) <= before
        assert len(back) % 1152 == 0
        before = len(back)
        lost = len(samples) - len(back)
        assert lost < 1152 * (cut // 2_000 + 3)


def test_the_length_is_told_to_players_that_need_it(talk: Talk, tmp_path: Path) -> None:
    import soundfile

    stream, frames = with_length(encoded(talk(3)))
    (tmp_path / "x.flac").write_bytes(stream)
    assert soundfile.info(tmp_path / "x.flac").frames == frames == 24_000


@pytest.mark.parametrize("junk", (b"RIFF" + bytes(100), bytes(5000), b"fLaC\xff"))
def test_something_else_is_refused(junk: bytes) -> None:
    if len(junk) < 42:
        assert len(decode(junk)[0]) == 0
        return
    with pytest.raises(AgeError):
        decode(junk)


@pytest.mark.asterisk
@pytest.mark.skipif(shutil.which("flac") is None, reason="the flac program is not here")
def test_the_flac_program_decodes_the_stream_as_it_is(talk: Talk) -> None:
    samples = talk(5)
    command = ["flac", "--decode", "--silent", "--stdout", "--force-raw-format", "--endian=little", "--sign=signed", "-"]
    done = subprocess.run(command, input=encoded(samples), capture_output=True, check=True)
    assert done.stdout == samples.tobytes()


def test_audio_that_only_looks_like_a_frame_header_is_not_taken_for_one(talk: Talk) -> None:
    """Seen with real calls: audio with a false header whose first number byte was 0xff or 0xfe."""
    encoder = Encoder(8000)
    samples = talk(75)[:8000]
    stream = bytearray(encoder.feed(samples) + encoder.close())
    middle = len(stream) - 200  # inside the last frame: its checksum fails, so the frames before it are what is left
    for lead in range(256):
        stream[middle : middle + 13] = bytes([0xFF, 0xF8, 0x59, 0x08, lead]) + bytes(8)
        _, frames = with_length(bytes(stream))
        assert 0 <= frames < 8000
