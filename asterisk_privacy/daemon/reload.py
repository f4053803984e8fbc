"""A changed configuration, taken over while calls go on: SIGHUP, `asterisk-privacy reload`, `systemctl reload`.

New calls follow the new policy; a call keeps the one with which it began. What cannot change at run time is named, and stays as it was. A
configuration with a mistake in it changes nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from asterisk_privacy.daemon.config import SECTIONS, Config, load
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.logs import about
from asterisk_privacy.daemon.notify import notify
from asterisk_privacy.daemon.tenants import load_sealing
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.policy.book import Book
from asterisk_privacy.store.sealing import Sealing

log = logging.getLogger(__name__)

AT_RUN_TIME = frozenset(
    {
        *("agents.endpoints", "capture.blind_ms", "capture.silent_hold_seconds", "capture.music_hold_seconds"),
        *("ring.max_minutes", "ring.max_total_mib", "keys.grace_seconds", "keys.objection_purpose", "registry.country_code"),
        *("registry.unkept_calls_days", "registry.evidence_days"),
        *("registry.checkpoints", "registry.checkpoint_key", "registry.checkpoint_public_key"),
        *("purger.at", "purger.brake_percent", "purger.brake_at_least", "evaluations.default", "evaluations.agents", "log.level"),
    }
)
"""What else there is needs a restart, but for the tables of other programs."""
OF_OTHERS = frozenset({"office", "review"})


@dataclass(frozen=True, slots=True)
class Reloaded:
    """`problems`: why nothing was changed. `changed` and `restart`: settings as table.key, purposes and profiles by name."""

    problems: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """`config`: what holds from now on."""

    config: Config
    changed: tuple[str, ...]
    restart: tuple[str, ...]


def merged(old: Config, new: Config) -> Merged:
    """The new configuration where it can change at run time, the old one elsewhere."""
    changed, restart = list(_book_changes(old.book, new.book)), []
    sections = {}
    for name in SECTIONS:
        before, after = getattr(old, name), getattr(new, name)
        stay = {}
        for field in dataclasses.fields(before):
            place, was = f"{name}.{field.name}", getattr(before, field.name)
            if was == getattr(after, field.name):
                continue
            if place in AT_RUN_TIME:
                changed.append(place)
            elif name not in OF_OTHERS:
                restart.append(place)
                stay[field.name] = was
        sections[name] = replace(after, **stay)
    return Merged(Config(book=new.book, **sections), tuple(changed), tuple(restart))


def _book_changes(old: Book, new: Book) -> Iterator[str]:
    yield from (f"purposes.{name}" for name in _differing(old.purposes, new.purposes))
    lines = [
        {name: (replace(line, purposes=()), [p.name for p in line.purposes]) for name, line in book.profiles.items()} for book in (old, new)
    ]
    yield from (f"profiles.{name}" for name in _differing(*lines))
    yield from (f"tenants.{name}" for name in _differing(old.tenants, new.tenants))


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


class Reloader:
    """`apply` is given what holds from now on; it must not fail. `ok`: whether the file, as it was last read, could be used."""

    def __init__(self, path: Path, config: Config, sealing: Sealing, health: Health, apply: Callable[[Config, Sealing], None]) -> None:
        self.path = path
        self._config = config
        self._sealing = sealing
        self._health = health
        self._apply = apply
        self._one = asyncio.Lock()
        self.read_at = datetime.now(UTC)
        self.ok = True
        self.restart: tuple[str, ...] = ()
        self._then: list[Callable[[], None]] = []

    def then(self, follow: Callable[[], None]) -> None:
        """Called after each new configuration has taken effect."""
        self._then.append(follow)

    async def reload(self) -> Reloaded:
        async with self._one:
            # the protocol of Type=notify-reload (sd_notify(3)); with Type=notify it shows in `systemctl status`
            notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
            status = "a mistake in the recorder itself; see the journal"
            try:
                result = await self._reread()
                status = f"configuration read again: {in_words(result)}"
                if result.problems:
                    status = "the configuration has mistakes; what was read before still holds"
            finally:
                notify(f"READY=1\nSTATUS={status}")
        return result

    async def _reread(self) -> Reloaded:
        try:
            config, sealing = await asyncio.to_thread(self._read)
        except ConfigError as error:
            return self._refused(error.problems)
        except OperatorError as error:
            return self._refused((str(error),))
        return self._take(merged(self._config, config), sealing)

    def _read(self) -> tuple[Config, Sealing]:
        config = load(self.path)
        sealing = load_sealing(self._config.store.recipients, config.book)  # another file of them takes effect with a restart
        if sealing.without:
            raise ConfigError(tuple(sealing.without.values()))
        return config, sealing

    def _refused(self, problems: tuple[str, ...]) -> Reloaded:
        self.ok = False
        self._health.alarm(Alarm.CONFIG_REFUSED, f"{len(problems)} mistakes in {self.path}: what was read before still holds")
        for problem in problems:
            log.error("configuration: %s", problem, extra=about("config.problem"))
        return Reloaded(problems)

    def _take(self, new: Merged, sealing: Sealing) -> Reloaded:
        keys = ("store.recipients",) if sealing != self._sealing and "store.recipients" not in new.restart else ()
        result = Reloaded(changed=(*new.changed, *keys), restart=new.restart)
        self._config, self._sealing = new.config, sealing
        self._apply(new.config, sealing)
        for follow in self._then:
            follow()
        self.ok, self.read_at, self.restart = True, datetime.now(UTC), new.restart
        log.info("configuration read again: %s", in_words(result), extra=about("config.reloaded"))
        return result


def in_words(result: Reloaded) -> str:
    changed = f"changed for new calls: {', '.join(result.changed)}" if result.changed else "nothing changed at run time"
    return changed + (f"; restart for: {', '.join(result.restart)}" if result.restart else "")
