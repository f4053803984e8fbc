"""Where a channel's voice reaches this machine: two questions to Asterisk, each answered in under a millisecond (seen on 22.10.1)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from asterisk_privacy.asterisk.ari import Ari

_QUESTION: Final = (
    "EVAL(${CHANNEL(rtp,src)} ${CHANNEL(rtp,dest)} ${CHANNEL(rtp,direct)} ${CHANNEL(rtp,secure)} ${CHANNEL(audionativeformat)})"
)
"""Functions of chan_pjsip; a channel of another kind refuses them."""
_ROOMS: Final = frozenset({"confbridge", "meetme", "page"})
"""Applications in which Asterisk mutes who waits for others or presses a key. A snoop is silent then; the packets are not."""


@dataclass(frozen=True, slots=True)
class Place:
    """`port`: Asterisk's; `addresses`: the phone's address, Asterisk's, and the phone's port, as they stand in a packet: 10 bytes."""

    port: int
    addresses: bytes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Its voice is not heard on the wire of this machine, or not in clear; why, in words."""

    why: str


async def ask(ari: Ari, channel: str) -> Place | Elsewhere:
    """AriRefused or AriUnreachable where Asterisk does not answer."""
    where = understood(await ari.variable(channel, _QUESTION) or "")
    if isinstance(where, Place):
        application = await ari.application(channel)
        if application is None or application.lower() in _ROOMS:
            return Elsewhere("it is in a room, where Asterisk may mute it")
    return where


def understood(answer: str) -> Place | Elsewhere:
    """`answer`: local address, the phone's, the phone's if they speak directly, whether it is enciphered, codecs as in "(ulaw|alaw)"."""
    words = answer.split()
    if len(words) != 5:
        return Elsewhere("not a PJSIP channel with RTP")
    here, there, direct, secure, codecs = words
    if secure != "0":
        return Elsewhere("its RTP is enciphered")
    if _split(direct) is not None:
        return Elsewhere("its RTP does not come through Asterisk")
    if not set(codecs.strip("()").split("|")) <= {"ulaw", "alaw"}:
        return Elsewhere("its codec is not G.711")
    local, remote = _split(here), _split(there)
    if local is None or remote is None:
        return Elsewhere("its RTP has no IPv4 address")
    return Place(local[1], remote[0] + local[0] + remote[1].to_bytes(2, "big"))


def _split(address: str) -> tuple[bytes, int] | None:
    """Of "192.0.2.7:4000"; None for anything else, for 0.0.0.0, and for no port at all."""
    host, _, port = address.rpartition(":")
    try:
        packed = ipaddress.IPv4Address(host).packed
    except ValueError:
        return None
    if not any(packed) or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        return None
    return packed, int(port)
