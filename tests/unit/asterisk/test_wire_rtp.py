from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rtp_bytes import rtp_bytes

from asterisk_privacy.asterisk.wire.rtp import Packet, parse

VOICE = bytes(range(160))


def test_a_plain_packet() -> None:
    packet = parse(rtp_bytes(VOICE, 7, 0xFFFFFFF0, 0xDEADBEEF, 8, marker=True), 1.5)
    assert packet == Packet(1.5, 8, 7, 0xFFFFFFF0, 0xDEADBEEF, VOICE)


@given(
    contributing=st.lists(st.integers(0, 0xFFFFFFFF), max_size=15),
    extension=st.none() | st.integers(0, 20).map(lambda words: bytes(4 * words)),
    padding=st.integers(0, 255),
    payload=st.binary(max_size=320),
)
def test_the_payload_is_found_whatever_stands_around_it(
    contributing: list[int], extension: bytes | None, padding: int, payload: bytes
) -> None:
    data = rtp_bytes(payload, contributing=contributing, extension=extension, padding=padding)
    packet = parse(data, 0.0)
    assert packet is not None
    assert packet.payload == payload


@pytest.mark.parametrize("kind", range(192, 224))
def test_rtcp_on_the_same_port_is_none(kind: int) -> None:
    """Reports (200 to 204), feedback (205, 206), extended reports (207), and what else may come: RFC 5761, 4."""
    assert parse(struct.pack(">BBHI", 0x80, kind, 6, 1) + bytes(20), 0.0) is None


@pytest.mark.parametrize("kind", [0, 8, 9, 13, 18, 34, 63, 96, 101, 127])
def test_payload_types_that_are_told_apart_from_it(kind: int) -> None:
    for marker in (False, True):
        packet = parse(rtp_bytes(VOICE, kind=kind, marker=marker), 0.0)
        assert packet is not None
        assert packet.kind == kind


@pytest.mark.parametrize(
    "data",
    [
        b"",
        rtp_bytes(b"")[:11],
        b"\x00\x01" + bytes(18),  # STUN
        b"\x16\xfe\xfd" + bytes(20),  # DTLS
        b"\x40" + rtp_bytes(VOICE)[1:],
        b"\xc0" + rtp_bytes(VOICE)[1:],
        b"\x8f" + rtp_bytes(bytes(30))[1:],  # fifteen contributors, for which there is no room
        rtp_bytes(b"", extension=bytes(8))[:15],  # in the middle of the extension's own header
        rtp_bytes(b"", extension=bytes(8))[:20],
        rtp_bytes(b"1234", padding=3)[:-1] + b"\x08",  # more padding than there is
    ],
)
def test_what_is_no_rtp(data: bytes) -> None:
    assert parse(data, 0.0) is None


@given(data=st.binary(max_size=120))
@example(data=b"\xbf" + bytes(11) + b"\xff")
def test_any_bytes_are_read_without_a_word(data: bytes) -> None:
    packet = parse(data, 0.0)
    if packet is not None:
        assert packet.payload in data
        assert 12 + len(packet.payload) <= len(data)
