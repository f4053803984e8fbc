"""Limits that do not run while this process stands still. It stands still here by not letting its loop turn."""

from __future__ import annotations

import asyncio
import time

import pytest

from asterisk_privacy.asterisk.time_limits import STEPS, TimeLimit, within


async def test_it_is_over_in_time_and_once() -> None:
    over: list[float] = []
    began = time.monotonic()
    TimeLimit(0.2, lambda: over.append(time.monotonic()))
    while not over:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    (at,) = over
    assert 0.19 < at - began < 5


async def test_cancelled_it_is_never_over() -> None:
    over: list[float] = []
    limit = TimeLimit(0.05, lambda: over.append(0.0))
    await asyncio.sleep(0.03)
    limit.cancel()
    await asyncio.sleep(0.1)
    assert over == []


@pytest.mark.parametrize("after", [0.0, 0.7, 1.19])
async def test_what_came_while_nobody_looked_is_looked_at_first(after: float) -> None:
    """An answer that needs several turns of the loop, and was there long before the limit was over."""

    async def answer() -> str:
        for _ in range(10):
            await asyncio.sleep(0.005)
        return "answer"

    async with within(1.2):
        await asyncio.sleep(after)
        time.sleep(1.5)  # noqa: ASYNC251
        assert await answer() == "answer"


async def test_a_peer_that_says_nothing_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with within(0.2):
            await asyncio.sleep(10)
    assert 0.19 < time.monotonic() - began < 5


async def test_beside_a_load_that_never_ends_it_is_a_limit_all_the_same() -> None:
    over: list[int] = []
    TimeLimit(0.04, lambda: over.append(1))
    for _ in range(3 * STEPS + 2):
        time.sleep(0.12)  # noqa: ASYNC251
        await asyncio.sleep(0)
        await asyncio.sleep(0.011)
    assert over == [1]


async def test_another_timeout_is_not_taken_for_this_one() -> None:
    with pytest.raises(TimeoutError):
        async with within(5.0):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(1)
    await asyncio.sleep(0)
