"""A sealed file by its pieces, so that an hour can sound before all of it was hashed.

Each piece of 256 KiB has a hash of its own. Who reads a recording gives `Proven` what the row says; each piece is
fetched into memory, hashed, compared, and only then handed on. So what is decrypted is what was compared, also where
the file is changed while it is read.

    b"\\x12"        the size of a piece as a power of two: 2 ** 18 bytes
    16 bytes       the first half of the SHA-256 of piece 0
    16 bytes       of piece 1, and so on

Half a SHA-256 is enough: whoever wants to slip in another piece must find a second one with the same hash, which is
2 ** 128 tries. 256 KiB are 20 s of two voices or more, and one request to a bucket (object_reading.py). A call of four
minutes (3 MB) has 193 bytes in its row, an hour 2.8 kB.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections import OrderedDict
from typing import BinaryIO

from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.store.seekable import Seekable

BITS = 18
PIECE = 1 << BITS
SIZES = range(16, 25)  # powers of two that are believed of a row: a piece is held in memory
HASH = 16
ANOTHER_SIZE = "it is not what was recorded: its size is another one"
ANOTHER_HASH = "it is not what was recorded: its SHA-256 is another one"
KEPT = 4
"""Pieces in memory: those at both ends, which each opening looks at, and the last two."""


class Measure:
    """Takes the bytes of a sealed file as they go by."""

    def __init__(self) -> None:
        self.size = 0
        self._whole = hashlib.sha256()
        self._piece = hashlib.sha256()
        self._pieces = bytearray([BITS])

    def update(self, data: bytes | memoryview) -> None:
        self._whole.update(data)
        rest = memoryview(data)
        while rest:
            part = rest[: PIECE - self.size % PIECE]
            self._piece.update(part)
            self.size += len(part)
            rest = rest[len(part) :]
            if self.size % PIECE == 0:
                self._pieces += self._piece.digest()[:HASH]
                self._piece = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._whole.hexdigest()

    @property
    def pieces(self) -> bytes:
        last = self._piece.digest()[:HASH] if self.size % PIECE else b""
        return bytes(self._pieces) + last

    def content(self, truncated: bool = False) -> Content:
        return Content(self.size, self.sha256, self.pieces, truncated)


def measured(file: BinaryIO, truncated: bool = False) -> Content:
    """What the whole file is, from its first byte to its end. OSError."""
    measure = Measure()
    file.seek(0)
    while data := file.read(PIECE):
        measure.update(data)
    return measure.content(truncated)


def proven_whole(file: BinaryIO, content: Content) -> io.BytesIO:
    """All of it in memory, for who reads all of it anyway. NotAsRecorded, and then not a byte, unless it is what `content` says."""
    data = _read(file, 0, content.size + 1)
    if len(data) != content.size:
        raise NotAsRecorded(ANOTHER_SIZE)
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), content.sha256):
        raise NotAsRecorded(ANOTHER_HASH)
    return io.BytesIO(data)


class Proven(Seekable):
    """`file` as far as it is what `content` says: NotAsRecorded at once for another size, and on reading for another piece.

    Of a recording without pieces all is hashed at once, and from then on as it is read; `content` has its pieces then.
    """

    def __init__(self, file: BinaryIO, content: Content) -> None:
        super().__init__()
        self._file = file
        self._read: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0
        if file.seek(0, os.SEEK_END) != content.size:
            raise NotAsRecorded(ANOTHER_SIZE)
        if content.pieces is None:
            found = measured(file, content.truncated)
            if found.sha256 != content.sha256:
                raise NotAsRecorded(ANOTHER_HASH)
            content = found
        self.content = content
        self._pieces = content.pieces or b""
        self._size = 1 << self._pieces[0] if self._pieces and self._pieces[0] in SIZES else PIECE
        if len(self._pieces) != 1 + HASH * -(-content.size // self._size):
            raise NotAsRecorded("its row has other pieces than a file of that size; see: asterisk-privacy audit verify")

    def _length(self) -> int:
        return self.content.size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the Buffer type is 3.12
        target = memoryview(buffer).cast("B")
        if self._position >= self.content.size or not len(target):
            return 0
        number, skip = divmod(self._position, self._size)
        data = self._piece(number)[skip : skip + len(target)]
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _piece(self, number: int) -> bytes:
        if number in self._read:
            self._read.move_to_end(number)
            return self._read[number]
        data = _read(self._file, number * self._size, min(self._size, self.content.size - number * self._size))
        at = 1 + HASH * number
        if not hmac.compare_digest(hashlib.sha256(data).digest()[:HASH], self._pieces[at : at + HASH]):
            raise NotAsRecorded(f"it is not what was recorded: part {number + 1} of {-(-self.content.size // self._size)} is another one")
        self._read[number] = data
        if len(self._read) > KEPT:
            self._read.popitem(last=False)
        return data


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    """Fewer bytes where the file ends before."""
    file.seek(start)
    parts = bytearray()
    while len(parts) < size and (data := file.read(min(size - len(parts), PIECE))):
        parts += data
    return bytes(parts)
