"""A server that does not answer (stopped, cut off) must not hold up whoever writes: its connection is closed under the waiting thread."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg


@contextmanager
def closed_after(seconds: float | None, connection: psycopg.Connection[Any]) -> Iterator[None]:
    """What waits for the server's answer longer than that fails as after a lost connection. None: it waits."""
    if seconds is None:
        yield
        return
    descriptor = os.dup(connection.fileno())  # ours, so that no other file can have got the number meanwhile
    timer = threading.Timer(seconds, _shut, (descriptor,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        os.close(descriptor)


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as server:
        server.shutdown(socket.SHUT_RDWR)
