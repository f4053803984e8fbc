"""The answer in the agent's ear: a whispering snoop plays a short sound to the agent's channel only. A tap on the agent's microphone
does not hear it, and neither does the customer."""

from __future__ import annotations

import asyncio
import logging
import uuid

from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable
from asterisk_privacy.asterisk.taps import START_SECONDS, StasisWaiters
from asterisk_privacy.asterisk.time_limits import within

log = logging.getLogger(__name__)

PLAY_SECONDS = 3.0


class TonePlayer:
    """Plays `<sounds>/tones/<name>`; a tone that cannot be played is only logged: it told what had been done, it does nothing."""

    def __init__(self, ari: Ari, waiters: StasisWaiters, sounds: str) -> None:
        self._ari = ari
        self._waiters = waiters
        self._sounds = sounds
        self._done: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def play(self, channel: str, name: str) -> None:
        task = asyncio.create_task(self._play(channel, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def playback_done(self, playback: str) -> None:
        done = self._done.get(playback)
        if done is not None:
            done.set()

    async def _play(self, channel: str, name: str) -> None:
        whisperer, playback = str(uuid.uuid4()), str(uuid.uuid4())
        started = self._waiters.expect(whisperer)
        done = self._done[playback] = asyncio.Event()
        try:
            await self._ari.snoop(channel, whisperer, whisper="out")
            async with within(START_SECONDS):
                await started
            await self._ari.play(whisperer, f"sound:{self._sounds}/tones/{name}", playback)
            async with within(PLAY_SECONDS):
                await done.wait()
        except (AriRefused, AriUnreachable, TimeoutError) as error:
            log.warning("the tone '%s' could not be played to the agent (%s)", name, str(error) or "timed out")
        finally:
            self._waiters.forget(whisperer)
            del self._done[playback]
            await self._hang_up(whisperer)

    async def _hang_up(self, whisperer: str) -> None:
        try:
            await self._ari.hang_up(whisperer)
        except (AriRefused, AriUnreachable) as error:
            log.warning("a tone's channel could not be removed (%s)", error)
