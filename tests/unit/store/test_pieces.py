"""A file by its pieces: read in any way it is the file, and a piece that is another one is never handed on."""

from __future__ import annotations

import hashlib
import io
import os
import random
from dataclasses import replace

import pytest
from as_it_lies import without_pieces

from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.store.pieces import BITS, HASH, KEPT, PIECE, Measure, Proven, measured, proven_whole

SIZES = (0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 6 * PIECE + 77)


@pytest.mark.parametrize("size", SIZES)
def test_any_part_is_what_the_file_has(size: int) -> None:
    data = os.urandom(size)
    content = measured(io.BytesIO(data))
    assert (content.size, content.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert content.pieces is not None and len(content.pieces) == 1 + HASH * -(-size // PIECE)
    file, dice = Proven(io.BytesIO(data), content), random.Random(size)
    assert file.seek(0, os.SEEK_END) == size
    edges = [n for at in (0, PIECE, 2 * PIECE, size) for n in (at - 1, at, at + 1) if n >= 0]
    for at in (*edges, *(dice.randrange(size + 10) for _ in range(20))):
        file.seek(at)
        assert file.read(70_000) == data[at : at + 70_000][: PIECE - at % PIECE]
        assert len(file._read) <= KEPT
    assert proven_whole(io.BytesIO(data), content).read() == data


def test_measured_in_any_portions_it_is_the_same() -> None:
    data, dice = os.urandom(2 * PIECE + 4711), random.Random(1)
    measure, at = Measure(), 0
    while at < len(data):
        step = dice.choice((1, 100, 65_552, PIECE, 2 * PIECE))
        measure.update(data[at : at + step])
        at += step
    assert measure.content() == measured(io.BytesIO(data))


@pytest.mark.parametrize("where", [0, PIECE - 1, PIECE, 3 * PIECE - 1, 3 * PIECE, -1])
def test_one_bit_is_another_piece(where: int) -> None:
    data = bytearray(os.urandom(3 * PIECE + 100))
    content = measured(io.BytesIO(bytes(data)))
    data[where] ^= 1
    file, wrong = Proven(io.BytesIO(bytes(data)), content), (where % len(data)) // PIECE
    for number in range(4):
        file.seek(number * PIECE)
        if number == wrong:
            with pytest.raises(NotAsRecorded, match=f"part {wrong + 1} of 4"):
                file.read(10)
        else:
            assert file.read(10) == data[number * PIECE : number * PIECE + 10]
    with pytest.raises(NotAsRecorded, match="SHA-256"):
        proven_whole(io.BytesIO(bytes(data)), content)
    with pytest.raises(NotAsRecorded, match="SHA-256"):
        Proven(io.BytesIO(bytes(data)), without_pieces(content))


@pytest.mark.parametrize("more", [-1, 1, PIECE])
def test_another_size_is_seen_before_anything_is_read(more: int) -> None:
    data = os.urandom(2 * PIECE)
    content = measured(io.BytesIO(data))
    other = data[:more] if more < 0 else data + bytes(more)
    for read in (Proven, proven_whole):
        with pytest.raises(NotAsRecorded, match="size"):
            read(io.BytesIO(other), content)


def test_two_pieces_that_changed_places() -> None:
    one, two = os.urandom(PIECE), os.urandom(PIECE)
    file = Proven(io.BytesIO(two + one), measured(io.BytesIO(one + two)))
    with pytest.raises(NotAsRecorded):
        file.read(1)


def test_shorter_by_now_it_is_another_one() -> None:
    lies = io.BytesIO(os.urandom(3 * PIECE))
    file = Proven(lies, measured(lies))
    lies.truncate(2 * PIECE + 5)
    file.seek(2 * PIECE)
    with pytest.raises(NotAsRecorded):
        file.read(1)


class Turncoat(io.BytesIO):
    """Gives what it has when it is read at a place for the first time, and something else from then on."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.seen: set[int] = set()

    def read(self, size: int | None = -1) -> bytes:
        at = self.tell()
        data = super().read(size)
        if at in self.seen:
            return bytes(len(data))
        self.seen.add(at)
        return data


def test_what_is_handed_on_is_what_was_compared() -> None:
    data = os.urandom(3 * PIECE)
    content = measured(io.BytesIO(data))
    assert proven_whole(Turncoat(data), content).read() == data
    file = Proven(Turncoat(data), content)
    assert b"".join(iter(lambda: file.read(PIECE), b"")) == data
    with pytest.raises(NotAsRecorded):
        Proven(Turncoat(data), without_pieces(content)).read(1)


def test_hashed_whole_once_it_has_pieces_from_then_on() -> None:
    lies = io.BytesIO(os.urandom(3 * PIECE))
    content = measured(lies)
    file = Proven(lies, without_pieces(content))
    assert file.content == content
    lies.seek(PIECE)
    lies.write(b"another")
    file.seek(PIECE)
    with pytest.raises(NotAsRecorded, match="part 2 of 3"):
        file.read(1)


@pytest.mark.parametrize("pieces", [b"", b"\x12", bytes([BITS]) + bytes(16), bytes([63]) + bytes(48), bytes([BITS]) + bytes(64)])
def test_a_row_whose_pieces_are_none(pieces: bytes) -> None:
    lies = io.BytesIO(os.urandom(3 * PIECE))
    with pytest.raises(NotAsRecorded):
        Proven(lies, replace(measured(lies), pieces=pieces)).read(1)
