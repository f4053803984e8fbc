"""A server that does not answer (stopped, cut off) must not hold up whoever writes: its connection is closed under the waiting thread."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import psycopg


class Patience:
    """For one connection at a time. `seconds`: None waits as long as it takes. One thread watches for all that is ever asked: a thread for
    each question cost more than the question."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._changed = threading.Condition()
        self._until = 0.0
        self._watched: int | None = None  # a descriptor of ours, so that no other file can have got the number meanwhile
        self._asleep = False  # until somebody is waited for
        self._thread: threading.Thread | None = None
        self._over = False

    @contextmanager
    def closed_after(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """What waits for the server's answer longer than that fails as after a lost connection."""
        if self._seconds is None:
            yield
            return
        descriptor = os.dup(connection.fileno())
        with self._changed:
            self._watched, self._until = descriptor, monotonic() + self._seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="registry patience", daemon=True)
                self._thread.start()
            elif self._asleep:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._watched = None
            os.close(descriptor)

    def end(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._over:
                if self._watched is None:
                    self._asleep = True
                    self._changed.wait()
                    self._asleep = False
                elif (left := self._until - monotonic()) > 0:
                    self._changed.wait(left)  # what was asked and answered meanwhile wakes nobody: its end is later
                else:
                    with socket.socket(fileno=os.dup(self._watched)) as server:
                        server.shutdown(socket.SHUT_RDWR)
                    self._watched = None
