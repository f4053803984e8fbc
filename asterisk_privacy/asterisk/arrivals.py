"""Reads a socket now and then, and knows all the same when what it read arrived: the kernel notes that with each piece (socket(7),
SO_TIMESTAMPNS). So audio is dated well by a daemon that looks five times a second, or was kept from looking.

The kernel's clock is the wall clock, which may be set. So its note is believed only if it lies between the last reading, which left nothing
behind, and this one, and if the clock was not set in between. Else all counts as having arrived now: late, but never too early.
"""

from __future__ import annotations

import socket
import struct
import time

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h, also on x86; the module socket does not have it
_STAMP = struct.Struct("@ll")  # struct timespec
_NOTES = socket.CMSG_SPACE(_STAMP.size)
_SAME_CLOCK = 0.002  # seconds that the two clocks may move against each other between readings


class Arrivals:
    """Takes over `connection`, which does not block. OSError where the kernel makes no such notes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._read_at = time.monotonic()
        self._apart = time.time() - self._read_at

    def read(self, size: int) -> tuple[bytes, float]:
        """At most `size` bytes, none at the end of the stream, and when the last of them arrived, at the latest, on the monotonic clock.
        BlockingIOError when nothing is there."""
        data, notes, _, _ = self._connection.recvmsg(size, _NOTES)
        now, before = time.monotonic(), self._read_at
        apart = time.time() - now
        same_clock = abs(apart - self._apart) < _SAME_CLOCK
        self._read_at, self._apart = now, apart
        if same_clock and len(data) < size:
            for level, kind, note in notes:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(note) >= _STAMP.size:
                    seconds, nanoseconds = _STAMP.unpack_from(note)
                    arrived = seconds + nanoseconds / 1e9 - apart
                    if before - _SAME_CLOCK <= arrived <= now:
                        return data, arrived
        return data, now

    def close(self) -> None:
        self._connection.close()
