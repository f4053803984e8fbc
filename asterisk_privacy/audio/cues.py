"""Points in a finished sound file that players show: `cue ` and `adtl` in WAV, chapters in FLAC's comments. Bytes in, bytes out."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_COMMENTS = 4  # the block of a FLAC file that holds them (RFC 9639, 8.1)
_LAST = 0x80


@dataclass(frozen=True, slots=True)
class Cue:
    """`at`: in samples."""

    at: int
    words: str


def in_wav(wav: bytes, cues: Sequence[Cue]) -> bytes:
    """`wav`: RIFF, whose sizes are known."""
    if not cues:
        return wav
    points = b"".join(struct.pack("<II4sIII", n, cue.at, b"data", 0, 0, cue.at) for n, cue in enumerate(cues, 1))
    labels = b"".join(_chunk(b"labl", struct.pack("<I", n) + cue.words.encode() + b"\0") for n, cue in enumerate(cues, 1))
    body = wav[8:] + b"\0" * (len(wav) % 2)
    body += _chunk(b"cue ", struct.pack("<I", len(cues)) + points) + _chunk(b"LIST", b"adtl" + labels)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def in_flac(flac: bytes, rate: int, cues: Sequence[Cue]) -> bytes:
    """CHAPTER001=HH:MM:SS.mmm and CHAPTER001NAME=, as ffmpeg and VLC read them."""
    if not cues:
        return flac
    words = []
    for n, cue in enumerate(cues, 1):
        words += [f"CHAPTER{n:03}={_clock(cue.at * 1000 // rate)}", f"CHAPTER{n:03}NAME={cue.words}"]
    comments = _text("asterisk_privacy") + struct.pack("<I", len(words)) + b"".join(map(_text, words))
    blocks, audio = _blocks(flac)
    kept = [block for block in blocks if block[0] != _COMMENTS]
    kept.insert(1, (_COMMENTS, comments))  # STREAMINFO comes first
    heads = []
    for n, (kind, body) in enumerate(kept, 1):
        heads.append(bytes([kind | (_LAST if n == len(kept) else 0)]) + len(body).to_bytes(3, "big") + body)
    return flac[:4] + b"".join(heads) + audio


def _text(words: str) -> bytes:
    data = words.encode()
    return struct.pack("<I", len(data)) + data


def _clock(ms: int) -> str:
    return f"{ms // 3600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _blocks(flac: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Metadata, and the audio behind it."""
    found, at, last = [], 4, False
    while not last:
        last, kind, size = bool(flac[at] & _LAST), flac[at] & 0x7F, int.from_bytes(flac[at + 1 : at + 4], "big")
        found.append((kind, flac[at + 4 : at + 4 + size]))
        at += 4 + size
    return found, flac[at:]
