"""`recordings export`: what was left out of a recording is heard and shown in the copy."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_samples import Place

from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.store.flac import Stereo

RATE = 8000
HELD = (
    Span(SpanKind.NOTICE, 0, 500),
    Span(SpanKind.TALK, 500, 1100),
    Span(SpanKind.HOLD, 1100, 4040),
    Span(SpanKind.LOST, 4040, 4100),
    Span(SpanKind.TALK, 4100, 4500),
)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    with place.registry:
        yield place


def held(place: Place) -> str:
    """Six tenths of a second of talk, a hold of three, and four tenths more."""
    return place.record(1, Days(30), samples=np.full((RATE, 2), 12_000, np.int16), spans=HELD)


def export(place: Place, recording: str, name: str, *more: str) -> tuple[Stereo, dict[str, object], bytes]:
    output = place.folder / name
    told = place.json(
        recordings, "export", recording, "--identity", str(place.folder / "identity.txt"), "--output", str(output),
        "--purpose", "complaint", "--reason", "case K-1", *more,
    )  # fmt: skip
    return soundfile.read(output, dtype="int16")[0], told, output.read_bytes()


def silent_parts(samples: Stereo) -> list[tuple[int, int]]:
    """Where and how long less than a tenth of the voice is heard."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (np.abs(samples[:, 0]) < 1200).astype(int), [0]))))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 8]


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize(("how", "seconds"), [((), 0.5), (("--gaps", "short"), 0.5), (("--gaps", "full"), 3.0)])
def test_a_hold_is_heard_as_a_gap(place: Place, suffix: str, how: tuple[str, ...], seconds: float) -> None:
    samples, told, _ = export(place, held(place), f"call.{suffix}", *how)
    assert len(samples) == RATE * (1 + seconds) and told["seconds"] == 1 + seconds
    [(at, length)] = silent_parts(samples)
    assert abs(at - 4800) <= 8 and abs(length - RATE * seconds) <= 16
    assert told["gaps"] == [{"kind": "hold", "at": 0.6, "start_ms": 1100, "end_ms": 4100}]


def test_without_gaps_the_seam_is_soft_and_shown(place: Place) -> None:
    samples, told, data = export(place, held(place), "call.wav", "--gaps", "none")
    assert len(samples) == RATE and np.abs(np.diff(samples[:, 0].astype(int))).max() < 400, "no click"
    assert told["gaps"] and b"cue " in data


def test_the_point_in_a_wav(place: Place) -> None:
    _, _, data = export(place, held(place), "call.wav")
    chunks = dict(riff(data))
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8 and len(chunks[b"data"]) == RATE * 3 // 2 * 4
    assert struct.unpack("<III4sIII", chunks[b"cue "]) == (1, 1, 4800, b"data", 0, 0, 4800)
    assert b"hold, 3.0 s, from 0:01 of the call\0" in chunks[b"LIST"]


def test_the_chapter_in_a_flac(place: Place) -> None:
    _, _, data = export(place, held(place), "call.flac")
    assert b"CHAPTER001=00:00:00.600" in data and b"CHAPTER001NAME=hold, 3.0 s, from 0:01 of the call" in data


def riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
