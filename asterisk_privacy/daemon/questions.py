"""Which question over FastAGI is believed: one that Asterisk itself shows being asked, and that once.

Whoever reaches the FastAGI port can name any channel, and a caller's number can hold lines of its own. Nobody speaks like that over
ARI: it tells each step of each channel's dialplan, with its context, its application and the address that AGI() was given. So a question
is believed if its channel stands at that step, in a context of the include. The event comes a moment before the question or after it, and
the question waits for it. No request to Asterisk is needed, and a question that nobody asked costs nothing but its wait.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from math import inf
from time import monotonic

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import Reading
from asterisk_privacy.asterisk.fastagi import AgiAsked, AgiForged, AgiProblem, AgiRequest, parse_address
from asterisk_privacy.asterisk.time_limits import within
from asterisk_privacy.call import pbx
from asterisk_privacy.daemon.boards import GoneLately
from asterisk_privacy.daemon.health import Alarm, Health

log = logging.getLogger(__name__)

WAIT_SECONDS = 1.5
"""The event is a few milliseconds before or after the question; more on a machine that is at its limit."""
MOST_WAITING = 500
"""Channels that questions wait for. Beyond it the oldest gives up: a real one has its event long before."""
GONE_SECONDS = 20.0
LATE_SECONDS = 0.5
"""What Asterisk tells comes later than that on a machine that is past its limit. Then it is no wonder that a question is not shown."""
CATCHING_UP_SECONDS = 10.0
"""So long afterwards, and after a lost link, questions still come that were asked meanwhile."""

_GHOST = "FastAGI was asked for a channel that Asterisk does not show asking: who but Asterisk reaches fastagi.listen?"
_FORGED = (
    "FastAGI was asked in words that are not Asterisk's: a caller's number or name that speaks as our dialplan, or another program; "
    "nothing of it was believed, and if it was a call it goes on unrecorded"
)
_FORGED_EVENT = (
    "an event of the recorder's own came from a context that is none of its include: a caller's name in a UserEvent of yours, a program, "
    "or an include that is older than the recorder; nothing of it was believed"
)


class AgiGhost(AgiProblem):
    """Asterisk does not show this question being asked."""


class Questions:
    """Told what the link tells."""

    def __init__(self, health: Health, wait_seconds: float = WAIT_SECONDS) -> None:
        self._health = health
        self._wait_seconds = wait_seconds
        self._linked = False
        self._late_at = -inf  # when an event last came late, or the link was lost
        self._steps: dict[str, snap.Step] = {}  # by channel: those that are in a context of ours
        self._gone = GoneLately(GONE_SECONDS)
        self._waiting: dict[str, asyncio.Future[bool]] = {}  # by channel, the oldest first; False: give up

    # ---- the link tells

    def link_up(self, reading: Reading) -> None:
        self._linked = True
        self._steps.clear()
        for channel in reading.channels:
            self._stands(channel.step)

    def link_down(self) -> None:
        self._linked = False
        self._late_at = monotonic()
        for channel in tuple(self._waiting):
            self._wake(channel, True)  # to be told so

    def pbx_told(self, event: ae.AriEvent) -> None:
        if isinstance(event, pbx.ChannelSeen | pbx.ChannelGone):
            now = monotonic()
            self._late_at = now if now - event.at > LATE_SECONDS else self._late_at
        match event:
            case snap.Step():
                self._stands(event)
            case ae.Forged():
                self._health.alarm(Alarm.FORGED, _FORGED_EVENT)
            case pbx.ChannelGone():
                self._steps.pop(event.channel, None)
                self._gone.note(event.channel, monotonic())
                self._wake(event.channel, False)

    def _stands(self, step: snap.Step) -> None:
        if step.context in names.ASKING_CONTEXTS:
            self._steps[step.channel] = step
            self._wake(step.channel, True)
        else:
            self._steps.pop(step.channel, None)

    def _wake(self, channel: str, go_on: bool) -> None:
        waiting = self._waiting.pop(channel, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(go_on)

    # ---- FastAGI asks

    async def believe(self, asked: AgiAsked) -> AgiRequest:
        """Raises AgiProblem. While the link is down nothing can be shown, and the answer will be that nothing can be recorded."""
        wanted = parse_address(asked)
        try:
            async with within(self._wait_seconds):
                while self._linked:
                    missing = self._missing(asked, wanted)
                    if missing is None:
                        number = self._steps[wanted.channel].number
                        del self._steps[asked.uniqueid]  # asked once
                        return replace(wanted, caller=number)
                    go_on = missing not in self._gone and await self._news(missing)
                    if missing in self._gone:
                        raise AgiProblem("its channel is gone")
                    if not go_on:
                        break
                else:
                    return wanted
        except TimeoutError:
            pass
        if monotonic() - self._late_at < CATCHING_UP_SECONDS:
            raise AgiProblem("Asterisk does not show it being asked, and tells everything late")
        raise AgiGhost("Asterisk does not show it being asked")

    def _missing(self, asked: AgiAsked, wanted: AgiRequest) -> str | None:
        """The channel that does not stand where it must for this to be asked; None: it is being asked."""
        step = self._steps.get(asked.uniqueid)
        if step is None or (step.app, step.data) != ("AGI", asked.address):
            return asked.uniqueid
        return None if wanted.channel in self._steps else wanted.channel  # it waits in a context of ours for what this one is told

    async def _news(self, channel: str) -> bool:
        """Whether there is any of it; cancelled where there was none for too long."""
        news = self._waiting.get(channel)
        if news is None:
            if len(self._waiting) >= MOST_WAITING:
                self._wake(next(iter(self._waiting)), False)
            news = self._waiting[channel] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.shield(news)
        except asyncio.CancelledError:
            if self._waiting.get(channel) is news:
                self._wake(channel, True)  # whoever else waits for it waits on
            raise

    def dropped(self, problem: AgiProblem) -> None:
        """By the server: whoever's fault it was, no line for each, since a stranger can send as many as he likes."""
        match problem:
            case AgiForged():
                self._health.alarm(Alarm.FORGED, f"{_FORGED} ({problem})")
            case AgiGhost():
                self._health.alarm(Alarm.GHOST_CALL, _GHOST)
            case _:
                log.debug("FastAGI request dropped: %s", problem)
