"""Looks for audio in clear on the disk, as tests/asterisk/plaintext.py does on real calls: read as sound in the usual ways, does any
file hold the voices of the sealed recordings?"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from review_site import AGENT_HZ, CUSTOMER_HZ

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab import tones

VOICES = {"customer": CUSTOMER_HZ, "agent": AGENT_HZ}
MAGIC = (b"RIFF", b"fLaC", b"OggS")


Known = frozenset[tuple[Path, int, int]]


def snapshot(*folders: Path) -> Known:
    """Every file as it is now: path, size, time of the last change."""
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return frozenset((path, (status := path.stat()).st_size, status.st_mtime_ns) for path in found)


def plain_files(*folders: Path, since: Known = frozenset()) -> list[str]:
    """Of each file that has it: where and how; only those that are new or changed. Files that this process has open and that are removed
    from their directory are looked at too."""
    paths = sorted(path for path, _, _ in snapshot(*folders) - since)
    paths += [path for path in Path("/proc/self/fd").iterdir() if _is_removed(path)]
    return [f"{path}: {how}" for path in paths for how in _found(path.read_bytes())]


def _is_removed(path: Path) -> bool:
    try:
        return path.is_file() and "deleted" in str(path.readlink())
    except FileNotFoundError:  # it was closed meanwhile
        return False


def _found(data: bytes) -> Iterator[str]:
    if any(magic in data and _decodes(data[data.find(magic) :]) for magic in MAGIC):
        yield "a sound file"
    for how, samples in _readings(data):
        if tones.seconds_of(samples, VOICES, window=0.05).keys() & VOICES.keys():
            yield how


def _readings(data: bytes) -> Iterator[tuple[str, Pcm]]:
    for start in (0, 1):
        raw = np.frombuffer(data[start : start + (len(data) - start) // 2 * 2], "<i2")
        for column in (slice(None), slice(0, None, 2), slice(1, None, 2)):
            yield "16-bit samples", raw[column].astype(np.int16)
    yield "µ-law", ulaw.decode(np.frombuffer(data, np.uint8))


def _decodes(data: bytes) -> bool:
    try:
        return bool(len(soundfile.read(io.BytesIO(data))[0]))
    except soundfile.SoundFileError:
        return False
