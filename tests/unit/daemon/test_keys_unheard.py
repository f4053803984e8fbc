"""A pause or off the record of which perhaps nobody heard: it counts for the call that it was pressed in, and wipes no other.

The agent's channel stays in the room (ConfBridge, AgentLogin) while customers come and go; the key stays on it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic

import pytest
from between_daemons import ALWAYS, NAMES, Pbx
from whole_daemon import POLICY, installed

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.call.situation import Gate, Hush
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.daemon.taking_up import meant_by

HUSHES = {"pause": Hush.PAUSED, "off": Hush.OFF_RECORD}


@pytest.fixture
def asterisk(tmp_path: Path) -> Pbx:
    return Pbx(installed(tmp_path, POLICY + ALWAYS, "[keys]\ngrace_seconds = 1\n"))


def presses(asterisk: Pbx, word: str, heard: bool) -> None:
    asterisk.pressed, asterisk.pressed_at = {"anna": word}, {"anna": time.time()}
    if heard:
        asterisk.tell(ae.AgentPressed(monotonic(), "anna", NAMES["anna"], word))


async def comes(asterisk: Pbx, customer: str) -> None:
    asterisk.announced_to(customer)
    asterisk.joins(customer, "room")
    asterisk.joins("anna", "room")
    await asyncio.sleep(0.3)


async def away(asterisk: Pbx, stack: AsyncExitStack, restart: bool, meanwhile: Callable[[], None]) -> CallRunner:
    """The daemon, or its link, is away, and reads again. Bea's call."""
    if restart:
        await stack.aclose()
        meanwhile()
        await stack.enter_async_context(asterisk.daemon())
    else:
        asterisk.running.service.supervisor.link_down("planted")
        await asyncio.sleep(0.02)
        asterisk.keeps()
        meanwhile()
        await asterisk.is_read()
    await asyncio.sleep(0.3)
    return asterisk.call_of("bea")


RESTART = pytest.mark.parametrize("restart", [False, True], ids=["link", "restart"])


@RESTART
@pytest.mark.parametrize("word", HUSHES)
async def test_what_was_pressed_in_an_earlier_call_does_nothing_to_a_later_one(asterisk: Pbx, restart: bool, word: str) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asterisk.daemon())
        await comes(asterisk, "cora")
        presses(asterisk, word, heard=True)
        asterisk.leaves("cora", "room")
        await comes(asterisk, "bea")
        call = asterisk.call_of("bea").call_id
        bea = await away(asterisk, stack, restart, lambda: None)
        assert (bea.call_id, bea.recorder.situation.hush, bea.recorder.gate) == (call, Hush.NONE, Gate.OPEN)
    assert "off the record" not in {row.state_reason for row in asterisk.rows() if row.call_id == call}


@RESTART
@pytest.mark.parametrize("word", HUSHES)
async def test_what_was_pressed_in_this_call_and_not_heard_is_obeyed(asterisk: Pbx, restart: bool, word: str) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asterisk.daemon())
        await comes(asterisk, "bea")
        bea = await away(asterisk, stack, restart, lambda: presses(asterisk, word, heard=False))
        assert bea.recorder.situation.hush is HUSHES[word]


@RESTART
@pytest.mark.parametrize("word", HUSHES)
async def test_of_an_include_that_tells_no_moment_it_pauses_and_wipes_nothing(asterisk: Pbx, restart: bool, word: str) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asterisk.daemon())
        await comes(asterisk, "bea")
        asterisk.pressed = {"anna": word}
        bea = await away(asterisk, stack, restart, lambda: None)
        assert bea.recorder.situation.hush is Hush.PAUSED


@RESTART
async def test_who_came_to_the_agent_while_nobody_looked_is_paused_at_most(asterisk: Pbx, restart: bool) -> None:
    """Off the record may have been meant for who was there before."""

    def meanwhile() -> None:
        presses(asterisk, "off", heard=False)
        asterisk.bridges = {"room": {"anna", "bea"}}
        del asterisk.announced["cora"]

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asterisk.daemon())
        await comes(asterisk, "cora")
        asterisk.announced_to("bea")
        asterisk.joins("bea", "waits")
        bea = await away(asterisk, stack, restart, meanwhile)
        assert bea.recorder.situation.hush is Hush.PAUSED


@pytest.mark.parametrize(
    ("word", "at", "joined", "heard_until", "meant"),
    [
        ("off", 20.0, 15.0, 18.0, "off"),
        ("off", 16.0, 15.0, 18.0, "off"),  # the clocks need not agree on when the link was lost, and twice does no harm
        ("off", 14.9, 15.0, 12.0, None),
        ("off", 9.9, None, 5.0, None),  # before the call began
        ("off", 20.0, None, 18.0, "pause"),
        ("off", 17.0, None, 18.0, None),
        ("off", None, 15.0, 18.0, "pause"),
        ("pause", 20.0, 15.0, 18.0, "pause"),
        ("pause", 14.9, 15.0, 18.0, None),
        ("resume", 20.0, 15.0, 18.0, None),
        ("what", None, None, 18.0, None),
    ],
)
def test_meant(word: str, at: float | None, joined: float | None, heard_until: float, meant: str | None) -> None:
    """In a call that began at 10."""
    assert meant_by(word, at, joined, 10.0, heard_until) == meant
