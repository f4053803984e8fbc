"""Strangers at the ports: what they send in masses holds up no call, writes no row, and takes no descriptor that a call needs."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest
from agi_lines import environment
from ari_double import ToyAri, channel
from test_storm import PATIENCE, QUERY, Recorder, asked, recorder

MADE_UP = 2600
HALF_OPEN = 400
MOST_SECONDS = 10.0
"""A row beside the flood took minutes; without it some milliseconds, or a second or two where other programs take the machine."""


@asynccontextmanager
async def flooded(port: int) -> AsyncIterator[list[int]]:
    """Questions for channels that Asterisk does not have, from somebody who waits for no answer. How many were sent."""
    sent = [0]

    async def flood() -> None:
        while sent[0] < MADE_UP:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(environment(f"9.{sent[0]}", QUERY))
            await writer.drain()
            writer.close()
            sent[0] += 1

    flooding = asyncio.create_task(flood())
    try:
        yield sent
    finally:
        await flooding


def rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "registry.sqlite")) as registry:
        return [row[0] for row in registry.execute("SELECT id FROM calls")]


async def until(true: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def comes_in(toy: ToyAri, daemon: Recorder, number: str) -> dict[str, str]:
    """A real call, which Asterisk tells of."""
    await toy.send({"type": "ChannelCreated", "timestamp": toy.stamp(), "channel": channel(number, f"PJSIP/trunk-{number}")})
    waited, told = await asked(daemon.agi, number, time.monotonic(), toy)
    assert waited < PATIENCE
    return told


async def test_a_flood_of_made_up_questions_holds_no_call_up_and_writes_nothing(
    toy: ToyAri, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    toy.clock_ahead = 0.0
    async with recorder(tmp_path, toy.url, True) as daemon:
        calls, waited = [], []
        async with flooded(daemon.agi) as sent:
            for number in range(5):
                await until(lambda: sent[0] >= MADE_UP * number // 5, 60)  # noqa: B023
                told = await comes_in(toy, daemon, str(number))
                assert told["PRIVACY_PLAN"] == "announce"
                calls.append(told["PRIVACY_CALL"])
                waited.append(await until(lambda: calls[-1] in rows(tmp_path), MOST_SECONDS))
        assert sent == [MADE_UP]
        assert int(str((await daemon.status())["alarms"]["ghost_call"])) > MADE_UP // 2, "the others were cut off before they were read"
        assert sorted(rows(tmp_path)) == sorted(calls)
        said = [line for line in daemon.log.read_text().splitlines() if "ghost_call" in line]
        assert len(said) <= 3, "the log is not filled with it"
    record_property("report", f"beside {MADE_UP} made-up questions a real call's row was there after {1000 * max(waited):.0f} ms at most")


async def test_half_sent_requests_for_metrics_take_no_descriptor_from_a_call(toy: ToyAri, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    async with recorder(tmp_path, toy.url, True, f'metrics.listen = "127.0.0.1:{port}"\n') as daemon:
        assert daemon.process is not None
        descriptors = Path(f"/proc/{daemon.process.pid}/fd")
        with ExitStack() as stack:
            for _ in range(HALF_OPEN):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
                one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            async with asyncio.timeout(30):
                assert b"asterisk_privacy_calls" in await reader.read()
            writer.close()
            assert len(os.listdir(descriptors)) < HALF_OPEN // 2, "all of them came before that answer"
            assert (await comes_in(toy, daemon, "1"))["PRIVACY_PLAN"] == "announce"
