"""A sealed recording in a bucket as a seekable file: fetched by Range as it is read, a few blocks of ciphertext in memory, none on disk."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, cast

from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.seekable import Seekable

BLOCK = 256 << 10
"""Bytes a request. Two voices fill them in 20 s or more: a player that seeks waits for one of them, and the picture of a call of five
minutes takes a dozen."""
KEPT = 8
"""Blocks in memory: those at both ends, which each opening looks at, and the last few."""


@dataclass(frozen=True, slots=True)
class InBucket:
    bucket: Bucket
    key: str

    def open(self) -> BinaryIO:
        return cast(BinaryIO, ObjectReader(self.bucket, self.key))

    def __str__(self) -> str:
        return f"s3://{self.bucket.place.bucket}/{self.key}"


class ObjectReader(Seekable):
    """StoreFault at once if it is not there, and on reading if it has gone or was replaced meanwhile."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        super().__init__()
        self._bucket = bucket
        self._key = key
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._etag: str | None = None
        self._position = 0
        self._size = 0
        self._block(0)

    def _length(self) -> int:
        return self._size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the Buffer type is 3.12
        target = memoryview(buffer).cast("B")
        if self._position >= self._size or not len(target):
            return 0
        number, skip = divmod(self._position, BLOCK)
        data = self._block(number)[skip : skip + len(target)]
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        data = self._fetch(number * BLOCK, (number + 1) * BLOCK - 1)
        self._blocks[number] = data
        if len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)
        return data

    def _fetch(self, first: int, last: int) -> bytes:
        """Both ends belong to it (RFC 9110, 14.1.2)."""
        same = {} if self._etag is None else {"IfMatch": self._etag}
        with self._bucket.doing(f"read {self._key}", "s3:GetObject"):
            answer = self._bucket.client.get_object(Bucket=self._bucket.place.bucket, Key=self._key, Range=f"bytes={first}-{last}", **same)
            with closing(answer["Body"]) as body:
                data: bytes = body.read()
        told = str(answer.get("ContentRange", ""))
        span, _, total = told.removeprefix("bytes ").partition("/")
        if not total.isdigit() or span != f"{first}-{min(last, int(total) - 1)}" or len(data) != min(last, int(total) - 1) - first + 1:
            raise StoreFault(f"{self._bucket.place}: sent another part of {self._key} than was asked for ({told}); look at its log")
        self._etag, self._size = str(answer["ETag"]), int(total)
        return data
