"""SIP over UDP: what is lost is sent again (RFC 3261, 17), what comes twice is answered twice and told once."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from asterisk_privacy.lab.sip import Message, SipError

T1: Final = 0.5
T2: Final = 4.0
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Traced:
    at: float
    """`time.monotonic()`"""
    sent: bool
    message: Message

    def __str__(self) -> str:
        return f"{self.at:.3f} {'->' if self.sent else '<-'} {self.message}"


@dataclass(slots=True)
class _Pending:
    final: asyncio.Future[Message]
    provisional: Callable[[Message], None]
    proceeding: bool = False


class Wire(asyncio.DatagramProtocol):
    """One UDP port. `on_request` gets each new request once, ACKs always; `on_repeat` gets a 2xx to INVITE that came again."""

    def __init__(self, host: str, port: int, on_request: Callable[[Message], None], on_repeat: Callable[[Message], None]) -> None:
        self.host = host
        self.port = port
        self.trace: list[Traced] = []
        self.unread: list[str] = []
        """Why datagrams were not understood."""
        self._on_request = on_request
        self._on_repeat = on_repeat
        self._transport: asyncio.DatagramTransport | None = None
        self._pending: dict[tuple[str, str], _Pending] = {}
        self._answers: dict[tuple[str, str], Message] = {}
        self._senders: dict[tuple[str, str], Address] = {}
        self._closed = asyncio.Event()
        self._branches = itertools.count(time.monotonic_ns())

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, self.port))
        self.port = self._transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        """The port is free again when this returns."""
        for pending in self._pending.values():
            pending.final.cancel()
        if self._transport is not None:
            self._transport.close()
            await self._closed.wait()

    def via(self) -> str:
        """A Via header with a fresh branch."""
        return f"SIP/2.0/UDP {self.host}:{self.port};branch=z9hG4bK{next(self._branches):x};rport"

    def send(self, message: Message, to: Address) -> float:
        """Once, with no wish for an answer. Returns when it left."""
        if self._transport is None or self._transport.is_closing():
            raise SipError(f"the phone is closed; cannot send {message}")
        now = time.monotonic()
        self.trace.append(Traced(now, True, message))
        self._transport.sendto(message.render(), to)
        return now

    async def request(
        self, message: Message, to: Address, provisional: Callable[[Message], None] = lambda _: None, timeout: float = 32.0
    ) -> Message:
        """Send until answered; the final response. SipError when none comes."""
        key = (message.branch, message.method)
        pending = self._pending[key] = _Pending(asyncio.get_running_loop().create_future(), provisional)
        wait, deadline = T1, time.monotonic() + timeout
        try:
            self.send(message, to)
            while True:
                left = deadline - time.monotonic()
                done, _ = await asyncio.wait([pending.final], timeout=max(0.0, min(wait, left)))
                if done:
                    return pending.final.result()
                if time.monotonic() >= deadline:
                    raise SipError(f"no answer to {message} after {timeout:g} s")
                wait = 2 * wait if message.method == "INVITE" else min(2 * wait, T2)
                if not (pending.proceeding and message.method == "INVITE"):
                    self.send(message, to)
        finally:
            del self._pending[key]

    def reply(self, request: Message, response: Message) -> float:
        """Answer a request; the answer is given again when the request comes again."""
        key = (request.branch, request.method)
        self._answers[key] = response
        return self.send(response, self._senders[key])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not data.strip():
            return  # a keep-alive
        try:
            message = Message.parse(data)
        except (SipError, ValueError, IndexError) as error:
            self.unread.append(str(error))
            return
        self.trace.append(Traced(time.monotonic(), False, message))
        if message.status is None:
            self._request(message, addr)
        else:
            self._response(message, message.status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def error_received(self, exc: Exception) -> None:
        """A refused port: the request is sent again until its time is over."""

    def _request(self, message: Message, addr: Address) -> None:
        key = (message.branch, message.method)
        if message.method != "ACK":
            if key in self._answers:
                self.send(self._answers[key], addr)
                return
            self._senders[key] = addr
        self._on_request(message)

    def _response(self, message: Message, status: int) -> None:
        pending = self._pending.get((message.branch, message.method))
        if pending is None or pending.final.done():
            if message.method == "INVITE" and 200 <= status < 300:
                self._on_repeat(message)
        elif status < 200:
            pending.proceeding = True
            pending.provisional(message)
        else:
            pending.final.set_result(message)
