"""FLAC stereo as a stream that is written once, front to back, and read back from memory. Lossless; RAM only.

libsndfile rewrites the FLAC header when it closes (length, checksum). By then the header was sealed and is out of reach, so the
rewriting is dropped and the stream says "length unknown", which FLAC allows: `flac` and ffmpeg play it as it is. libsndfile 1.2
does not read a stream of unknown length, so `with_length` writes the length into a copy in memory. That also cuts a stream
whose end is missing back to its last whole frame (0.14 s at 8 kHz).
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import soundfile as sf

from asterisk_privacy.store.faults import AgeError

Stereo = npt.NDArray[np.int16]  # (n, 2): customer left, agents right

BLOCK = 1 << 16  # frames handed to the encoder at once: bounds the copy in memory when a whole ring comes
_EFFORT = 0.125
"""FLAC's level 1: a quarter less work than the usual 5, for 0.1 to 1 % more bytes of speech on the telephone, and shorter frames."""
_STREAMINFO = 42  # "fLaC", block header, STREAMINFO
_SYNC = b"\xff\xf8"  # a frame of a stream with one block size, as libFLAC makes


class Encoder:
    """int16 (n, 2) in, FLAC bytes out as they become ready: libFLAC holds back up to 1,152 frames and one more."""

    def __init__(self, rate: int) -> None:
        self._out = _OneWay()
        self._file = sf.SoundFile(self._out, "w", rate, 2, "PCM_16", format="FLAC", compression_level=_EFFORT)

    def feed(self, samples: Stereo) -> bytes:
        """The bytes ready after up to BLOCK frames."""
        self._file.write(np.ascontiguousarray(samples))
        return self._out.take()

    def close(self) -> bytes:
        """The rest. Harmless when called again."""
        self._file.close()
        return self._out.take()


class _OneWay(io.RawIOBase):
    """What libsndfile writes at the end is collected; what it rewrites behind that is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        self._end = 0
        self._ready: list[bytes] = []

    def write(self, data: bytes) -> int:  # type: ignore[override]  # always bytes from soundfile
        if self._at == self._end:
            self._ready.append(data)
            self._end += len(data)
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def take(self) -> bytes:
        data = b"".join(self._ready)
        self._ready.clear()
        return data


def decode(stream: bytes) -> tuple[Stereo, int]:
    """Samples (n, 2) and rate of what `Encoder` made, or of its beginning. AgeError when it is something else.

    Of nothing at all: no samples, at 8000.
    """
    if len(stream) < _STREAMINFO:
        return np.zeros((0, 2), np.int16), 8000
    try:
        fixed, frames = with_length(stream)
        if not frames:
            return np.zeros((0, 2), np.int16), _rate(stream)
        samples, rate = sf.read(io.BytesIO(fixed), dtype="int16", always_2d=True)
    except (ValueError, sf.SoundFileError) as error:
        raise AgeError(f"what was sealed is not a FLAC recording of ours: {error}") from error
    if samples.shape != (frames, 2):
        raise AgeError(f"the FLAC recording should hold {frames} stereo frames and decodes to {samples.shape}")
    return samples, int(rate)


def with_length(stream: bytes) -> tuple[bytes, int]:
    """A copy that tells its length and ends with its last whole FLAC frame; and that length in sample frames.

    Looks for the last frame header from the end; what runs from there to the end, or to a later header whose frame lost
    its end, must have a checksum of zero (RFC 9639). ValueError if it is no FLAC.
    """
    if stream[:4] != b"fLaC" or len(stream) < _STREAMINFO:
        raise ValueError("no FLAC stream")
    block = int.from_bytes(stream[8:10])
    ends = [len(stream)]
    at = stream.rfind(_SYNC, _STREAMINFO)
    while at >= 0:
        found = _frame_header(stream, at)
        if found is not None:
            for end in ends:
                if _crc16(stream[at:end]) == 0:
                    number, size = found
                    frames = number * block + size
                    return _patched(stream[:end], frames), frames
            ends.append(at)
        at = stream.rfind(_SYNC, _STREAMINFO, at + 1)
    return _patched(stream, 0), 0


def _frame_header(stream: bytes, at: int) -> tuple[int, int] | None:
    """Number and size in sample frames of the FLAC frame that begins at `at`, or None when none does."""
    try:
        size_code, rate_code = stream[at + 2] >> 4, stream[at + 2] & 15
        more = (stream[at + 4] ^ 0xFF).bit_length()  # 8 - leading ones, as in UTF-8
        extra = 0 if more == 8 else 7 - more
        if more == 7 or extra > 5:  # no such number in FLAC: these bytes only look like a header
            return None
        number = stream[at + 4] if not extra else stream[at + 4] & ((1 << (6 - extra)) - 1)
        for byte in stream[at + 5 : at + 5 + extra]:
            number = number << 6 | byte & 63
        end = at + 5 + extra
        size = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}.get(size_code, 0)
        if size_code in (6, 7):
            width = size_code - 5
            size = int.from_bytes(stream[end : end + width]) + 1
            end += width
        end += {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
        return (number, size) if size and _crc8(stream[at:end]) == stream[end] else None
    except IndexError:
        return None


def _patched(stream: bytes, frames: int) -> bytes:
    """The same with 36 bits of length in STREAMINFO (RFC 9639 8.2)."""
    length = (stream[21] & 0xF0) << 32 | frames
    return stream[:21] + length.to_bytes(5) + stream[26:]


def _rate(stream: bytes) -> int:
    return int.from_bytes(stream[18:21]) >> 4


def _crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = _TABLE8[crc ^ byte]
    return crc


def _crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = (crc << 8 & 0xFFFF) ^ _TABLE16[crc >> 8 ^ byte]
    return crc


def _table(bits: int, polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << (bits - 8)
        for _ in range(8):
            crc = (crc << 1) ^ (polynomial if crc >> (bits - 1) else 0)
            crc &= (1 << bits) - 1
        table.append(crc)
    return tuple(table)


_TABLE8 = _table(8, 0x07)
_TABLE16 = _table(16, 0x8005)
