"""A server for a test that ends with all that it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Serving:
    """Each peer is served by a task of ours. asyncio's own would be left to the end of the loop, which cancels it and logs that."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accept, host, port)

    async def stop(self) -> None:
        """Nobody is served any more, and none is taken. What went wrong with one is raised here."""
        if self._server is not None:
            self._server.close()
            self._server = None
        while self._tasks:
            tasks, writers = tuple(self._tasks), tuple(self._tasks.values())
            self._tasks.clear()
            for task, writer in zip(tasks, writers, strict=True):
                task.cancel()
                writer.transport.abort()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks[asyncio.create_task(self._one(reader, writer))] = writer

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()
