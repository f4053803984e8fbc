"""Opus through libopus, the system's or that of the unpacked Asterisk."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import lru_cache
from typing import Final

import numpy as np

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.tones import FRAME, RATE
from asterisk_privacy.lab.unpack import locate

_LOW_DELAY: Final = 2051
"""OPUS_APPLICATION_RESTRICTED_LOWDELAY: no speech model, a tone stays a tone."""
_SET_BITRATE: Final = 4002
_LARGEST: Final = 1276
_LONGEST: Final = 960  # 120 ms at 8 kHz


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """OperatorError without one."""
    root = locate().root
    found = [str(path) for path in root.glob("usr/lib/*/libopus.so.0")] if root else []
    if name := ctypes.util.find_library("opus"):
        found.insert(0, name)
    for path in found:
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        library.opus_encoder_create.restype = library.opus_decoder_create.restype = ctypes.c_void_p
        return library
    raise OperatorError("no libopus on this machine: install libopus0 for phones that speak Opus")


class Opus:
    """One call's encoder and decoder, mono, 64 kbit/s, 8 kHz in and out whatever bandwidth the other side sends."""

    def __init__(self) -> None:
        self._library = library = _library()
        error = ctypes.c_int()
        self._out = ctypes.c_void_p(library.opus_encoder_create(RATE, 1, _LOW_DELAY, ctypes.byref(error)))
        self._in = ctypes.c_void_p(library.opus_decoder_create(RATE, 1, ctypes.byref(error)))
        library.opus_encoder_ctl(self._out, ctypes.c_int(_SET_BITRATE), ctypes.c_int(64_000))

    def __del__(self) -> None:
        if hasattr(self, "_in"):
            self._library.opus_encoder_destroy(self._out)
            self._library.opus_decoder_destroy(self._in)

    def encode(self, samples: Pcm) -> bytes:
        packet = ctypes.create_string_buffer(_LARGEST)
        pcm = np.ascontiguousarray(samples, np.int16)
        size = self._library.opus_encode(self._out, pcm.ctypes.data_as(ctypes.c_void_p), FRAME, packet, _LARGEST)
        return packet.raw[: max(size, 0)]

    def decode(self, data: bytes) -> Pcm:
        pcm = np.zeros(_LONGEST, np.int16)
        size = self._library.opus_decode(self._in, data, len(data), pcm.ctypes.data_as(ctypes.c_void_p), _LONGEST, 0)
        samples: Pcm = pcm[: max(size, 0)]
        return samples
