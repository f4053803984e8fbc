"""The recorder's end of the socket: a process of the recorder's user, which has the registry and no key.

The recorder starts it when the page asks first (daemon/page_desk.py) and hands it the socket. It is a process of its own
since a long look at the registry would hold up the recorder: Python lets one of its threads run at a time, and a walk over
the audit trail made another thread 20 ms late in the median and 290 at most. It ends when nobody is connected, when the
recorder ends, and when the configuration has changed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from asterisk_privacy.access.desk import Desk, Rulebook
from asterisk_privacy.daemon.health import place_of
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.review.desk import wire
from asterisk_privacy.review.desk.requests import Request

log = logging.getLogger(__name__)

NICE = 5  # calls come first
MOST_CONNECTIONS = 64
PART_SECONDS = 10.0  # in which a message that has begun must have come
IDLE_SECONDS = 300.0
STOP_SECONDS = 5.0
QUIET_SECONDS = 0.3  # for so long nothing has come from those who are connected, when their connections are closed


class Server:
    """`serve` until nobody needs it."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book
        self._registry: Registry | None = None
        self._short = ThreadPoolExecutor(1, thread_name_prefix="registry")
        self._long = ThreadPoolExecutor(2, thread_name_prefix="registry-long")
        self._connections: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._idle_since = 0.0
        self._last = 0.0  # when something was answered
        self.over = asyncio.Event()  # set by whoever ends it

    async def serve(self, listening: socket.socket, lifeline: int | None = None) -> None:
        """`lifeline`: a pipe whose other end is the recorder's: it ends with that."""
        loop = asyncio.get_running_loop()
        self._idle_since = loop.time()
        if lifeline is not None:
            loop.add_reader(lifeline, self.over.set)
        server = await self._listen(listening)
        watch = asyncio.create_task(self._watch())
        try:
            await self.over.wait()
        finally:
            watch.cancel()
            if lifeline is not None:
                loop.remove_reader(lifeline)
            server.close()
            await self._end()

    async def _listen(self, listening: socket.socket) -> asyncio.Server:
        """Its path stays when we end: it is the recorder's, which goes on listening."""
        if sys.version_info >= (3, 13):
            return await asyncio.start_unix_server(self._connected, sock=listening, cleanup_socket=False)
        return await asyncio.start_unix_server(self._connected, sock=listening)

    async def answered(self, data: bytes) -> bytes:
        """Whatever comes, something goes back."""
        try:
            request = wire.request_of(data)
        except wire.Nonsense as error:
            log.warning("a request that is none: %s", str(error)[:200].encode("unicode_escape").decode())
            return wire.encoded(wire.Unanswered("not a request that this version knows; the page and the recorder must be of one version"))
        loop = asyncio.get_running_loop()
        try:
            if request.long:
                value = await loop.run_in_executor(self._long, self._beside, request)
            else:
                value = await loop.run_in_executor(self._short, self._here, request)
        except OperatorError as error:
            return wire.encoded(wire.Unanswered(str(error)))
        return wire.encoded(wire.Answered(wire.encoded(value)))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._connections.add(task)
        try:
            while (data := await _message(reader)) is not None:
                self._busy += 1
                try:
                    writer.write(wire.framed(await self.answered(data)))
                    await writer.drain()
                finally:
                    self._busy -= 1
                    self._last = asyncio.get_running_loop().time()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, wire.Nonsense) as error:
            log.warning("a connection of the page ended: %s", type(error).__name__)
        except asyncio.CancelledError:
            if not self.over.is_set():
                raise
        finally:
            writer.close()
            self._connections.discard(task)
            self._idle_since = asyncio.get_running_loop().time()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while self._connections or loop.time() - self._idle_since < IDLE_SECONDS:  # noqa: ASYNC110 - it is time that passes
            await asyncio.sleep(1.0)
        self.over.set()

    async def _end(self) -> None:
        """What is under way is answered, also what comes on its way from who has just connected."""
        loop = asyncio.get_running_loop()
        until, self._last = loop.time() + STOP_SECONDS, loop.time()
        while (self._busy or loop.time() - self._last < QUIET_SECONDS) and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._short.shutdown(wait=True)
        if self._registry is not None:
            self._registry.close()

    def _here(self, request: Request[Any]) -> object:
        if self._registry is None:
            self._registry = Registry.open(home_of(self._book.config), actor="review", clock=self._book.now, create=False)
        return self._carried_out(self._registry, request)

    def _beside(self, request: Request[Any]) -> object:
        with Registry.open(home_of(self._book.config), actor="review", clock=self._book.now, create=False) as registry:
            return self._carried_out(registry, request)

    def _carried_out(self, registry: Registry, request: Request[Any]) -> object:
        with registry.acting(request.actor):
            return request.carried_out(Desk(registry, self._book))


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """It may be long before one begins; one that has begun comes at once."""
    first = await reader.read(1)
    if not first:
        return None
    async with asyncio.timeout(PART_SECONDS):
        rest = await reader.readexactly(wire.LENGTH - 1)
        length = int.from_bytes(first + rest)
        if length > wire.MOST_REQUEST:
            raise wire.Nonsense("a message that is too long")
        return await reader.readexactly(length)


def _caught(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A mistake of ours ends its connection. The journal gets its place in the code: its words may hold a name."""
    mistake = context.get("exception")
    log.error("%s", f"{type(mistake).__name__} at {place_of(mistake)}; please report it" if mistake else "a mistake of the event loop")


def run(config: Config, descriptor: int) -> None:
    """The process: `descriptor` is the listening socket, standard input the recorder's lifeline."""
    with suppress(OSError):  # systemd's filter may forbid it
        os.nice(NICE)

    async def serve() -> None:
        server = Server(Rulebook.of(config))
        asyncio.get_running_loop().set_exception_handler(_caught)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.over.set)
        await server.serve(socket.socket(fileno=descriptor), lifeline=0)

    asyncio.run(serve())
