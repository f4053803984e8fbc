"""Reads a socket now and then, and knows all the same when what it read arrived: the kernel notes that with each piece (socket(7),
SO_TIMESTAMPNS). So audio is dated well by a daemon that looks five times a second, or was kept from looking.
"""

from __future__ import annotations

import socket
import struct

from asterisk_privacy.asterisk.kernel_clock import KernelClock

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h, also on x86; the module socket does not have it
_STAMP = struct.Struct("@ll")  # struct timespec
_NOTES = socket.CMSG_SPACE(_STAMP.size)


class Arrivals:
    """Takes over `connection`, which does not block. OSError where the kernel makes no such notes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._clock = KernelClock()

    def read(self, size: int) -> tuple[bytes, float]:
        """At most `size` bytes, none at the end of the stream, and when the last of them arrived, at the latest, on the monotonic clock.
        BlockingIOError when nothing is there."""
        data, notes, _, _ = self._connection.recvmsg(size, _NOTES)
        self._clock.look()
        if len(data) < size:
            for level, kind, note in notes:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(note) >= _STAMP.size:
                    return data, self._clock.came(*_STAMP.unpack_from(note))
        return data, self._clock.now

    def close(self) -> None:
        self._connection.close()
