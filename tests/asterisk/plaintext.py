"""Looks for the lab's tones in clear on the disk: whatever container or alignment, if a window of any file sounds like one, it is found."""

from __future__ import annotations

import io
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab import tones

VOICES = {"customer": 700.0, "customer held": 900.0, "agent": 1100.0, "music": 440.0}
WINDOW = 0.05
MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    how: str
    voice: str
    seconds: float


def search(directory: Path, leave_out: Collection[Path] = ()) -> list[Found]:
    """Every regular file below `directory` but those in or below `leave_out`."""
    found: list[Found] = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(skip) for skip in leave_out):
            found += search_file(path)
    return found


def search_process(pid: int) -> list[Found]:
    """Files that a process has open though nobody sees them any more."""
    found: list[Found] = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(entry).endswith("(deleted)") and entry.is_file():
                found += search_file(entry)
        except OSError:
            continue
    return found


def search_file(path: Path) -> list[Found]:
    data = path.read_bytes()[:MOST_BYTES]
    found: list[Found] = []
    for how, samples in readings(data):
        heard = tones.seconds_of(samples, VOICES, window=WINDOW)
        found += [Found(path, how, voice, heard[voice]) for voice in VOICES if voice in heard]
    return found


def readings(data: bytes) -> Iterator[tuple[str, Pcm]]:
    for start in (0, 1):
        raw = np.frombuffer(data[start : start + (len(data) - start) // 2 * 2], "<i2")
        yield from _columns(f"16-bit at {start}", raw)
        yield from _columns(f"16-bit big-endian at {start}", raw.byteswap())
    yield from _columns("µ-law", ulaw.decode(np.frombuffer(data, np.uint8)))
    for magic in (b"RIFF", b"fLaC", b"OggS"):
        at = data.find(magic)
        if at >= 0:
            try:
                samples, _ = soundfile.read(io.BytesIO(data[at:]), dtype="int16", always_2d=True)
            except soundfile.SoundFileError:
                continue
            for column in range(samples.shape[1]):
                yield f"{magic.decode()} column {column}", samples[:, column]


def _columns(how: str, samples: Pcm) -> Iterator[tuple[str, Pcm]]:
    yield how, samples.astype(np.int16)
    for column in (0, 1):
        yield f"{how}, stereo column {column}", samples[column::2].astype(np.int16)
