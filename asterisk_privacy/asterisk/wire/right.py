"""Laying down CAP_NET_RAW (capabilities(7)): once the ring is open nothing in this process may open another."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

CAP_NET_RAW: Final = 13
_HEADER: Final = struct.pack("@Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
_SETS: Final = struct.Struct("@6I")  # effective, permitted, inheritable; then the same of the capabilities from 32 on


def lay_down() -> None:
    """For this thread and those that it starts: call it before there are others. OSError if the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    sets = ctypes.create_string_buffer(_SETS.size)
    header = ctypes.create_string_buffer(_HEADER, len(_HEADER))
    if libc.capget(header, sets):
        raise _error()
    low, high = _SETS.unpack(sets.raw)[:3], _SETS.unpack(sets.raw)[3:]
    without = [held & ~(1 << CAP_NET_RAW) for held in low]
    if libc.capset(header, _SETS.pack(*without, *high)):
        raise _error()


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
