"""The servers that tests put up end with all that they serve: a loop that ends later has nothing to cancel, and nothing is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from fault_lab import Cut
from test_tunnel import Wire
from toy_agi import SILENT, ToyAgi
from toy_audiosocket import ToyAudioSocket

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(30)]


@asynccontextmanager
async def far_end() -> AsyncIterator[int]:
    """That takes all and says nothing."""
    server = await asyncio.start_server(lambda _reader, writer: ends.append(writer), "127.0.0.1", 0)
    ends: list[asyncio.StreamWriter] = []
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in ends:
        writer.transport.abort()


@asynccontextmanager
async def cut() -> AsyncIterator[int]:
    async with far_end() as target:
        proxy = Cut(target)
        await proxy.open()
        yield proxy.port
        await proxy.cut()


@asynccontextmanager
async def frozen() -> AsyncIterator[int]:
    async with far_end() as target:
        proxy = Cut(target)
        await proxy.open()
        proxy.freeze()
        yield proxy.port
        await proxy.cut()


@asynccontextmanager
async def wire() -> AsyncIterator[int]:
    async with far_end() as target, Wire(target) as relay:
        yield relay.port


@asynccontextmanager
async def agi() -> AsyncIterator[int]:
    async with ToyAgi(SILENT) as toy:
        yield int(toy.address.rpartition(":")[2])


@asynccontextmanager
async def audiosocket() -> AsyncIterator[int]:
    async with ToyAudioSocket() as toy:
        yield int(toy.address.rpartition(":")[2])


@pytest.mark.parametrize("serving", [cut, frozen, wire, agi, audiosocket])
def test_the_end_of_a_loop_logs_nothing(serving: Callable[[], AbstractAsyncContextManager[int]], caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving() as port:
            peers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
            for _, writer in peers:
                writer.write(b"\x10")  # it waits for more, whatever it speaks
            await asyncio.sleep(0.05)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        for _, writer in peers:
            writer.transport.abort()

    asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
