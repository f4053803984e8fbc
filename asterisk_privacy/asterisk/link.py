"""Keeps the event stream alive, and says honestly until when everything is known.

Down -> handshake -> subscribed -> state read again -> up. Only "up" lets a gate open. Pings prove that the stream still delivers;
frames of which the stream has not proven that nothing happened stay in quarantine.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Protocol

import aiohttp
import msgspec

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.clock import stamp_seconds, true_at
from asterisk_privacy.errors import OperatorError

log = logging.getLogger(__name__)

PING_SECONDS = 0.25
SILENCE_SECONDS = 3.0
"""Without an answer to a ping for this long the link counts as lost."""
_ENDED = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.ERROR)
BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


class Listener(Protocol):
    """Told by the link, in this order: up (with the state as read), events, down."""

    def link_up(self, reading: Reading) -> None: ...

    def pbx_told(self, event: ae.AriEvent) -> None: ...

    def link_down(self, why: str) -> None: ...


class Link:
    """`proven_until`: monotonic time up to which the stream has proven to be complete."""

    def __init__(self, ari: Ari, listener: Listener, longest_delay: float) -> None:
        self._ari = ari
        self._listener = listener
        self._longest_delay = longest_delay
        self._base_app = ari.app
        self._tries = 0
        self._replaced = False
        self.up = False
        self.proven_until = 0.0
        self.counts: Counter[str] = Counter()
        """lost, handshake_failed, unknown, malformed."""

    async def run(self) -> None:
        """For ever. Raises OperatorError where only a person can help: wrong password, a second daemon."""
        while True:
            why = await self._one_connection()
            self.counts["lost"] += 1
            if self.up:
                self.up = False
                self._listener.link_down(why)
            if self._replaced:
                raise OperatorError(
                    f"another asterisk-privacy daemon took over ARI application '{self._ari.app}' on this Asterisk: "
                    "stop one of the two, or give one another asterisk.app"
                )
            pause = BACKOFF_SECONDS[min(self._tries, len(BACKOFF_SECONDS) - 1)]
            self._tries += 1
            log.warning("ARI: %s; gates are shut, trying again in %g s", why, pause)
            await asyncio.sleep(pause)

    async def _one_connection(self) -> str:
        try:
            await self._ari.check_access()
            if self._tries == 0 and await self._ari.is_taken():
                # a daemon that died a moment ago may still be listed: only a second look tells
                await asyncio.sleep(1.0)
                if await self._ari.is_taken():
                    raise OperatorError(
                        f"ARI application '{self._ari.app}' is in use on this Asterisk by another daemon: "
                        "stop it, or give this one another asterisk.app"
                    )
            websocket = await self._ari.websocket()
        except (AriUnreachable, AriRefused) as error:
            self.counts["handshake_failed"] += 1
            if "handshake" in str(error):
                # a name that hung once can hang for ever (DESIGN.md, ARI): take a fresh one
                self._ari.app = f"{self._base_app}-{self.counts['handshake_failed']}"
            return str(error)
        async with websocket:
            return await self._listen(websocket)

    async def _listen(self, websocket: aiohttp.ClientWebSocketResponse) -> str:
        waiting: list[ae.AriEvent] = []
        entering = asyncio.create_task(self._enter())
        pinging = asyncio.create_task(self._ping(websocket))
        heard_at = time.monotonic()
        try:
            while True:
                try:
                    message = await websocket.receive(timeout=PING_SECONDS)
                except TimeoutError:
                    message = None
                now = time.monotonic()
                if message is None:
                    if now - heard_at > SILENCE_SECONDS:
                        return f"no sign of life for {SILENCE_SECONDS:g} s"
                elif message.type is aiohttp.WSMsgType.TEXT:
                    heard_at = now
                    waiting += self._parse(message.data)
                elif message.type is aiohttp.WSMsgType.PONG:
                    heard_at = now
                    self._proof(message.data)
                elif message.type is aiohttp.WSMsgType.PING:
                    await websocket.pong(message.data)
                elif message.type in _ENDED:
                    return "Asterisk closed the event stream"
                if entering.done() and not self.up:
                    reading = entering.result()
                    if isinstance(reading, str):
                        return reading
                    self.up, self._tries = True, 0
                    self._listener.link_up(reading)
                if self.up:
                    for event in waiting:
                        self._tell(event)
                    waiting.clear()
                if self._replaced:
                    return "a second daemon took over"
        except (aiohttp.ClientError, OSError) as error:
            return f"event stream: {error}"
        finally:
            entering.cancel()
            pinging.cancel()

    async def _enter(self) -> Reading | str:
        try:
            await self._ari.subscribe()
            return await self._ari.read_state()
        except (AriUnreachable, AriRefused) as error:
            return str(error)
        except msgspec.DecodeError as error:
            return f"the state of the PBX could not be read: {error}"

    async def _ping(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        while not websocket.closed:
            try:
                await websocket.ping(repr(time.monotonic()).encode())
            except (aiohttp.ClientError, OSError):
                return
            await asyncio.sleep(PING_SECONDS)

    def _proof(self, payload: bytes) -> None:
        try:
            sent_at = float(bytes(payload))
        except ValueError:
            return
        if self.up:
            self.proven_until = max(self.proven_until, sent_at)

    def _parse(self, text: str) -> tuple[ae.AriEvent, ...]:
        now, wall_now = time.monotonic(), time.time()
        return ae.parse(text, lambda stamp: true_at(now, wall_now, stamp_seconds(stamp), self._longest_delay))

    def _tell(self, event: ae.AriEvent) -> None:
        if isinstance(event, ae.Unknown):
            self.counts["unknown"] += 1
            log.debug("ARI event of unknown type %s", event.type)
        elif isinstance(event, ae.Malformed):
            self.counts["malformed"] += 1
            log.warning("ARI event that cannot be read: %s", event.why)
        elif isinstance(event, ae.Replaced):
            self._replaced = True
        else:
            self._listener.pbx_told(event)
