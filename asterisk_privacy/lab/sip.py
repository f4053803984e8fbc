"""SIP messages and SDP as plain values: parsed, made, never sent here. As much of RFC 3261 and 4566 as Asterisk asks of a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_COMPACT: Final = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type"}
EVENT_PAYLOAD: Final = 101
"""RTP payload type that this phone offers for telephone-events (RFC 4733)."""


class SipError(Exception):
    """A message that cannot be understood, or a request that failed; says which."""


@dataclass(slots=True)
class Message:
    """A request or a response. Header names compare without case; the order of headers is kept (Via, Record-Route)."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> Message:
        head, separator, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        lines = head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
        if not separator or "SIP/2.0" not in lines[0]:
            raise SipError(f"not a SIP message: {lines[0][:80]!r}")
        headers: list[tuple[str, str]] = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise SipError(f"header without a colon: {line[:80]!r}")
            name = name.strip()
            headers.append((_COMPACT.get(name.lower(), name), value.strip()))
        return cls(lines[0], headers, body)

    def render(self) -> bytes:
        body = self.body.encode()
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def status(self) -> int | None:
        """Of a response; None for a request."""
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else None

    @property
    def method(self) -> str:
        """Of the request, or of the request that this response answers."""
        return self.start.split()[0] if self.status is None else self.get("CSeq").split()[-1]

    @property
    def cseq(self) -> int:
        return int(self.get("CSeq").split()[0])

    @property
    def branch(self) -> str:
        return parameter(self.get("Via"), "branch")

    def __str__(self) -> str:
        what = self.start.removesuffix(" SIP/2.0").removeprefix("SIP/2.0 ")
        return what if self.status is None else f"{what} ({self.get('CSeq')})"


def parameter(header: str, name: str) -> str:
    """`tag` of `<sip:a@b;x=1>;tag=abc` (header parameters, not those of the URI)."""
    for part in header.rpartition(">")[2].split(";"):
        key, _, value = part.strip().partition("=")
        if key.lower() == name:
            return value
    return ""


def uri(header: str) -> str:
    """The URI of a From, To, Contact or Route header."""
    inside = header.partition("<")[2].partition(">")[0]
    return inside or header.partition(";")[0].strip()


def response(request: Message, status: int, reason: str, to_tag: str, extra: Iterable[tuple[str, str]] = (), body: str = "") -> Message:
    to = request.get("To")
    if to_tag and not parameter(to, "tag"):
        to = f"{to};tag={to_tag}"
    headers = [("Via", via) for via in request.all("Via")]
    headers += [("Record-Route", route) for route in request.all("Record-Route")]
    headers += [("From", request.get("From")), ("To", to), ("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq")), *extra]
    if body:
        headers.append(("Content-Type", "application/sdp"))
    return Message(f"SIP/2.0 {status} {reason}", headers, body)


class Direction(StrEnum):
    """As said by the one who writes the SDP."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    def answered(self) -> Direction:
        """What the other side answers when it has no wish of its own."""
        return {Direction.SENDONLY: Direction.RECVONLY, Direction.RECVONLY: Direction.SENDONLY}.get(self, self)

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)


_DIRECTIONS: Final = frozenset(direction.value for direction in Direction)


@dataclass(frozen=True, slots=True)
class Sdp:
    """One audio stream.

    `codecs` are (payload type, name as in rtpmap) in order of preference, telephone-event left out. `crypto`: the value of a=crypto.
    """

    address: str
    port: int
    codecs: tuple[tuple[int, str], ...]
    direction: Direction = Direction.SENDRECV
    event_payload: int | None = None
    session: int = 1
    version: int = 1
    crypto: str = ""
    packet_ms: int = 20

    @classmethod
    def parse(cls, text: str) -> Sdp:
        address, port, payloads, direction, crypto = "", 0, list[int](), Direction.SENDRECV, ""
        maps = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}
        for line in text.splitlines():
            kind, _, value = line.partition("=")
            if kind == "c":
                address = value.split()[-1]
            elif kind == "m" and value.startswith("audio "):
                fields = value.split()
                port, payloads = int(fields[1]), [int(p) for p in fields[3:]]
            elif kind == "a" and value.startswith("rtpmap:"):
                number, _, name = value.removeprefix("rtpmap:").partition(" ")
                maps[int(number)] = name
            elif kind == "a" and value.startswith("crypto:") and not crypto:
                crypto = value.removeprefix("crypto:")
            elif kind == "a" and value in _DIRECTIONS:
                direction = Direction(value)
        if not payloads:
            raise SipError("SDP without audio")
        named = [(p, maps[p]) for p in payloads if p in maps]
        events = [p for p, name in named if name.lower().startswith("telephone-event")]
        codecs = tuple((p, name) for p, name in named if not name.lower().startswith("telephone-event"))
        return cls(address, port, codecs, direction, events[0] if events else None, crypto=crypto)

    def render(self) -> str:
        payloads = [p for p, _ in self.codecs] + ([self.event_payload] if self.event_payload is not None else [])
        lines = [
            "v=0",
            f"o=- {self.session} {self.version} IN IP4 127.0.0.1",
            "s=lab",
            f"c=IN IP4 {self.address}",
            "t=0 0",
            f"m=audio {self.port} RTP/{'SAVP' if self.crypto else 'AVP'} {' '.join(map(str, payloads))}",
            *([f"a=crypto:{self.crypto}"] if self.crypto else []),
            *(f"a=rtpmap:{p} {name}" for p, name in self.codecs),
        ]
        if self.event_payload is not None:
            lines += [f"a=rtpmap:{self.event_payload} telephone-event/8000", f"a=fmtp:{self.event_payload} 0-16"]
        return "\r\n".join([*lines, f"a=ptime:{self.packet_ms}", f"a={self.direction}", ""])

    @property
    def holds(self) -> bool:
        """The writer will not listen (a=sendonly, a=inactive) or gave the old null address."""
        return self.address == "0.0.0.0" or self.direction in (Direction.SENDONLY, Direction.INACTIVE)


@dataclass(slots=True)
class Dialog:
    """Who talks to whom, for one call: what every request inside it repeats (RFC 3261, 12)."""

    call_id: str
    local: str
    """URI of this side, with brackets."""
    remote: str
    target: str
    """Request URI for the next request."""
    local_tag: str
    remote_tag: str = ""
    routes: Sequence[str] = ()
    cseq: int = 0

    def request(self, method: str, via: str, contact: str, cseq: int | None = None) -> Message:
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        to = f"{self.remote};tag={self.remote_tag}" if self.remote_tag else self.remote
        headers = [
            ("Via", via),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self.routes),
            ("From", f"{self.local};tag={self.local_tag}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", contact),
        ]
        return Message(f"{method} {self.target} SIP/2.0", headers)
