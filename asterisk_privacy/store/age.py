"""The age v1 file format as two streams: AgeWriter seals, AgeReader opens (seekable, one 64 KiB chunk at a time).

After the header come a nonce of 16 bytes and the payload in chunks of 64 KiB, each sealed by ChaCha20-Poly1305 under a key made
from file key and nonce. A chunk's nonce is its number (11 bytes) and a flag that only the last one carries: chunks cannot be
moved, dropped or added, and an end that is missing is noticed. Only the last chunk may be short, and it is empty only in an empty file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from asterisk_privacy.store import age_header
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.layout import CHUNK, HEADER_MAX, NONCE, SEALED_CHUNK, TAG
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.seekable import Seekable


class Sink(Protocol):
    """Where AgeWriter puts bytes. `write` takes all of them or raises."""

    def write(self, data: bytes, /) -> object: ...


class AgeWriter:
    """Encrypts what it is given to `recipients`. The header goes out at once, each chunk as soon as it is known not to be the last."""

    def __init__(self, file: Sink, recipients: Recipients) -> None:
        file_key = os.urandom(age_header.FILE_KEY_SIZE)
        nonce = os.urandom(NONCE)
        self._file = file
        self._cipher = ChaCha20Poly1305(age_header.derive(file_key, nonce, b"payload"))
        self._held = bytearray()
        self._number = 0
        self._closed = False
        file.write(age_header.build(file_key, recipients) + nonce)

    def write(self, data: bytes) -> int:
        """Takes any amount; writes the whole chunks. After an error of the file nothing more can be written."""
        if self._closed:
            raise ValueError("this age file is finished or has failed")
        self._held += data
        whole = (len(self._held) - 1) // CHUNK  # one byte at least stays: the last chunk is not empty
        if whole > 0:
            with memoryview(self._held) as held:
                self._closed = True  # until all of it went out: a chunk is never written twice
                for at in range(0, whole * CHUNK, CHUNK):
                    self._chunk(held[at : at + CHUNK], last=False)
                self._closed = False
            del self._held[: whole * CHUNK]
        return len(data)

    def finish(self) -> None:
        """Write the last chunk. The file stays open."""
        if self._closed:
            raise ValueError("this age file is finished or has failed")
        self._closed = True
        self._chunk(self._held, last=True)
        self._held.clear()

    def _chunk(self, data: bytes | bytearray | memoryview, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_chunk_nonce(self._number, last=last), data, None))
        self._number += 1


class AgeReader(Seekable):
    """Reads what was sealed, from a seekable binary file. Every byte that it returns was authenticated.

    Refuses (AgeError) at once a file for other keys, a changed header and, unless `allow_truncated`, an end that is missing;
    and on reading, a chunk that was changed. With `allow_truncated` each whole chunk is readable and `truncated` tells.
    """

    def __init__(self, file: BinaryIO, identities: Sequence[Identity], allow_truncated: bool = False) -> None:
        super().__init__()
        self._file = file
        file.seek(0)
        head = _read(file, HEADER_MAX)
        header = age_header.parse(head)
        file_key = age_header.unwrap(header, identities)
        file.seek(header.length)
        nonce = _read(file, NONCE)
        if len(nonce) != NONCE:
            raise AgeError("cut short: it ends within the first bytes")
        self._cipher = ChaCha20Poly1305(age_header.derive(file_key, nonce, b"payload"))
        self._start = header.length + NONCE
        self._sealed = file.seek(0, os.SEEK_END) - self._start
        self._count = -(-self._sealed // SEALED_CHUNK)
        self._position = 0
        self._cached: tuple[int, bytes] | None = None
        self._has_end = True
        self.truncated = not self._ends_well()
        if self.truncated:
            if not allow_truncated:
                raise AgeError("cut short or damaged: its last part is not what was written")
            self._drop_tail()
        self._size = self._sealed - self._count * TAG

    def _length(self) -> int:
        return self._size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the Buffer type is 3.12
        target = memoryview(buffer).cast("B")
        number, skip = divmod(self._position, CHUNK)
        if self._position >= self._size or not len(target):
            return 0
        data = self._chunk(number)[skip : skip + len(target)]
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _ends_well(self) -> bool:
        """Whether the last chunk is there and says that it is the last."""
        if not self._count:
            return False
        try:
            last = self._chunk(self._count - 1)
        except AgeError:
            return False
        return bool(last) or self._count == 1

    def _drop_tail(self) -> None:
        """Keep whole chunks only, and of those drop the last if it was not written to its end."""
        self._has_end = False
        self._cached = None
        self._count = self._sealed // SEALED_CHUNK
        if self._count:
            try:
                self._chunk(self._count - 1)
            except AgeError:
                self._count -= 1
        self._sealed = self._count * SEALED_CHUNK

    def _chunk(self, number: int) -> bytes:
        if self._cached is not None and self._cached[0] == number:
            return self._cached[1]
        self._file.seek(self._start + number * SEALED_CHUNK)
        sealed = _read(self._file, min(SEALED_CHUNK, self._sealed - number * SEALED_CHUNK))
        last = self._has_end and number == self._count - 1
        try:
            data = self._cipher.decrypt(_chunk_nonce(number, last=last), sealed, None)
        except (InvalidTag, ValueError) as error:  # ValueError: shorter than a tag
            raise AgeError(f"damaged: part {number + 1} of {self._count} is not what was written") from error
        self._cached = (number, data)
        return data


def _chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + (b"\x01" if last else b"\x00")


def _read(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer only at the end: a raw file may return less at a time."""
    parts = bytearray()
    while len(parts) < size:
        data = file.read(size - len(parts))
        if not data:
            break
        parts += data
    return bytes(parts)
