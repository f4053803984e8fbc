"""`/metrics` over HTTP, for Prometheus. Off unless `[metrics] listen` is set; answers nothing else."""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from asterisk_privacy.daemon.metrics import metrics_registry
from asterisk_privacy.daemon.report import Running, disk_of


class MetricsServer:
    def __init__(self, running: Running) -> None:
        self._running = running
        self._runner: web.AppRunner | None = None
        self._one = asyncio.Lock()

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        if self._runner is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):  # a scraper that reads slowly must not hold up the sealing
                    await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        async with self._one:  # a stalled disk stalls the scrapes only, and takes one thread
            disk = await asyncio.to_thread(disk_of, self._running.service.config.store.directory)
        encode, kind = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(metrics_registry(self._running, disk)), headers={"Content-Type": kind})
