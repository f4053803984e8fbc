"""Where a channel's voice reaches this machine: two questions to Asterisk, each answered in under a millisecond (seen on 22.10.1)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from asterisk_privacy.asterisk.ari import Ari

_QUESTION: Final = (
    "EVAL(${CHANNEL(rtp,src)} ${CHANNEL(rtp,dest)} ${CHANNEL(rtp,direct)} ${CHANNEL(rtp,secure)} ${CHANNEL(audionativeformat)})"
)
"""Functions of chan_pjsip; a channel of another kind refuses them."""
_ROOMS: Final = frozenset({"confbridge", "meetme", "page"})
"""Applications in which Asterisk mutes who waits for others or presses a key. A snoop is silent then; the packets are not."""


class Why(StrEnum):
    """Why a party is heard through a snoop and not on the wire, in words. The first six are Asterisk's answers."""

    NOT_PJSIP = "not a PJSIP channel with RTP"
    ENCIPHERED = "its RTP is enciphered"
    DIRECT = "its RTP does not come through Asterisk"
    CODEC = "its codec is not G.711"
    NO_IPV4 = "its RTP has no IPv4 address"
    ROOM = "it is in a room, where Asterisk may mute it"
    NO_ANSWER = "Asterisk did not say where its RTP comes to"
    QUIET = "nothing is heard of it on this machine"
    ELSEWHERE = "its RTP comes from another address than Asterisk knows"
    PAYLOAD = "its RTP has a payload type that is not G.711"
    TOO_LONG = "its packets are too long"
    UNCLEAR = "its packets do not fit their timestamps"
    UNSTEADY = "its RTP changes its source or the length of its packets again and again"
    KNOWN = "the wire did not do for this channel before"
    FULL = "as many parties are heard on the wire as can be"
    PORT_TAKEN = "Asterisk gave its port to another channel"
    KERNEL = "the kernel refused the ports to listen to"


@dataclass(frozen=True, slots=True)
class Place:
    """`port`: Asterisk's; `sender`: the phone's address and port, as they stand in a packet: 6 bytes.

    Which of this machine's addresses the phone sends to is nobody's choice but the phone's: Asterisk listens on all of them.
    """

    port: int
    sender: bytes


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Its voice is not heard on the wire of this machine, or not in clear."""

    why: Why


async def ask(ari: Ari, channel: str) -> Place | Elsewhere:
    """AriRefused or AriUnreachable where Asterisk does not answer."""
    where = understood(await ari.variable(channel, _QUESTION) or "")
    if isinstance(where, Place):
        application = await ari.application(channel)
        if application is None or application.lower() in _ROOMS:
            return Elsewhere(Why.ROOM)
    return where


def understood(answer: str) -> Place | Elsewhere:
    """`answer`: local address, the phone's, the phone's if they speak directly, whether it is enciphered, codecs as in "(ulaw|alaw)"."""
    words = answer.split()
    if len(words) != 5:
        return Elsewhere(Why.NOT_PJSIP)
    here, there, direct, secure, codecs = words
    if secure != "0":
        return Elsewhere(Why.ENCIPHERED)
    if _split(direct) is not None:
        return Elsewhere(Why.DIRECT)
    if not set(codecs.strip("()").split("|")) <= {"ulaw", "alaw"}:
        return Elsewhere(Why.CODEC)
    local, remote = _split(here), _split(there)
    if local is None or remote is None:
        return Elsewhere(Why.NO_IPV4)
    return Place(local[1], remote[0] + remote[1].to_bytes(2, "big"))


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
