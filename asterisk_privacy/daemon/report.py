"""What `status` shows: one report of the running daemon, without personal data."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asterisk_privacy import __version__
from asterisk_privacy.asterisk.audiosocket import AudioSocketServer
from asterisk_privacy.asterisk.fastagi import FastAgiServer
from asterisk_privacy.audio.ring import RingMemory
from asterisk_privacy.daemon.clock_watch import ClockWatch
from asterisk_privacy.daemon.control import Report
from asterisk_privacy.daemon.draining import Draining
from asterisk_privacy.daemon.logs import current_level
from asterisk_privacy.daemon.neighbours import Neighbourhood
from asterisk_privacy.daemon.registry_watch import RegistryWatch
from asterisk_privacy.daemon.schedule import PurgeSchedule
from asterisk_privacy.daemon.uploads import Uploads

if TYPE_CHECKING:
    from asterisk_privacy.daemon.parts import Service
    from asterisk_privacy.daemon.reload import Reloader


@dataclass(frozen=True, slots=True)
class Running:
    """The parts of the daemon that can be asked what they did."""

    service: Service
    agi: FastAgiServer
    audio: AudioSocketServer
    memory: RingMemory
    purging: PurgeSchedule
    reloader: Reloader
    draining: Draining
    clock: ClockWatch
    registry: RegistryWatch
    uploads: Uploads | None = None  # None: recordings stay on this machine
    neighbours: Neighbourhood | None = None  # None: the registry is a file of this machine


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes; zeros where it does not answer."""

    free: int
    size: int


def disk_of(directory: Path) -> Disk:
    """May wait for the disk."""
    try:
        usage = shutil.disk_usage(directory)
    except OSError:
        return Disk(0, 0)
    return Disk(usage.free, usage.total)


def status_report(running: Running, disk: Disk) -> Report:
    service, agi, audio, memory, purging = running.service, running.agi, running.audio, running.memory, running.purging
    runners = service.supervisor.runners
    return {
        "version": __version__,
        "ari": {
            "connected": service.link.up,
            "app": service.ari.app,
            "requests": service.ari.requests,
            **{name: service.link.counts[name] for name in ("lost", "handshake_failed", "unknown", "malformed", "clock_set")},
        },
        "agi": {"answered": agi.served, "dropped": agi.problems},
        "capture": {
            "taps": sum(r.media.taps for r in runners),
            "peers": audio.connected,
            "attached": service.capture.attached,
            "failed": service.capture.failed,
            "uninvited": audio.uninvited,
            "strangers": audio.strangers,
            "broken": audio.broken,
            **service.capture.report(),
            "silent_holds": dict(service.health.silent_holds),
            "silent_legs": {why.value: dict(count) for why, count in service.health.silent_legs.items() if count},
            "silent_between_words": dict(service.health.gated),
            "missing_seconds": round(service.health.tally.missing_seconds + sum(r.media.missing_seconds for r in runners), 2),
        },
        "calls": {
            "now": len(runners),
            "by_life": dict(Counter(r.recorder.situation.life.value for r in runners)),
            "begun": service.health.calls_begun,
            "taken_up": service.health.calls_taken_up,
            "outcomes": dict(service.health.outcomes),
            "notices_failed": dict(service.health.notices_failed),
            "outsiders": dict(service.health.outsiders),
            "colleagues": dict(service.health.colleagues),
        },
        "draining": draining_report(running.draining),
        "ring": {"bytes": memory.used, "limit": memory.limit},
        "purge": {
            "last": purging.last.isoformat() if purging.last else None,
            "next": purging.next.isoformat() if purging.next else None,
            "overdue": purging.overdue,
        },
        **({} if running.uploads is None else {"uploads": _uploads(running.uploads)}),
        "clock": {"doubted": running.clock.words},
        "registry": {"gone": running.registry.gone},
        "astray": purging.astray.report(),
        "requests": dataclasses.asdict(purging.requests.counts),
        "alarms": {alarm.value: count for alarm, count in sorted(service.health.alarms.items())},
        "advice": list(service.health.advice),
        "keys": list(service.sealing.all.publics),
        "disk": dataclasses.asdict(disk),
        "config": {
            "read": running.reloader.read_at.isoformat(),
            "refused": not running.reloader.ok,
            "restart": list(running.reloader.restart),
        },
        "log_level": current_level(),
        "process": {"max_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "tasks": len(asyncio.all_tasks())},
    }


def draining_report(draining: Draining) -> Report:
    """`left` only means something while it is on."""
    left = draining.left()
    return {
        "on": draining.on,
        "stops": draining.stops,
        "empty": draining.on and left.nothing,
        **dataclasses.asdict(left),
        "words": str(left),
    }


def _uploads(uploads: Uploads) -> Report:
    waiting = uploads.waiting
    return {
        "waiting": waiting.count,
        "bytes": waiting.size,
        "oldest": None if waiting.oldest is None else waiting.oldest.isoformat(),
        "uploaded": uploads.uploaded,
        "failures": uploads.failures,
        "error": uploads.error,
    }
