"""`asterisk-privacy serve`: puts the rooms together, runs them, and takes them down in order."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import os
import resource
import shutil
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Any

from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.advice import advice
from asterisk_privacy.asterisk.ari import Ari, AriAccess, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.ari_events import AriEvent, Unavailable
from asterisk_privacy.asterisk.audiosocket import AudioSocketServer
from asterisk_privacy.asterisk.fastagi import FastAgiServer
from asterisk_privacy.asterisk.link import Link
from asterisk_privacy.asterisk.reminders import ChannelReminders
from asterisk_privacy.asterisk.taps import SnoopCapture, StasisWaiters
from asterisk_privacy.asterisk.tones import TonePlayer
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.call.timing import Timing
from asterisk_privacy.daemon.aftermath import settle_after_crash
from asterisk_privacy.daemon.callers import Callers
from asterisk_privacy.daemon.control import ControlServer
from asterisk_privacy.daemon.health import Alarm, Health, place_of
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.metrics_server import MetricsServer
from asterisk_privacy.daemon.notify import notify, watchdog_seconds
from asterisk_privacy.daemon.remembered import Reminders
from asterisk_privacy.daemon.report import Running, status_report
from asterisk_privacy.daemon.runner import Tools
from asterisk_privacy.daemon.schedule import PurgeSchedule
from asterisk_privacy.daemon.settings import Address, Config, Unfinished
from asterisk_privacy.daemon.supervisor import Supervisor
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.numbers import load_key
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

log = logging.getLogger(__name__)

RELEASE_SECONDS = 0.1
PR_SET_DUMPABLE = 4  # linux/prctl.h
LEAST_FREE_BYTES = 64 << 20
"""Below this much room on the recordings' disk no new call is announced or recorded."""


