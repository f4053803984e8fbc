"""Keeps the event stream alive, and says honestly until when everything is known.

Down -> handshake -> subscribed -> state read again -> up. Only "up" lets a gate open. Pings prove that the stream still delivers;
frames of which the stream has not proven that nothing happened stay in quarantine.

What the listener is told goes through the event loop, in order, so that a mistake in there ends up in the loop's exception handler
(the daemon's net) and not in here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import Protocol

import aiohttp
import msgspec

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.agent_marks import marked_among
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.clock import StampClock, both, stamp_seconds
from asterisk_privacy.errors import OperatorError

log = logging.getLogger(__name__)

LOOKS = 10
"""Five seconds of them, then another daemon lives."""
_ENDED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `silence`: without an answer to as many pings as are sent meanwhile the link counts as lost.

    `stable`: a link that was up this long starts again at the first of `backoff`. `next_look`: between looks whether a daemon that died a
    moment ago is still listed. `clock`: between measurements of Asterisk's clock.
    """

    ping: float = 0.25
    silence: float = 3.0
    backoff: tuple[float, ...] = (0.2, 0.5, 1.0, 2.0, 5.0)
    stable: float = 10.0
    next_look: float = 0.5
    clock: float = 5.0


class Listener(Protocol):
    """Told by the link, in this order: up (with the state as read), events, down."""

    def link_up(self, reading: Reading) -> None: ...

    def pbx_told(self, event: ae.AriEvent) -> None: ...

    def link_down(self, why: str) -> None: ...


