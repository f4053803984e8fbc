"""`/metrics` over HTTP, for Prometheus. Off unless `[metrics] listen` is set; answers nothing else."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from asterisk_privacy.daemon.http_limits import HttpServer, Limits, middleware
from asterisk_privacy.daemon.metrics import metrics_registry
from asterisk_privacy.daemon.report import Running, disk_of

LIMITS = Limits(peers=32, head=5.0, body=5.0, answer=5.0)
"""Who scrapes is one program, or a few. A descriptor that somebody else holds is one that a call does not get."""


class MetricsServer:
    def __init__(self, running: Running) -> None:
        self._running = running
        self._one = asyncio.Lock()
        app = web.Application(middlewares=[middleware])
        app.router.add_get("/metrics", self._answer)
        self._server = HttpServer(app, LIMITS)

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        await self._server.start(host, port)

    async def stop(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):  # a scraper that reads slowly must not hold up the sealing
                await self._server.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        async with self._one:  # a stalled disk stalls the scrapes only, and takes one thread
            disk = await asyncio.to_thread(disk_of, self._running.service.config.store.directory)
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(metrics_registry(self._running, disk)), headers={"Content-Type": kind})
