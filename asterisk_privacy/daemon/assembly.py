"""Puts the rooms together: everything that the daemon is made of, and what of it a changed configuration reaches."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import monotonic

from asterisk_privacy import file_access
from asterisk_privacy.asterisk import leg_facts
from asterisk_privacy.asterisk.agent_marks import is_agents
from asterisk_privacy.asterisk.ari import Ari
from asterisk_privacy.asterisk.audiosocket import AudioSocketServer
from asterisk_privacy.asterisk.fastagi import FastAgiServer
from asterisk_privacy.asterisk.link import Link
from asterisk_privacy.asterisk.reminders import CallReminders
from asterisk_privacy.asterisk.tap_names import TapNames, load_secret
from asterisk_privacy.asterisk.taps import SnoopCapture, StasisWaiters
from asterisk_privacy.asterisk.tones import TonePlayer
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.call.timing import Timing
from asterisk_privacy.daemon.aftermath import Settled, settle_after_crash
from asterisk_privacy.daemon.agents import Agents
from asterisk_privacy.daemon.ari_access import ari_access
from asterisk_privacy.daemon.call_tools import Tools
from asterisk_privacy.daemon.callers import Callers
from asterisk_privacy.daemon.capturing import capture_of, ring_of
from asterisk_privacy.daemon.clock_watch import ClockWatch
from asterisk_privacy.daemon.control import ControlServer
from asterisk_privacy.daemon.draining import Draining
from asterisk_privacy.daemon.errands import answers
from asterisk_privacy.daemon.exposed import refuse_open_registry
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.logs import set_level
from asterisk_privacy.daemon.lost_registry import refuse_fresh_registry
from asterisk_privacy.daemon.neighbours import Neighbourhood, Now
from asterisk_privacy.daemon.old_place import refuse_half_moved
from asterisk_privacy.daemon.old_place import warnings as left_behind
from asterisk_privacy.daemon.page_desk import PageDesk, page_socket
from asterisk_privacy.daemon.parts import Ears, Service
from asterisk_privacy.daemon.questions import Questions
from asterisk_privacy.daemon.reach import dialled, plain_tcp
from asterisk_privacy.daemon.registry_place import home_of, keep_name, refuse_old_store
from asterisk_privacy.daemon.registry_watch import RegistryWatch
from asterisk_privacy.daemon.reload import Reloader
from asterisk_privacy.daemon.remembered import Reminders
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.daemon.schedule import PurgeSchedule
from asterisk_privacy.daemon.settings import Address, Config, Unfinished
from asterisk_privacy.daemon.sounds import wrong_sounds
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.daemon.supervisor import Supervisor
from asterisk_privacy.daemon.tenants import refuse_part, sealing_of
from asterisk_privacy.daemon.uploads import Uploads
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.locks import note, take
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.db import own_only
from asterisk_privacy.registry.numbers import load_key
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.sealing import Sealing
from asterisk_privacy.store.vault import Vault

LEAST_FREE_BYTES = 64 << 20
"""Below this much room on the recordings' disk no new call is announced or recorded."""
ANSWER_SECONDS = 10.0
"""A registry's server that does not answer for so long is taken for lost."""

MOST_STUCK_SECONDS = 5.0
"""Once the registry has refused everything for longer than this, no new call is announced or recorded: its row could not be written."""
RINGS_FULL = "the calls that go on need more memory than [ring] max_total_mib: the oldest audio of one that nobody has saved is given up"


