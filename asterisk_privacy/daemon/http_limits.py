"""Deadlines and a cap for an aiohttp server, which has none for a peer that sends half a request: each would hold a descriptor for ever.

A peer must have sent a request's head within a time, its body within another, and take the answer within a third. Beyond so many peers the
oldest that never sent a whole request is dropped for the new one, or else the oldest that waits between two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from aiohttp import web

BACKLOG = 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, but for `peers`. `answer`: without taking anything of it, as a player that is paused does."""

    peers: int
    head: float = 10.0
    body: float = 10.0
    answer: float = 60.0
    idle: float = 30.0


class HttpServer:
    """`app` behind `limits`; the app needs `middleware`, before any that reads a form."""

    def __init__(self, app: web.Application, limits: Limits, calm_down: float = 1.0) -> None:
        self._limits = limits
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=calm_down, keepalive_timeout=limits.idle)
        self._peers: dict[_Peer, None] = {}  # the oldest first
        self._server: asyncio.Server | None = None
        self.dropped = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(self._peer, host, port, reuse_address=True, backlog=BACKLOG)
        except OSError:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._runner.cleanup()
            for peer in tuple(self._peers):
                peer.drop()

    @property
    def port(self) -> int:
        """Where it listens; for port 0 at `start`."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    def _peer(self) -> _Peer:
        if self._runner.server is None:
            raise RuntimeError("not started")
        return _Peer(self, self._runner.server())

    # ---- called by the peers

    @property
    def limits(self) -> Limits:
        return self._limits

    def arrived(self, peer: _Peer) -> None:
        self._peers[peer] = None
        if len(self._peers) > self._limits.peers:
            others = (one for one in self._peers if one is not peer and not one.asks)
            waiting = min(others, key=lambda one: one.has_asked, default=peer)  # of equals the oldest
            self.dropped += 1
            del self._peers[waiting]  # its end is told later
            waiting.drop()

    def gone(self, peer: _Peer) -> None:
        self._peers.pop(peer, None)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Says when a request has come, and reads a form within its time."""
    peer = request.transport.get_protocol() if request.transport is not None else None
    if not isinstance(peer, _Peer):
        return await handler(request)
    if request.can_read_body and request.method == "POST":
        peer.sends_a_form()
        try:
            await request.read()  # it stays with the request: whoever wants it finds it there
        except OSError:  # dropped, or gone
            raise web.HTTPRequestTimeout from None
    peer.asked(True)
    try:
        return await handler(request)
    finally:
        peer.asked(False)


class _Peer(asyncio.Protocol):
    """Between the transport and aiohttp's own handler."""

    def __init__(self, server: HttpServer, inner: asyncio.Protocol) -> None:
        self._server = server
        self._inner = inner
        self._transport: asyncio.Transport | None = None
        self._clock: asyncio.TimerHandle | None = None
        self.asks = self.has_asked = False
        self.limits = server.limits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)
        self._await(self.limits.head)
        self._server.arrived(self)

    def data_received(self, data: bytes) -> None:
        if not self.asks and self._clock is None:
            self._await(self.limits.head)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._await(self.limits.answer)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._await(None)
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._await(None)
        self._server.gone(self)
        self._inner.connection_lost(exc)

    def asked(self, asks: bool) -> None:
        self.asks = asks
        if asks:
            self.has_asked = True
            self._await(None)

    def sends_a_form(self) -> None:
        self._await(self.limits.body)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _await(self, seconds: float | None) -> None:
        """From now on, for one thing at a time."""
        if self._clock is not None:
            self._clock.cancel()
        self._clock = asyncio.get_running_loop().call_later(seconds, self.drop) if seconds is not None else None
