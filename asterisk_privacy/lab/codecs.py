"""What the lab's phones speak on the wire. Every call has a coder of its own, since G.722 and Opus remember what came before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from asterisk_privacy.audio import alaw, ulaw
from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab.opus import Opus


class Coder(Protocol):
    """One call's: 160 samples of 8 kHz to a packet's body and back."""

    def encode(self, samples: Pcm) -> bytes: ...
    def decode(self, data: bytes) -> Pcm: ...


@dataclass(frozen=True, slots=True)
class Codec:
    name: str
    """As in rtpmap, without the channels."""
    payload_type: int
    coder: Callable[[], Coder]
    clock: int = 160
    """Timestamp units in a frame."""
    channels: str = ""
    """As in rtpmap, where it has to be there."""


class _Ulaw:
    def encode(self, samples: Pcm) -> bytes:
        return ulaw.encode(samples).tobytes()

    def decode(self, data: bytes) -> Pcm:
        return ulaw.decode(np.frombuffer(data, np.uint8))


class _Alaw:
    def encode(self, samples: Pcm) -> bytes:
        return alaw.encode(samples).tobytes()

    def decode(self, data: bytes) -> Pcm:
        return alaw.decode(np.frombuffer(data, np.uint8))


class _Linear16:
    def encode(self, samples: Pcm) -> bytes:
        return _widened(samples).astype(">i2").tobytes()

    def decode(self, data: bytes) -> Pcm:
        return _narrowed(np.frombuffer(data[: len(data) // 4 * 4], ">i2").astype(np.int16))


class _G722:
    """64 kbit/s, by the library of that name, which the tests bring along."""

    def __init__(self) -> None:
        from G722 import G722  # noqa: PLC0415 - only the tests' phones speak it

        self._out, self._in = G722(16000, 64000), G722(16000, 64000)

    def encode(self, samples: Pcm) -> bytes:
        return bytes(self._out.encode(_widened(samples)))

    def decode(self, data: bytes) -> Pcm:
        return _narrowed(np.asarray(self._in.decode(data), np.int16))


class _Opaque:
    """Packets of the right size that nobody here can decode: G.729, ten bytes for 10 ms."""

    def encode(self, samples: Pcm) -> bytes:
        return np.random.default_rng(int(np.abs(samples).sum())).bytes(20)

    def decode(self, data: bytes) -> Pcm:
        return np.zeros(8 * len(data), np.int16)


def _widened(samples: Pcm) -> Pcm:
    """8 to 16 kHz by the spectrum of one frame: exact for tones at multiples of 50 Hz, with small clicks at the borders of others."""
    wide = 2 * np.fft.irfft(np.fft.rfft(samples.astype(np.float64)), 2 * len(samples))
    return np.clip(np.round(wide), -32768, 32767).astype(np.int16)


def _narrowed(wide: Pcm) -> Pcm:
    """16 to 8 kHz by the mean of neighbours: good enough to know a tone below 3 kHz again."""
    samples: Pcm = wide.astype(np.int32).reshape(-1, 2).mean(axis=1).astype(np.int16)
    return samples


CODECS: Final = {
    "ulaw": Codec("PCMU/8000", 0, _Ulaw),
    "alaw": Codec("PCMA/8000", 8, _Alaw),
    "g722": Codec("G722/8000", 9, _G722),
    "slin16": Codec("L16/16000", 118, _Linear16, 320),
    "g729": Codec("G729/8000", 18, _Opaque),
    "opus": Codec("OPUS/48000", 107, Opus, 960, "/2"),
}
"""By Asterisk's names. slin16 is a wideband leg without a codec; G.722's clock is 8000 by a mistake that became the rule (RFC 3551)."""
