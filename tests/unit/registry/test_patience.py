"""A server that does not answer is cut off in time, each time, and one that does never."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any, cast

import pytest

from asterisk_privacy.registry.patience import Patience


@pytest.fixture
def line() -> Iterator[tuple[Any, socket.socket]]:
    """This end, as a connection, and the server's."""
    here, there = socket.socketpair()
    with here, there:
        yield cast(Any, here), there


def waited(patience: Patience, line: tuple[Any, socket.socket]) -> float:
    """Seconds until the connection was cut under who waits for it."""
    began = monotonic()
    with patience.closed_after(line[0]):
        line[0].settimeout(5)
        assert line[0].recv(1) == b""
    return monotonic() - began


def test_who_waits_is_cut_off_after_that_time_and_not_before(line: tuple[Any, socket.socket]) -> None:
    assert 0.1 <= waited(Patience(0.1), line) < 2


def test_answers_in_time_postpone_the_end_each_time(line: tuple[Any, socket.socket]) -> None:
    patience = Patience(0.2)
    for _ in range(15):  # longer than its patience in all
        with patience.closed_after(line[0]):
            sleep(0.02)
    sleep(0.25)  # nobody waits
    line[1].send(b"x")
    assert line[0].recv(1) == b"x", "it was not cut"
    assert 0.2 <= waited(patience, line) < 2


def test_one_thread_watches_however_much_is_asked_and_goes_with_the_connection(line: tuple[Any, socket.socket]) -> None:
    patience = Patience(10)
    for _ in range(50):
        with patience.closed_after(line[0]):
            pass
    mine = [thread for thread in threading.enumerate() if thread.name == "registry patience" and thread is patience._thread]
    assert len(mine) == 1
    patience.end()
    mine[0].join(5)
    assert not mine[0].is_alive()


def test_without_a_limit_nothing_is_watched(line: tuple[Any, socket.socket]) -> None:
    patience = Patience(None)
    with patience.closed_after(line[0]):
        assert patience._thread is None