async def assemble(config: Config, path: Path, stack: AsyncExitStack) -> Running:
    """Everything but the link to Asterisk, which `serve` runs. `path`: where `config` was read."""
    health = Health()
    packets = ring_of(config, stack)
    _one_daemon_only(config.control.socket.parent / "lock", "control.socket", stack)
    sealing = sealing_of(config)
    number_key = load_key(config.registry.number_key)
    access = ari_access(config)
    vault = vault_of(config, sealing)
    ledger = Ledger(_own_registry(config, stack), health)
    stack.callback(ledger.close)
    settled = await _settle(config, ledger, vault, health)

    ari = Ari(access, config.asterisk.app)
    await ari.open()
    stack.push_async_callback(ari.close)
    audio = AudioSocketServer(TapNames(load_secret(config.capture.secret_file) if config.capture.secret_file else None))
    waiters = StasisWaiters()
    snoops = SnoopCapture(ari, audio, waiters, str(config.capture.advertise or ""))
    capture = capture_of(packets, ari, snoops, partial(health.alarm, Alarm.TAP_FAILED), stack)
    questions = Questions(health)
    told = (*plain_tcp(config), *left_behind(config), *sealing.without.values())
    ears = Ears(ari, capture, health, questions, dialled(config), config.agents.endpoints, told, wrong_sounds(config, in_unit=True))
    quarantine = config.capture.quarantine_ms / 1000
    link = Link(ari, ears, quarantine)
    reminders, left_there = Reminders(number_key), CallReminders(ari)
    memory = RingMemory(config.ring.max_total_mib << 20, partial(health.alarm, Alarm.RING_FULL, RINGS_FULL))
    tones = TonePlayer(ari, waiters, str(config.dialplan.sounds))

    def tools(by: Config) -> Tools:
        """For calls that begin from now on."""
        return Tools(
            capture=capture,
            tones=tones,
            vault=vault,
            ledger=ledger,
            health=health,
            new_ring=lambda: Ring(by.ring.max_minutes * 60, memory),
            # a pong may overtake an event that Asterisk has not sent yet, so it too proves only what happened a quarantine before it
            proven=lambda: min(monotonic(), link.proven_until) - quarantine,
            timing=Timing(by.capture.resume_debounce_ms / 1000, quarantine, float(by.keys.grace_seconds)),
            blind_seconds=by.capture.blind_ms / 1000,
            new_suspense=lambda: Suspense(by.capture.silent_hold_seconds, by.capture.music_hold_seconds),
            ask_leg=partial(leg_facts.ask, ari),
            objection_purpose=by.keys.objection_purpose,
            remember=lambda channel, memory: left_there.write(channel, reminders.write(channel, memory) if memory is not None else None),
        )

    def callers(by: Config, to: Sealing) -> Callers:
        return Callers(ledger, number_key, to, by.registry.country_code)

    uploads = _uploads(config, vault, health, stack)
    purging, clock, watch = _watches(config, vault, ledger, health)
    supervisor = Supervisor(
        config, tools(config), waiters, callers(config, sealing), health,
        _readiness(config.store.directory, ledger, uploads, clock, watch), reminders,
        Agents(partial(is_agents, ari), config.agents.endpoints), settled.calls,
    )  # fmt: skip
    ears.attach(supervisor)

    agi = FastAgiServer(
        questions.believe, supervisor.answer, took=health.tally.agi_seconds.observe, unheard=supervisor.unheard, dropped=questions.dropped
    )
    for setting, address, server in (("fastagi.listen", config.fastagi.listen, agi), ("capture.listen", config.capture.listen, audio)):
        await _listen(setting, address, server.start)
        stack.push_async_callback(server.stop)
    await _start((purging, clock, watch), stack)
    service = Service(config, sealing, ari, link, supervisor, capture, health)

    def follow(new: Config, to: Sealing) -> None:
        vault.seal_to(to)
        memory.limit = new.ring.max_total_mib << 20
        supervisor.follow(new, tools(new), callers(new, to))
        purging.follow(new)
        ears.agents = new.agents.endpoints
        if new.log != service.config.log:
            set_level(new.log.level)
        service.config, service.sealing = new, to

    reloader = Reloader(path, config, sealing, health, follow)
    neighbours = await _neighbours(config, ledger, service, purging, uploads, stack)
    return await _answer_people(
        Running(service, agi, audio, memory, purging, reloader, Draining(supervisor, ledger, uploads), clock, watch, uploads, neighbours),
        stack,
    )


async def _settle(config: Config, ledger: Ledger, vault: Vault, health: Health) -> Settled:
    settled = await ledger.ask_once(lambda r: settle_after_crash(r, vault, config.store.unfinished is Unfinished.SEAL))
    for words in settled.astray:
        health.alarm(Alarm.ASTRAY, words)
    return settled


def _watches(config: Config, vault: Vault, ledger: Ledger, health: Health) -> tuple[PurgeSchedule, ClockWatch, RegistryWatch]:
    purging, place = PurgeSchedule(config, vault, health), home_of(config)
    where = place.where if isinstance(place, Server) else str(place)
    return purging, ClockWatch(ledger, health, purging.clock_was_set), RegistryWatch(ledger, health, where)


async def _start(parts: Iterable[PurgeSchedule | ClockWatch | RegistryWatch], stack: AsyncExitStack) -> None:
    for part in parts:
        await part.start()
        stack.push_async_callback(part.stop)


