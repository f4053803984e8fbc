"""systemd's notify socket: told what it must know, and never waited for while it does not read."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asterisk_privacy.daemon.notify import WAIT_SECONDS, notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield receiver


def queue(systemd: socket.socket) -> int:
    """Fills it; how many it took. By many senders: where a queue is long (512 under systemd), one's own buffer is full before."""
    filled = 0
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.connect(systemd.getsockname())
            before = filled
            with contextlib.suppress(BlockingIOError):
                while filled < 100_000:
                    sender.send(b"x")
                    filled += 1
        assert filled < 100_000, "a queue without an end"
        if filled == before:
            return filled


def test_a_systemd_that_does_not_read_stops_nobody(systemd: socket.socket) -> None:
    queue(systemd)
    told = threading.Thread(target=lambda: [notify("WATCHDOG=1") for _ in range(20)], daemon=True)
    told.start()
    told.join(20)
    assert not told.is_alive()


def test_what_it_must_know_waits_for_it_a_little(systemd: socket.socket) -> None:
    filled = queue(systemd)
    ready = threading.Thread(target=lambda: notify("READY=1"), daemon=True)
    ready.start()
    for _ in range(filled):
        assert systemd.recv(100) == b"x"
    assert systemd.recv(100) == b"READY=1"
    queue(systemd)
    began = time.monotonic()
    notify("STOPPING=1")
    assert time.monotonic() - began >= WAIT_SECONDS * 0.9


def test_outside_of_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
