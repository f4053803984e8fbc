"""Asks why parties of one call are silent, and tells it: to the call's timeline, to `status`, and to a person where one is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from asterisk_privacy.asterisk.leg_facts import LegFacts
from asterisk_privacy.call.silence import NEEDS_A_PERSON, NO_HOLD, Known, Why, why
from asterisk_privacy.daemon.health import Health

AskLeg = Callable[[str], Awaitable[LegFacts | None]]
FRESH_SECONDS = 0.5
"""In which a fresh tap hears a voice at once, if the one before was deaf."""

LEAST_SECONDS = 0.2
"""Between two counts of packets."""
EACH = NEEDS_A_PERSON | {Why.MUTED}
"""Told each time; the others once for each party, as pauses are many."""


async def nobody_asked(_channel: str) -> LegFacts | None:
    return None


@dataclass(slots=True)
class _Sample:
    at: float
    facts: LegFacts | None


@dataclass(slots=True)
class _Silence:
    since: float
    before: _Sample | None = None
    renewed: bool = False
    heard_by_fresh_tap: bool = False
    told: Why | None = None


class SilentLegs:
    """`marks`: since when somebody was silent, and why. `dead_between_words`: whether that is known of this channel's phone."""

    def __init__(self, ask: AskLeg, health: Health, dead_between_words: Callable[[str], bool]) -> None:
        self._ask = ask
        self._health = health
        self._dead_between_words = dead_between_words
        self._silent: dict[str, _Silence] = {}
        self._parties: frozenset[str] = frozenset()
        self._heard: set[str] = set()
        self._reasons: dict[str, Why] = {}  # of who was not heard since
        self._known_of: set[tuple[str, Why]] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self.marks: list[tuple[float, Why]] = []

    def talk(self, parties: Iterable[str]) -> None:
        """These are in conversation from now on."""
        self._parties = frozenset(parties)

    def begins(self, channel: str, since: float) -> None:
        """Exact zeros: packets are counted from now on."""
        if channel not in self._silent:
            self._silent[channel] = silence = _Silence(since)
            self._spawn(self._look(channel, silence))

    def lasts(self, channel: str, since: float, at: float) -> None:
        """So long that its tap is renewed."""
        self.begins(channel, since)
        silence = self._silent[channel]
        silence.renewed = True
        self._spawn(self._judge(channel, silence, at - silence.since))

    def heard(self, channel: str, at_once: bool) -> None:
        """`at_once`: these are the first frames of its tap."""
        self._heard.add(channel)
        self._reasons.pop(channel, None)
        silence = self._silent.pop(channel, None)
        if silence is not None:
            silence.heard_by_fresh_tap = silence.renewed and at_once

    def over(self) -> None:
        """The conversation is interrupted: who is silent now waits."""
        self._silent.clear()
        for task in self._tasks:
            task.cancel()

    def no_hold(self, channels: Iterable[str]) -> bool:
        """One of them is silent, or was until the conversation was interrupted, for a reason that is no hold."""
        return any(self._reasons.get(channel) in NO_HOLD for channel in channels)

    async def _look(self, channel: str, silence: _Silence) -> _Sample:
        sample = _Sample(monotonic(), await self._ask(channel))
        if silence.before is None:
            silence.before = sample
        return sample

    async def _judge(self, channel: str, silence: _Silence, seconds: float) -> None:
        now = await self._look(channel, silence)
        before, silence.before = silence.before, now
        await asyncio.sleep(FRESH_SECONDS)
        if before is None or now.at - before.at < LEAST_SECONDS:  # it was read late, and all at once
            still = self._silent.get(channel) is silence
            before, now = (now, _Sample(monotonic(), await self._ask(channel))) if still else (None, now)
        facts = now.facts
        if facts is None:
            facts = LegFacts("unknown", 0, enciphered=False, decodes=True)
        known = Known(
            seconds, _rate(before, now), facts.decodes, facts.enciphered, channel in self._heard, self._dead_between_words(channel),
            silence.heard_by_fresh_tap, self._parties <= self._silent.keys(),
        )  # fmt: skip
        reason = why(known)
        if reason is silence.told:
            return
        silence.told = self._reasons[channel] = reason
        if (channel, reason) not in self._known_of or reason in EACH:
            self._known_of.add((channel, reason))
            self.marks.append((silence.since, reason))
            self._health.silent_leg(reason, facts.endpoint)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _rate(before: _Sample | None, now: _Sample) -> float | None:
    """Packets a second."""
    if before is None or before.facts is None or now.facts is None or now.at <= before.at:
        return None
    return (now.facts.packets - before.facts.packets) / (now.at - before.at)
