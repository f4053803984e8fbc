"""Writes one variable on channels, in order, without making anybody wait: the newest value of a channel wins."""

from __future__ import annotations

import asyncio
import logging

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable

log = logging.getLogger(__name__)


class ChannelReminders:
    def __init__(self, ari: Ari) -> None:
        self._ari = ari
        self._newest: dict[str, str] = {}
        self._writing: dict[str, asyncio.Task[None]] = {}

    def write(self, channel: str, value: str) -> None:
        self._newest[channel] = value
        if channel not in self._writing:
            task = asyncio.create_task(self._write(channel))
            self._writing[channel] = task
            task.add_done_callback(lambda _task: self._writing.pop(channel, None))

    async def _write(self, channel: str) -> None:
        while (value := self._newest.pop(channel, None)) is not None:
            try:
                await self._ari.set_variable(channel, names.STATE_VARIABLE, value)
            except (AriRefused, AriUnreachable) as error:
                # gone, or the link is: after a crash now, what was remembered before would count
                log.info("a call's state could not be left on its channel (%s)", error)
