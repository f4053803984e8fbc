"""Packets of a phone, as they stand on the wire (RFC 3550, 5.1)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from asterisk_privacy.asterisk.wire.rtp import PCMU


def rtp_bytes(
    payload: bytes,
    sequence: int = 1,
    timestamp: int = 160,
    source: int = 0x5EED,
    kind: int = PCMU,
    *,
    marker: bool = False,
    contributing: Sequence[int] = (),
    extension: bytes | None = None,
    padding: int = 0,
) -> bytes:
    """`extension`: whole words, which a header of its own precedes; `padding`: bytes behind the payload, the last of which says so."""
    first = 0x80 | bool(padding) << 5 | (extension is not None) << 4 | len(contributing)
    head = struct.pack(">BBHII", first, marker << 7 | kind, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, source)
    more = b"".join(struct.pack(">I", one) for one in contributing)
    if extension is not None:
        more += struct.pack(">HH", 0xBEDE, len(extension) // 4) + extension
    return head + more + payload + (bytes(padding - 1) + bytes([padding]) if padding else b"")
