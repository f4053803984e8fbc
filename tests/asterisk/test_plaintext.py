"""The searcher itself: it must find what is planted, and must not cry at what is no sound."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from plaintext import VOICES, search

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab.tones import tone


def as_wav(path: Path, samples: Pcm) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.tobytes())


def stereo(samples: Pcm) -> Pcm:
    both: Pcm = np.stack([samples, np.zeros_like(samples)], axis=1)
    return both


PLANTS: dict[str, Callable[[Path, Pcm], object]] = {
    "16-bit": lambda path, s: path.write_bytes(s.tobytes()),
    "16-bit, odd": lambda path, s: path.write_bytes(b"#" + s.tobytes()),
    "16-bit stereo": lambda path, s: path.write_bytes(stereo(s).tobytes()),
    "µ-law": lambda path, s: path.write_bytes(ulaw.encode(s).tobytes()),
    "µ-law stereo": lambda path, s: path.write_bytes(ulaw.encode(stereo(s).reshape(-1)).tobytes()),
    "wav": as_wav,
    "flac": lambda path, s: soundfile.write(path, s, 8000, format="FLAC"),
    "flac stereo after other bytes": lambda path, s: (
        soundfile.write(path, stereo(s), 8000, format="FLAC"),
        path.write_bytes(b"header" + path.read_bytes()),
    ),
    "in the middle of noise": lambda path, s: path.write_bytes(os.urandom(3001) + s.tobytes() + os.urandom(3000)),
}


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("how", PLANTS)
def test_a_planted_file_is_found(tmp_path: Path, how: str, voice: str) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    path = tmp_path / "deep/er/innocent.log"
    PLANTS[how](path, tone(VOICES[voice], 0.4))
    assert voice in {found.voice for found in search(tmp_path)}
    assert search(tmp_path, leave_out=[tmp_path / "deep"]) == []


def test_what_is_no_sound_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "random").write_bytes(os.urandom(300_000))
    (tmp_path / "zeros").write_bytes(bytes(100_000))
    (tmp_path / "log").write_text("2026-11-22 06:55:03,655 INFO a line of a log: 12 channels, 3 bridges\n" * 2000)
    (tmp_path / "code").write_text(Path(__file__).read_text())
    assert search(tmp_path) == []