async def _page_desk(running: Running, stack: AsyncExitStack) -> None:
    """Calls do not depend on it: where its socket cannot be made, the page says that nobody answers."""
    config, health, reloader = running.service.config, running.service.health, running.reloader
    place = page_socket(config)
    if place is None:
        return
    desk = PageDesk(place, reloader.path, health)
    try:
        await desk.start()
    except OSError as error:
        if config.review.accounts.exists():
            words = f"{place}: {error.strerror or error}; the review page has nobody to ask: make its directory writable"
            health.alarm(Alarm.PAGE_DESK_FAILED, words)
        return
    stack.push_async_callback(desk.stop)
    reloader.then(desk.follow)


async def _neighbours(
    config: Config, ledger: Ledger, service: Service, purging: PurgeSchedule, uploads: Uploads | None, stack: AsyncExitStack
) -> Neighbourhood | None:
    """Where several nodes share the registry."""
    place = home_of(config)
    if not isinstance(place, Server):
        return None

    def now() -> Now:
        waiting = 0 if uploads is None else uploads.waiting.count
        return Now(len(service.supervisor.runners), purging.last, waiting, sum(service.health.alarms.values()))

    neighbours = Neighbourhood(ledger, service.health, place.node, place.where, now)
    await neighbours.start()
    stack.push_async_callback(neighbours.stop)
    return neighbours


def _uploads(config: Config, vault: Vault, health: Health, stack: AsyncExitStack) -> Uploads | None:
    if not config.s3.bucket:
        return None

    def open_registry() -> Registry:
        return Registry.open(home_of(config), actor="recorder", answer_seconds=ANSWER_SECONDS, create=False)

    uploads = Uploads(vault, open_registry, health, config.s3)
    uploads.start()
    stack.push_async_callback(asyncio.to_thread, uploads.stop)
    return uploads


async def _answer_people(running: Running, stack: AsyncExitStack) -> Running:
    """The control socket, what the review page asks, and what Prometheus does."""
    config = running.service.config
    await _page_desk(running, stack)
    control = ControlServer(config.control.socket, answers(running))
    try:
        await control.start()
    except OSError as error:
        raise OperatorError(f"control.socket = {config.control.socket}: {error.strerror or error}; make its directory writable") from error
    stack.push_async_callback(control.stop)
    if config.metrics.listen is not None:
        from asterisk_privacy.daemon.metrics_server import MetricsServer  # noqa: PLC0415 - a web server: 3.4 MB and 50 ms of the start

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
        lock = file_access.lock_file(path)
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}; it and its directory must belong to the user that runs this ({setting})") from error
    stack.callback(os.close, lock)
    take(lock, path, f"another asterisk-privacy runs already ({path} is held): stop it first")
    os.ftruncate(lock, 0)
    os.write(lock, f"{note()}\n".encode())


def _own_registry(config: Config, stack: AsyncExitStack) -> Registry:
    """A second daemon, with a run directory of its own, would take the first one's open recordings for what a crash left."""
    if not config.registry.url:
        _one_daemon_only(config.registry.path.with_name(config.registry.path.name + ".lock"), "registry.path", stack)
        own_only(config.registry.path)
    refuse_half_moved(config)
    refuse_open_registry(config)
    refuse_fresh_registry(config)
    registry = Registry.open(home_of(config), actor="recorder", answer_seconds=ANSWER_SECONDS)
    stack.callback(registry.close)
    refuse_part(registry)
    registry.claim_node()
    registry.nodes.refuse_if_retired()
    refuse_old_store(config, registry)
    keep_name(config)
    return registry


def _readiness(
    directory: Path, ledger: Ledger, uploads: Uploads | None, clock: ClockWatch, registry: RegistryWatch
) -> Callable[[], str | None]:
    def why_not() -> str | None:
        if ledger.stuck_seconds > MOST_STUCK_SECONDS:
            return f"the registry has taken nothing for {ledger.stuck_seconds:.0f} s"
        try:
            free = shutil.disk_usage(directory).free
        except OSError as error:
            return f"{directory}: {error.strerror}"
        if free < LEAST_FREE_BYTES:
            return f"{directory}: only {free >> 20} MiB free; make room"
        if (why := registry.why_not() or clock.why_not()) is not None:
            return why
        return None if uploads is None else uploads.why_full()

    return why_not
