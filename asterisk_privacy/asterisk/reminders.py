"""Writes what each call's next daemon must know, in order, without making anybody wait: the newest value of a call wins."""

from __future__ import annotations

import asyncio
import logging

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable

log = logging.getLogger(__name__)


class CallReminders:
    def __init__(self, ari: Ari) -> None:
        self._ari = ari
        self._newest: dict[str, str | None] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def write(self, channel: str, value: str | None) -> None:
        """`channel`: the customer's. None: the call is over."""
        self._newest[channel] = value
        if channel not in self._writing:
            task = asyncio.create_task(self._write(channel))
            self._writing[channel] = task
            task.add_done_callback(lambda _task: self._writing.pop(channel, None))

    async def _write(self, channel: str) -> None:
        while channel in self._newest:
            value = self._newest.pop(channel)
            try:
                await self._ari.set_global_variable(names.later_state(channel), value)
            except (AriRefused, AriUnreachable) as error:
                # after a crash now, what was remembered before would count
                log.warning("a call's state could not be left with Asterisk (%s)", error)
