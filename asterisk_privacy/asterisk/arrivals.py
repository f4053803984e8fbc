"""Reads a socket now and then, and knows all the same when what it read arrived: the kernel notes that with each piece (socket(7),
SO_TIMESTAMPNS). So audio is dated well by a daemon that looks five times a second, or was kept from looking.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

from asterisk_privacy.asterisk.kernel_clock import KernelClock

_SO_TIMESTAMPNS = 35  # asm-generic/socket.h, also on x86; the module socket does not have it
_STAMP = struct.Struct("@ll")  # struct timespec
_NOTES = socket.CMSG_SPACE(_STAMP.size)
_MOST_PIECES = 64
"""Of one reading. A peer that never stops sending must not be all that is read."""


class Arrivals:
    """Takes over `connection`, which does not block. OSError where the kernel makes no such notes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._clock = KernelClock()

    def read(self, size: int) -> tuple[bytes, float]:
        """All that has arrived, nothing at the end of the stream, and when the last of it arrived, at the latest, on the monotonic clock.

        BlockingIOError when nothing is there. `size`: of a piece; there is more than one for who was kept from looking.
        """
        data, notes, _, _ = self._connection.recvmsg(size, _NOTES)
        pieces = [data]
        while len(pieces[-1]) == size:
            if len(pieces) == _MOST_PIECES:  # there may be more, and then the note may be of a part of it
                notes = []
                break
            try:
                data, notes, _, _ = self._connection.recvmsg(size, _NOTES)
            except BlockingIOError:
                break
            pieces.append(data)
        self._clock.look()
        return b"".join(pieces) if len(pieces) > 1 else pieces[0], self._arrived(notes)

    def _arrived(self, notes: Iterable[tuple[int, int, bytes]]) -> float:
        for level, kind, note in notes:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(note) >= _STAMP.size:
                return self._clock.came(*_STAMP.unpack_from(note))
        return self._clock.now

    def close(self) -> None:
        self._connection.close()
