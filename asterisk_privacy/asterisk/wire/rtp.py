"""The header of an RTP packet (RFC 3550, 5.1), and what its payload is."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

PCMU: Final = 0
PCMA: Final = 8
COMFORT_NOISE: Final = 13
FIRST_DYNAMIC: Final = 96
EVENT_BYTES: Final = 4
"""Of a telephone-event (RFC 4733, 2.3)."""

_FIXED: Final = struct.Struct(">BBHII")
_WORD: Final = struct.Struct(">HH")
_HALF: Final = 1 << 31


class Unfit(Exception):
    """This stream has sound that is not read here; in words."""


class Packet(NamedTuple):
    arrived: float  # monotonic seconds
    kind: int  # payload type
    sequence: int
    timestamp: int
    source: int  # SSRC
    payload: bytes


def parse(data: bytes, arrived: float) -> Packet | None:
    """None: no RTP."""
    if len(data) < _FIXED.size:
        return None
    first, second, sequence, timestamp, source = _FIXED.unpack_from(data)
    kind = second & 0x7F
    if first >> 6 != 2 or 64 <= kind <= 95:  # another version, or RTCP on the same port (RFC 5761, 4: 192 to 223)
        return None
    begin = _FIXED.size + 4 * (first & 0x0F)
    if first & 0x10:
        if len(data) < begin + _WORD.size:
            return None
        begin += _WORD.size + 4 * _WORD.unpack_from(data, begin)[1]
    end = len(data) - (data[-1] if first & 0x20 else 0)
    if end < begin:
        return None
    return Packet(arrived, kind, sequence, timestamp, source, data[begin:end])


def is_sound(packet: Packet) -> bool:
    """Of G.711. Raises Unfit for sound of another kind."""
    kind = packet.kind
    if kind in (PCMU, PCMA):
        return bool(packet.payload)
    if kind == COMFORT_NOISE or (kind >= FIRST_DYNAMIC and len(packet.payload) == EVENT_BYTES):
        return False  # silence, or a key
    raise Unfit(f"RTP payload type {kind} is not G.711")


def apart(timestamp: int, origin: int) -> int:
    """Of 32 bits that go round, as a number with a sign."""
    return ((timestamp - origin + _HALF) & 0xFFFFFFFF) - _HALF


def after(sequence: int, before: int) -> int:
    """Of 16 bits that go round, as a number with a sign."""
    return ((sequence - before + 0x8000) & 0xFFFF) - 0x8000
