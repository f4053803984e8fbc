"""What an AudioSocket peer sends, and who listens to it."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from asterisk_privacy.asterisk import audiosocket as aus
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SECONDS


def message(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


def name(tap: uuid.UUID) -> bytes:
    return message(aus.KIND_UUID, tap.bytes)


def frame(n: int = 1) -> bytes:
    return message(aus.KIND_AUDIO, bytes([n % 256]) * FRAME_BYTES)


@dataclass
class Ear:
    tap: uuid.UUID
    frames: list[tuple[float, int]] = field(default_factory=list)
    reads: int = 0
    ended: int = 0
    at_frame: Callable[[int], None] = lambda _n: None

    def sink(self, read_at: float, samples: bytes) -> None:
        count = len(samples) // FRAME_BYTES
        assert count and len(samples) == count * FRAME_BYTES
        self.reads += 1
        for i, n in enumerate(samples[::FRAME_BYTES]):
            self.frames.append((read_at - FRAME_SECONDS * (count - 1 - i), n))
            self.at_frame(n)

    def over(self) -> None:
        self.ended += 1

    @property
    def numbers(self) -> list[int]:
        return [n for _, n in self.frames]
