"""When what was read had arrived, by the kernel's notes; and when they are not to be believed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from asterisk_privacy.asterisk import arrivals as arrivals_module
from asterisk_privacy.asterisk.arrivals import Arrivals

Pair = tuple[socket.socket, Arrivals]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as far:
        near, _ = server.accept()
        near.setblocking(False)
        arrivals = Arrivals(near)
        yield far, arrivals
        arrivals.close()


def test_the_newest_piece_counts(pair: Pair) -> None:
    far, arrivals = pair
    far.send(b"a" * 300)
    time.sleep(0.05)
    sent = time.monotonic()
    far.send(b"b" * 300)
    time.sleep(0.1)
    data, arrived = arrivals.read(4096)
    assert len(data) == 600
    assert sent - 0.005 <= arrived <= sent + 0.05


def test_nothing_there_and_the_end(pair: Pair) -> None:
    far, arrivals = pair
    with pytest.raises(BlockingIOError):
        arrivals.read(4096)
    far.close()
    time.sleep(0.01)
    assert arrivals.read(4096)[0] == b""


@pytest.mark.parametrize("size", [100, 150, 599, 600])
def test_more_than_a_piece_is_read_whole_and_its_newest_counts(pair: Pair, size: int) -> None:
    """By whoever was kept from looking for seconds."""
    far, arrivals = pair
    far.send(b"a" * 300)
    time.sleep(0.05)
    sent = time.monotonic()
    far.send(b"b" * 300)
    time.sleep(0.1)
    data, arrived = arrivals.read(size)
    assert data == b"a" * 300 + b"b" * 300
    assert sent - 0.005 <= arrived <= sent + 0.05
    with pytest.raises(BlockingIOError):
        arrivals.read(size)


def test_what_is_left_of_too_much_counts_as_arrived_now(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its note may be of the piece that was read in part, or of one before."""
    far, arrivals = pair
    monkeypatch.setattr(arrivals_module, "_MOST_PIECES", 2)
    far.send(b"a" * 300)
    time.sleep(0.05)
    for _ in range(2):
        before = time.monotonic()
        data, arrived = arrivals.read(75)
        assert len(data) == 150
        assert arrived >= before


@pytest.mark.parametrize("step", [3600.0, 0.08, 0.04, -0.04, -3600.0])
def test_a_clock_that_was_set_is_not_believed(pair: Pair, step: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set forward, what is late would seem early: a frame of a hold would count as spoken before it."""
    far, arrivals = pair
    wall = time.time
    far.send(b"a" * 300)
    time.sleep(0.1)
    monkeypatch.setattr(time, "time", lambda: wall() + step)
    before = time.monotonic()
    assert arrivals.read(4096)[1] >= before
    sent = time.monotonic()
    far.send(b"b" * 300)
    time.sleep(0.1)
    monkeypatch.setattr(time, "time", wall)  # the kernel's notes are of the true clock: put ours back, and that is a step again
    assert arrivals.read(4096)[1] >= sent + 0.1
    sent = time.monotonic()
    far.send(b"c" * 300)
    time.sleep(0.1)
    assert arrivals.read(4096)[1] <= sent + 0.05