class Link:
    """`proven_until`: monotonic time up to which the stream has proven to be complete."""

    def __init__(self, ari: Ari, listener: Listener, longest_delay: float, pace: Pace = Pace()) -> None:
        self._ari = ari
        self._listener = listener
        self._clock = StampClock(longest_delay)
        self._clock_asked = ("", 0.0)  # the last question, and when
        self._clock_told = 0.0  # by how much Asterisk's clock was ahead when that was last told
        self._unanswered = 0  # pings since the last answer: none is sent while this process stands still, so that counts no silence
        self._read_at = 0.0  # when the state was last read: it holds what happened before
        self._pace = pace
        self._tries = 0
        self._was_up = False
        self._up_since = 0.0
        self._doubt: str | None = None
        self._strange: set[str] = set()
        self._replaced = False
        self._answering: asyncio.Task[None] | None = None  # kept, or it could vanish before it is done
        self.up = False
        self.proven_until = 0.0
        self.counts: Counter[str] = Counter()
        """lost, handshake_failed, unknown, malformed, clock_set."""

    async def run(self) -> None:
        """For ever. Raises OperatorError where only a person can help: wrong password, a second daemon."""
        while True:
            self._doubt = None
            why = await self._one_connection()
            self.counts["lost"] += 1
            if self._replaced:
                raise OperatorError(
                    f"another asterisk-privacy daemon took over ARI application '{self._ari.app}' on this Asterisk: "
                    "each recorder needs an [asterisk] app of its own; rename it, or stop one of the two"
                )
            pause = self._pace.backoff[min(self._tries, len(self._pace.backoff) - 1)]
            self._tries += 1
            log.warning("ARI: %s; gates are shut, trying again in %g s", why, pause)
            await asyncio.sleep(pause)

    def distrust(self, why: str) -> None:
        """What is known of the PBX may be wrong: shut everything now, connect anew and read the state again."""
        if self._doubt is None:
            self._doubt = why
            self._down(why)

    def _down(self, why: str) -> None:
        if self.up:
            self.up = False
            if time.monotonic() - self._up_since >= self._pace.stable:
                self._tries = 0
            asyncio.get_running_loop().call_soon(self._listener.link_down, why)

    async def _one_connection(self) -> str:
        try:
            await self._ari.check_access()
            if not self._was_up and await self._stays_taken():
                raise OperatorError(
                    f"ARI application '{self._ari.app}' is in use on this Asterisk by another daemon: "
                    "each recorder needs an [asterisk] app of its own; rename it, or stop the other"
                )
        except (AriUnreachable, AriRefused) as error:
            return str(error)
        try:
            websocket = await self._ari.websocket()
        except (AriUnreachable, AriRefused) as error:
            self.counts["handshake_failed"] += 1
            self._ari.take_fresh_app(self.counts["handshake_failed"])
            return str(error)
        try:
            why = await self._listen(websocket)
            self._down(why)  # before the close, which may take its time
            return why
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await websocket.close()

    async def _stays_taken(self) -> bool:
        """A daemon that died a moment ago may still be listed, longer on a busy machine: only further looks tell."""
        for _ in range(LOOKS):
            if not await self._ari.is_taken():
                return False
            await asyncio.sleep(self._pace.next_look)
        return await self._ari.is_taken() and await self._somebody_answers()

    async def _somebody_answers(self) -> bool:
        """Asterisk lists a name for ever if its owner went while a subscription was on its way (5 of 300 on purpose, Asterisk 22.10.1).
        Then nobody listens; who connects under that name has it, and it goes with him."""
        question = secrets.token_hex(8)
        await self._ari.ask_alive(question)
        for _ in range(LOOKS):
            if await self._ari.is_answered(question):
                return True
            await asyncio.sleep(self._pace.next_look)
        log.warning("ARI application '%s' is listed by Asterisk, but nobody listens there: taken over", self._ari.app)
        return False

    async def _answer(self, question: str) -> None:
        with contextlib.suppress(AriUnreachable, AriRefused):  # who asked will take over, and that is told
            await self._ari.answer_alive(question)

    async def _listen(self, websocket: aiohttp.ClientWebSocketResponse) -> str:
        waiting: list[ae.AriEvent] = []
        entering = asyncio.create_task(self._enter())
        pinging = asyncio.create_task(self._ping(websocket))
        measuring = asyncio.create_task(self._measure())
        self._unanswered = 0
        try:
            while (leave := self._leave()) is None:
                message = await self._receive(websocket)
                self._look()
                now = time.monotonic()
                if message is None:
                    pass
                elif message.type is aiohttp.WSMsgType.TEXT:
                    waiting += self._parse(message.data)
                elif message.type is aiohttp.WSMsgType.PONG:
                    self._unanswered = 0
                    asyncio.get_running_loop().call_soon(self._proof, message.data)  # not before the events that came before it
                elif message.type in _ENDED:
                    return "Asterisk closed the event stream"
                if self._unanswered > self._pace.silence / self._pace.ping:  # events alone prove nothing: they may be old
                    return f"no sign of life for {self._pace.silence:g} s"
                if entering.done() and not self.up and self._leave() is None:
                    reading = entering.result()
                    if isinstance(reading, str):
                        return reading
                    self.up = self._was_up = True
                    self._up_since, self._read_at = now, reading.at
                    reading = replace(reading, ahead=self._clock.ahead(*both()) or 0.0)
                    asyncio.get_running_loop().call_soon(self._listener.link_up, reading)
                if self.up:
                    for event in waiting:
                        self._tell(event)
                    waiting.clear()
            return leave
        except (aiohttp.ClientError, OSError) as error:
            return f"event stream: {error}"
        finally:
            entering.cancel()
            pinging.cancel()
            measuring.cancel()

    def _leave(self) -> str | None:
        return "a second daemon took over" if self._replaced else self._doubt

    async def _receive(self, websocket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage | None:
        try:
            message = await websocket.receive(timeout=self._pace.ping)
        except TimeoutError:
            return None
        if message.type is aiohttp.WSMsgType.PING:
            await websocket.pong(message.data)
        return message

    async def _enter(self) -> Reading | str:
        try:
            await self._ari.subscribe()
            reading = await self._ari.read_state()
            return replace(reading, agents=await marked_among(self._ari, [channel.name for channel in reading.channels]))
        except AriUnreachable as error:
            return str(error)
        except AriRefused as refused:
            if refused.status == 403:
                raise OperatorError("Asterisk lets this ARI user only read: set read_only = no for it in ari.conf") from refused
            return str(refused)
        except msgspec.DecodeError as error:
            return f"the state of the PBX could not be read: {error}"

    async def _ping(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        while not websocket.closed:
            try:
                await websocket.ping(repr(time.monotonic()).encode())
            except (aiohttp.ClientError, OSError):
                return
            self._unanswered += 1
            await asyncio.sleep(self._pace.ping)

    def _proof(self, payload: bytes) -> None:
        try:
            sent_at = float(bytes(payload))
        except ValueError:
            return
        if self.up and sent_at <= time.monotonic():
            self.proven_until = max(self.proven_until, sent_at)

    def _parse(self, text: str) -> tuple[ae.AriEvent, ...]:
        now, wall = both()
        known = max(self.proven_until, self._read_at)
        events = ae.parse(text, lambda stamp: self._clock.when(now, wall, stamp_seconds(stamp), known))
        for event in events:
            if isinstance(event, ae.ClockTold) and event.question == self._clock_asked[0]:
                self._clock.measure(self._clock_asked[1], stamp_seconds(event.stamp), now)
        return tuple(event for event in events if not isinstance(event, ae.ClockTold))

    # ---- the two clocks

    async def _measure(self) -> None:
        """How far Asterisk's clock is ahead: what it stamps between our question and the answer tells."""
        while True:
            self._clock_asked = (secrets.token_hex(8), time.monotonic())
            with contextlib.suppress(AriUnreachable, AriRefused):  # the stream itself notices what that means
                await self._ari.ask_clock(self._clock_asked[0])
            await asyncio.sleep(self._pace.clock if self._clock.measured else 2 * self._pace.ping)

    def _look(self) -> None:
        now, wall = both()
        self._clock.look(now, wall)
        if self._clock.set > self.counts["clock_set"]:
            self.counts["clock_set"] = self._clock.set
            log.warning("a clock was set, here or at Asterisk: for a moment every hold counts as having begun as early as can be")
        ahead = self._clock.ahead(now, wall)
        if ahead is not None and abs(ahead - self._clock_told) > _WORTH_TELLING:
            self._clock_told = ahead
            log.warning("Asterisk's clock is %.1f s ahead of this machine's (negative: behind): set one of them right", ahead)

    def _tell(self, event: ae.AriEvent) -> None:
        if isinstance(event, ae.Unknown):
            self.counts["unknown"] += 1
            if event.type not in self._strange and len(self._strange) < _MOST_STRANGE:
                self._strange.add(event.type)
                self.distrust(f"an event of unknown type {event.type[:40]!r}; the state is read again, this once")
        elif isinstance(event, ae.Malformed):
            self.counts["malformed"] += 1
            self.distrust(f"an event that cannot be read ({event.why})")
        elif isinstance(event, ae.Replaced):
            self._replaced = True
        elif isinstance(event, ae.AliveAsked):
            self._answering = asyncio.create_task(self._answer(event.question))
        else:
            asyncio.get_running_loop().call_soon(self._listener.pbx_told, event)


_WORTH_TELLING = 1.0
"""Seconds between the clocks."""
_MOST_STRANGE = 50
"""Kinds of unknown event that each cause one new reading of the state; more than these are nonsense, and are only counted."""
