"""Whether the pauses of an agent's phone are its own, or what a network lost. A snoop hears exact zeros for both.

Asterisk counts the packets of a phone that never came, by their numbers, and tells it with each RTCP report. It is asked when the first
such pause was found, and again when enough were and the report of that time is there. A phone is believed to be dead silent between words
only if hardly any packet was lost in between; else all is learned anew.
"""

from __future__ import annotations

import asyncio
from typing import Final

from asterisk_privacy.audio.pauses import ENOUGH
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.daemon.silent_legs import AskLeg, nobody_asked

REPORT_SECONDS: Final = 6.0
"""Asterisk reports every five."""
MOST_LOST: Final = 5
"""Packets, of 60 ms at most. Of three pauses the last two have sixteen dead frames at least, which so few cannot have been."""


class LostPackets:
    """Of one call's agents. Where there is nobody to ask, what is learned is believed as it is."""

    def __init__(self, ask: AskLeg, suspense: Suspense) -> None:
        self._ask = ask
        self._suspense = suspense
        self._agents: frozenset[str] = frozenset()
        self._before: int | None = None
        self._task: asyncio.Task[None] | None = None
        suspense.sure = ask is nobody_asked

    def look(self, agents: frozenset[str]) -> None:
        """Now and then, in talk with these `agents`."""
        if self._ask is nobody_asked:
            return
        found = self._suspense.pauses_found
        if agents != self._agents or not found:
            self.over()
            self._agents, self._before, self._suspense.sure = agents, None, False
        elif not self._suspense.sure and (self._task is None or self._task.done()):
            if self._before is None:
                self._task = asyncio.get_running_loop().create_task(self._begin())
            elif found >= ENOUGH:
                self._task = asyncio.get_running_loop().create_task(self._judge(self._before))

    def over(self) -> None:
        """The conversation is interrupted."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _begin(self) -> None:
        self._before = await self._lost()
        if self._before is None:
            self._suspense.forget_pauses()

    async def _judge(self, before: int) -> None:
        await asyncio.sleep(REPORT_SECONDS)
        now = await self._lost()
        if now is not None and 0 <= now - before <= MOST_LOST:
            self._suspense.sure = True
        else:
            self._suspense.forget_pauses()

    async def _lost(self) -> int | None:
        """None: Asterisk does not say it of each."""
        facts = [await self._ask(agent) for agent in sorted(self._agents)]
        return None if None in facts else sum(one.lost for one in facts if one is not None)
