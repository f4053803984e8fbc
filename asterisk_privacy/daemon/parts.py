"""The daemon's two parts that know the others: who owns the link, and who listens to it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from functools import partial
from time import monotonic
from typing import Any

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.advice import Dialled, advice
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.ari_events import AriEvent, Unavailable
from asterisk_privacy.asterisk.hold_check import HoldCheck
from asterisk_privacy.asterisk.link import Link
from asterisk_privacy.asterisk.taps import TendedCapture
from asterisk_privacy.call.pbx import PbxEvent
from asterisk_privacy.daemon.health import Alarm, Health, place_of
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.notify import notify, watchdog_seconds
from asterisk_privacy.daemon.questions import Questions
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.supervisor import Supervisor
from asterisk_privacy.store.sealing import Sealing

log = logging.getLogger(__name__)

RELEASE_SECONDS = 0.5
"""Audio that has waited for longer than the quarantine may wait this much longer: few large pieces cost less than many small ones."""
_ENDPOINT = re.compile(r"\bendpoint \S+")


class Service:
    """The running parts, and the link's listener."""

    def __init__(
        self, config: Config, sealing: Sealing, ari: Ari, link: Link, supervisor: Supervisor, capture: TendedCapture, health: Health
    ) -> None:
        self.config = config
        self.sealing = sealing
        self.ari = ari
        self.link = link
        self.supervisor = supervisor
        self.capture = capture
        self.health = health

    def caught(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The net below everything: a mistake of ours shuts all gates until the state was read again (promise 4). The log gets its place
        in the code, not its words, which may hold a name or a number."""
        mistake = context.get("exception")
        if mistake is None or (isinstance(mistake, OSError) and "transport" in context):  # a peer's trouble, or a reminder of asyncio's
            log.warning("event loop: %s", type(mistake).__name__ if mistake else str(context.get("message"))[:100])
            return
        self.link.distrust("a mistake in the recorder itself")
        self.health.alarm(Alarm.INTERNAL, f"{type(mistake).__name__} at {place_of(mistake)}; please report it")

    async def pulse(self) -> None:
        """The daemon's heartbeat: releases audio, and tells systemd's watchdog that the loop still turns."""
        every = watchdog_seconds()
        next_watchdog = monotonic()
        while True:
            await asyncio.sleep(RELEASE_SECONDS)
            asyncio.get_running_loop().call_soon(self.supervisor.release)  # a mistake in there must not stop the pulse
            if every is not None and monotonic() >= next_watchdog:
                notify("WATCHDOG=1")
                next_watchdog = monotonic() + every / 3


class Ears:
    """Stands between link and supervisor to do, at each connection, what needs further requests."""

    def __init__(
        self,
        ari: Ari,
        capture: TendedCapture,
        health: Health,
        questions: Questions,
        dialled: Dialled,
        agents: Sequence[str],
        warnings: Iterable[str] = (),
        sounds: Iterable[str] = (),
    ) -> None:
        """`agents`: [agents] endpoints. `warnings`: what is known before Asterisk is asked; `sounds`: what it cannot play, told once it is
        connected."""
        self._ari = ari
        self._capture = capture
        self._health = health
        self._questions = questions
        self._dialled = dialled
        self.agents = agents
        self._sounds = tuple(sounds)
        self._warnings = tuple(warnings)
        for line in self._warnings:
            log.warning("advice: %s", line)
        self._warnings = health.advice = (*self._warnings, *self._sounds)
        self._supervisor: Supervisor | None = None
        self._holds = HoldCheck(ari, self._tell, partial(health.alarm, Alarm.HOLDS_HIDDEN))
        self._missed = 0
        self._work: set[asyncio.Task[None]] = set()
        self.connections = 0

    def attach(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def link_up(self, reading: Reading) -> None:
        self.connections += 1
        task = asyncio.create_task(self._after_connecting(reading))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        self._questions.link_up(reading)
        if self._supervisor is not None:
            self._supervisor.link_up(reading)
            self._holds.connected(reading)
        log.info("ARI connected: %d channels, %d bridges", len(reading.channels), len(reading.bridges), extra=about("ari.connected"))
        notify("STATUS=connected to Asterisk")

    def pbx_told(self, event: AriEvent) -> None:
        if isinstance(event, Unavailable):
            self._missed += 1  # an alarm of its own; not to be counted again from the dialplan's counter
        self._questions.pbx_told(event)
        if not (isinstance(event, PbxEvent) and self._holds.takes(event)):
            self._tell(event)

    def _tell(self, event: AriEvent) -> None:
        if self._supervisor is not None:
            self._supervisor.pbx_told(event)

    def link_down(self, why: str) -> None:
        notify("STATUS=not connected to Asterisk; calls go on unrecorded")
        self._questions.link_down()
        self._holds.disconnected()
        if self._supervisor is not None:
            self._supervisor.link_down(why)

    async def _after_connecting(self, reading: Reading) -> None:
        """Orphans of a daemon that died are removed; calls that the dialplan counted as missed meanwhile become an alarm."""
        try:
            swept = await self._capture.sweep(reading.channels)
            asked = await advice(self._ari, self._dialled, self.agents)
            self._health.advice = (*self._warnings, *asked)
            missed = int(await self._ari.global_variable(names.MISSED_VARIABLE) or "0")
        except (AriRefused, AriUnreachable, ValueError) as error:  # msgspec's are ValueErrors too
            log.warning("after connecting: %s", error)
            return
        for line in dict.fromkeys(
            (*self._sounds, *(_ENDPOINT.sub("an endpoint", line) for line in asked))
        ):  # `status` names the phones; the log does not
            log.warning("advice: %s", line)
        if swept:
            log.warning("%d channels of a daemon that died were removed", swept)
        if missed > self._missed:
            more = missed - self._missed
            self._health.alarm(Alarm.MISSED_CALLS, f"{more} calls went on unrecorded without an answer from the daemon", times=more)
        self._missed = missed
