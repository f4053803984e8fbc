"""The reviewers' side, piece by piece: a sealed recording as a FLAC or WAV that can be read anywhere, decrypted in memory as it goes.

What was sealed says "length unknown" (see flac.py). With the length, which its last frame tells, a player can seek.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import soundfile as sf

from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.store.age import AgeReader
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.flac import Stereo, with_length
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.pieces import Proven
from asterisk_privacy.store.seekable import Seekable
from asterisk_privacy.store.shelf import Source, read_proven

HEAD = 42  # bytes until behind STREAMINFO
TAIL = 256 << 10  # holds many FLAC frames: one has at most 16.5 KiB
BLOCK = 8000  # frames decoded at once
WAV_HEAD = 44


class SealedFlac(Seekable):
    """Read-only, seekable. Each piece of `file` is compared with `content` before it is decrypted.

    NotAsRecorded or AgeError from the start for another file or one that these keys do not open, and on reading for one that has changed.
    """

    def __init__(self, file: BinaryIO, content: Content, identities: Sequence[Identity]) -> None:
        super().__init__()
        proven = Proven(file, content)
        self.content = proven.content  # with its pieces, also where its row had none
        self._reader = AgeReader(cast(BinaryIO, proven), identities, content.truncated)
        whole = self._reader.seek(0, os.SEEK_END)
        start = min(whole, max(HEAD, whole - TAIL))
        try:
            patched, self.frames = with_length(self._plain(0, HEAD) + self._plain(start, whole - start))
        except ValueError as error:
            raise AgeError(f"what was sealed is not a FLAC recording of ours: {error}") from error
        self._head = patched[:HEAD]
        self.size = start + len(patched) - HEAD
        self._position = 0
        self._fault: Exception | None = None

    @property
    def rate(self) -> int:
        return int.from_bytes(self._head[18:21]) >> 4

    def _length(self) -> int:
        return self.size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Before the beginning is the beginning: libsndfile's callback cannot be told of an error."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return super().seek(0)

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the Buffer type is 3.12
        """An error is remembered for `blocks`: one that is raised within libsndfile's callback gets lost on standard error."""
        target = memoryview(buffer).cast("B")
        try:
            data = self.read_at(self._position, len(target))
        except (OperatorError, OSError) as error:
            self._fault, data = error, b""
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def read_at(self, start: int, count: int) -> bytes:
        """Fewer bytes only at the end."""
        count = max(0, min(count, self.size - start))
        head = self._head[start : start + count]
        return head + self._plain(start + len(head), count - len(head))

    def blocks(self, first: int = 0) -> Iterator[Stereo]:
        """Samples int16 (n, 2) from frame `first` on, customer left and agents right. AgeError when they cannot be had any more,
        NotAsRecorded when they are not what was recorded."""
        if not self.frames:
            return
        self.seek(0)
        try:
            with sf.SoundFile(self) as sound:
                sound.seek(first)
                while len(block := sound.read(BLOCK, dtype="int16", always_2d=True)) and self._fault is None:
                    yield block
        except sf.SoundFileError as error:
            if isinstance(self._fault, NotAsRecorded):
                raise self._fault from error
            raise AgeError(f"cannot be decoded: {self._fault or error}") from error
        if isinstance(self._fault, NotAsRecorded):
            raise self._fault
        if self._fault is not None:
            raise AgeError(f"cannot be read any more: {self._fault}") from self._fault

    def _plain(self, start: int, count: int) -> bytes:
        parts = bytearray()
        self._reader.seek(start)
        while len(parts) < count and (piece := self._reader.read(count - len(parts))):
            parts += piece
        return bytes(parts)


class SealedWav:
    """The same as WAV, 16 bit; for players that know no FLAC."""

    def __init__(self, flac: SealedFlac) -> None:
        self._flac = flac
        self.size = WAV_HEAD + flac.frames * 4

    def read_at(self, start: int, count: int) -> bytes:
        """Fewer bytes only at the end."""
        end = min(start + max(0, count), self.size)
        parts = [self._header()[start:end]]
        at = max(start, WAV_HEAD)
        if at < end:
            first = (at - WAV_HEAD) // 4
            skip, left = (at - WAV_HEAD) % 4, end - at
            for block in self._flac.blocks(first):
                piece = np.ascontiguousarray(block, "<i2").tobytes()[skip : skip + left]
                parts.append(piece)
                skip, left = 0, left - len(piece)
                if not left:
                    break
        return b"".join(parts)

    def _header(self) -> bytes:
        rate, data = self._flac.rate, self.size - WAV_HEAD
        form = b"".join(n.to_bytes(size, "little") for n, size in ((1, 2), (2, 2), (rate, 4), (rate * 4, 4), (4, 2), (16, 2)))
        sizes = [n.to_bytes(4, "little") for n in (data + 36, 16, data)]
        return b"RIFF" + sizes[0] + b"WAVEfmt " + sizes[1] + form + b"data" + sizes[2]


def open_sealed(source: Source | Path, content: Content, identities: Sequence[Identity]) -> SealedFlac:
    """`content`: what its row says that it is. NotAsRecorded, AgeError or StoreFault names the place. Close it."""
    return read_proven(source, lambda file: _Owned(file, content, identities))


class _Owned(SealedFlac):
    def __init__(self, file: BinaryIO, content: Content, identities: Sequence[Identity]) -> None:
        self._owned = file  # first: what could not be opened is closed all the same, by Python
        super().__init__(file, content, identities)

    def close(self) -> None:
        self._owned.close()
        super().close()


def peaks(flac: SealedFlac, buckets: int) -> tuple[list[int], list[int]]:
    """Loudest sample of each stretch, 0 to 100, for customer and agents: a picture of who spoke when, not what. At most `buckets` each."""
    wide = max(1, -(-flac.frames // buckets))
    loudest = np.zeros((-(-flac.frames // wide), 2), np.int32)
    at = 0
    for block in flac.blocks():
        numbers = (at + np.arange(len(block))) // wide
        np.maximum.at(loudest, numbers, np.abs(block.astype(np.int32)))
        at += len(block)
    scaled = loudest * 100 // 32768
    return scaled[:, 0].tolist(), scaled[:, 1].tolist()