async def serve(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Raises OperatorError with one line where only a person can help."""
    _never_dump_core()
    async with AsyncExitStack() as stack:
        service = (await assemble(config, stack)).service
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(service.caught)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        # ready means: the dialplan gets an answer. Asterisk may come up later; until then the answer is "unrecorded"
        notify("READY=1\nSTATUS=waiting for Asterisk")
        work = [
            asyncio.create_task(service.link.run(), name="link"),
            asyncio.create_task(service.pulse(), name="pulse"),
            asyncio.create_task(stopping.wait(), name="stop"),
        ]
        done, pending = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        notify("STOPPING=1")
        log.info("stopping: %d calls in progress", len(service.supervisor.runners))
        await service.supervisor.close()
        await service.capture.drained()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()  # raises what ended the link


class Service:
    """The running parts, and the link's listener."""

    def __init__(
        self, config: Config, recipients: Recipients, ari: Ari, link: Link, supervisor: Supervisor, capture: SnoopCapture, health: Health
    ) -> None:
        self.config = config
        self.recipients = recipients
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


class _Ears:
    """Stands between link and supervisor to do, at each connection, what needs further requests."""

    def __init__(self, ari: Ari, capture: SnoopCapture, health: Health) -> None:
        self._ari = ari
        self._capture = capture
        self._health = health
        self._supervisor: Supervisor | None = None
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
        if self._supervisor is not None:
            self._supervisor.link_up(reading)
        log.info("ARI connected: %d channels, %d bridges", len(reading.channels), len(reading.bridges))
        notify("STATUS=connected to Asterisk")

    def pbx_told(self, event: AriEvent) -> None:
        if isinstance(event, Unavailable):
            self._missed += 1  # an alarm of its own; not to be counted again from the dialplan's counter
        if self._supervisor is not None:
            self._supervisor.pbx_told(event)

    def link_down(self, why: str) -> None:
        notify("STATUS=not connected to Asterisk; calls go on unrecorded")
        if self._supervisor is not None:
            self._supervisor.link_down(why)

    async def _after_connecting(self, reading: Reading) -> None:
        """Orphans of a daemon that died are removed; calls that the dialplan counted as missed meanwhile become an alarm."""
        try:
            swept = await self._capture.sweep(reading.channels)
            self._health.advice = await advice(self._ari)
            missed = int(await self._ari.global_variable(names.MISSED_VARIABLE) or "0")
        except (AriRefused, AriUnreachable, ValueError) as error:  # msgspec's are ValueErrors too
            log.warning("after connecting: %s", error)
            return
        for line in self._health.advice:
            log.warning("advice: %s", line)
        if swept:
            log.warning("%d taps of a daemon that died were removed", swept)
        if missed > self._missed:
            more = missed - self._missed
            self._health.alarm(Alarm.MISSED_CALLS, f"{more} calls went on unrecorded without an answer from the daemon", times=more)
        self._missed = missed


async def assemble(config: Config, stack: AsyncExitStack) -> Running:
    """Everything but the link to Asterisk, which `serve` runs."""
    health = Health()
    _one_daemon_only(config.control.socket.parent / "lock", "control.socket", stack)
    # and a second one with a run directory of its own would take the first one's open recordings for what a crash left
    _one_daemon_only(config.registry.path.with_name(config.registry.path.name + ".lock"), "registry.path", stack)
    recipients = Recipients.load(config.store.recipients)
    number_key = load_key(config.registry.number_key)
    access = AriAccess(config.asterisk.ari_url, config.asterisk.ari_user, _secret(config.asterisk.ari_password_file))
    vault = Vault(config.store.directory, recipients)
    registry = Registry.open(config.registry.path, actor="recorder")
    ledger = Ledger(registry, health)
    stack.callback(ledger.close)
    settled = await ledger.ask(lambda r: settle_after_crash(r, vault, config.store.unfinished is Unfinished.SEAL))

    ari = Ari(access, config.asterisk.app)
    await ari.open()
    stack.push_async_callback(ari.close)
    audio = AudioSocketServer()
    waiters = StasisWaiters()
    capture = SnoopCapture(ari, audio, waiters)
    ears = _Ears(ari, capture, health)
    quarantine = config.capture.quarantine_ms / 1000
    link = Link(ari, ears, quarantine)
    reminders, on_channels = Reminders(number_key), ChannelReminders(ari)
    memory = RingMemory(config.ring.max_total_mib << 20)
    tools = Tools(
        capture=capture,
        tones=TonePlayer(ari, waiters, str(config.dialplan.sounds)),
        vault=vault,
        ledger=ledger,
        health=health,
        new_ring=lambda: Ring(config.ring.max_minutes * 60, memory),
        # a pong may overtake an event that Asterisk has not sent yet, so it too proves only what happened a quarantine before it
        proven=lambda: min(monotonic(), link.proven_until) - quarantine,
        timing=Timing(config.capture.resume_debounce_ms / 1000, quarantine, float(config.keys.grace_seconds)),
        blind_seconds=config.capture.blind_ms / 1000,
        new_suspense=lambda: Suspense(config.capture.silent_hold_seconds, config.capture.music_hold_seconds),
        objection_purpose=config.keys.objection_purpose,
        remember=lambda channel, memory: on_channels.write(channel, reminders.write(channel, memory)),
    )
    callers = Callers(ledger, number_key, recipients, config.registry.country_code)
    readiness = _readiness(config.store.directory)
    supervisor = Supervisor(config, tools, waiters, callers, health, readiness, reminders, settled.calls)
    ears.attach(supervisor)

    agi = FastAgiServer(supervisor.answer, took=health.tally.agi_seconds.observe)
    await _listen("fastagi.listen", config.fastagi.listen, agi.start)
    stack.push_async_callback(agi.stop)
    await _listen("capture.listen", config.capture.listen, audio.start)
    stack.push_async_callback(audio.stop)
    purging = PurgeSchedule(config, vault, health)
    await purging.start()
    stack.push_async_callback(purging.stop)
    service = Service(config, recipients, ari, link, supervisor, capture, health)
    running = Running(service, agi, audio, memory, purging)
    control = ControlServer(config.control.socket, {"status": lambda: status_report(running)})
    try:
        await control.start()
    except OSError as error:
        raise OperatorError(f"control.socket = {config.control.socket}: {error.strerror or error}; make its directory writable") from error
    stack.push_async_callback(control.stop)
    if config.metrics.listen is not None:
        metrics = MetricsServer(running)
        await _listen("metrics.listen", config.metrics.listen, metrics.start)
        stack.push_async_callback(metrics.stop)
    return running


async def _listen(setting: str, address: Address, start: Callable[[str, int], Awaitable[None]]) -> None:
    try:
        await start(address.host, address.port)
    except OSError as error:
        raise OperatorError(
            f"{setting} = {address}: {error.strerror or error}; is another asterisk-privacy running? change the address or stop it"
        ) from error


def _one_daemon_only(path: Path, setting: str, stack: AsyncExitStack) -> None:
    """A lock beside what only one daemon may use: two on one PBX would record each call twice."""
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperatorError(f"{path.parent}: {error.strerror}; make it a directory that this user owns ({setting})") from error
    stack.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OperatorError(f"another asterisk-privacy runs already ({path} is held): stop it first") from None


def _secret(path: Path) -> str:
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: {error}; write the ARI user's password there, readable by this user only") from error
    if not secret:
        raise OperatorError(f"{path}: is empty; write the ARI user's password there")
    return secret


def _readiness(directory: Path) -> Callable[[], str | None]:
    def why_not() -> str | None:
        try:
            free = shutil.disk_usage(directory).free
        except OSError as error:
            return f"{directory}: {error.strerror}"
        return None if free >= LEAST_FREE_BYTES else f"{directory}: only {free >> 20} MiB free; make room"

    return why_not


def _never_dump_core() -> None:
    """A core file would put the ring on the disk (promise 2). Not dumpable also means: a crash handler that takes cores through a pipe
    (which the limit does not stop) gets none, and no other process of this user reads our memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        log.warning("prctl(PR_SET_DUMPABLE): %s", os.strerror(ctypes.get_errno()))
