"""G.711 A-law by table look-up, for phones that prefer it (the usual codec in Europe)."""

from __future__ import annotations

from typing import Final

import numpy as np

from asterisk_privacy.audio.ulaw import Bytes, Pcm

SILENCE: Final = 0xD5
"""The byte of a zero sample."""


def _encode_table() -> Bytes:
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    # 13 bits, as G.711 has it: a negative sample is mirrored around -1/2, so that -1 is the twin of 0
    magnitude = np.where(sample < 0, ~sample, sample) >> 3
    segment = np.searchsorted(np.array([32 << n for n in range(7)]), magnitude, side="right").astype(np.int32)
    step = (magnitude >> np.maximum(segment, 1)) & 0x0F
    sign = np.where(sample < 0, 0, 0x80)
    table: Bytes = ((sign | segment << 4 | step) ^ 0x55).astype(np.uint8)
    return table


def _decode_table() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code >> 4) & 0x07
    step = ((code & 0x0F) << 4) + 8
    magnitude = np.where(segment > 0, (step + 0x100) << np.maximum(segment - 1, 0), step)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_ENCODE: Final = _encode_table()
_DECODE: Final = _decode_table()


def encode(samples: Pcm) -> Bytes:
    """Samples (int16, any shape) to A-law bytes of the same shape."""
    return _ENCODE.take(samples.view(np.uint16))


def decode(codes: Bytes) -> Pcm:
    """A-law bytes (uint8, any shape) to samples of the same shape."""
    return _DECODE.take(codes)
