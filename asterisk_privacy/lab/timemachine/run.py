"""Runs the years: calls by day, the real purger each night, the watch after it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.lab.timemachine.bulk import Clock, NoFiles, insert, registry_of_a_simulation
from asterisk_privacy.lab.timemachine.office import Office
from asterisk_privacy.lab.timemachine.watch import Watch
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.retention import Criterion
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.purger import Purger

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NIGHT = timedelta(days=1, hours=3, minutes=30)  # after the begin of the day whose calls it follows
A_WEEK = 7


class Rows(RegistryRows):
    """As the daemon's. There are no files to compare rows with, and the run stands in no table: a night is one transaction."""

    def states(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def note_purge(self, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Outcome:
    calls: int
    refused: int
    happened: Mapping[str, int]  # how often each kind of thing
    watch: Watch
    nights: int
    seconds: float
    cpu_seconds: float
    peak_mib: int | None  # the most that this process ever had in memory; None where the system does not tell
    audit_ok: bool
    audit_entries: int

    @property
    def recorded(self) -> int:
        return self.watch.deleted + self.watch.erased_on_request + len(self.watch.living)


def simulate(
    book: Book,
    path: Path,
    years: float,
    calls: int,
    seed: int,
    tick: Callable[[], None] = lambda: None,
    rows: Callable[[Registry], RegistryRows] = Rows,
) -> Outcome:
    """`path`: a new SQLite file. `tick` is called after each night. OperatorError if the file cannot be written."""
    began, worked = time.monotonic(), time.process_time()
    clock, watch, chance = Clock(BEGIN), Watch(), Random(seed)
    file, registry = registry_of_a_simulation(path, clock)
    try:
        office = Office(book, registry, watch, chance)
        purger = Purger(rows(registry), NoFiles(), 100, 1)
        texts: dict[Criterion, str] = {}
        nights = days(years)
        for number in range(nights):
            day = BEGIN + timedelta(days=number)
            today = calls * (number + 1) // nights - calls * number // nights
            clock.now = day + NIGHT
            with file.change():
                kept = list(office.calls(day, today))
                insert(file, kept, texts)
                for call in kept:
                    watch.born(call)
                    office.foresee(call)
                office.due(clock.now)
                report = purger.run(clock.now, dry_run=False, override_brake=True)
                watch.gone(report.deleted, clock.now)
                # nobody else is at work here: what was planned and then spared was planned wrongly
                wrong = [f"{f.item_id}: {f.why}" for f in report.failed] + [f"{s.item_id}: {s.why}" for s in report.spared]
                watch.night(clock.now, registry.sealed_count(), wrong)
            if number % A_WEEK == 0 or number == nights - 1:
                watch.sample(clock.now)
            tick()
        trail = registry.verify_audit()
        return Outcome(
            calls=calls,
            refused=office.refused,
            happened=dict(sorted(office.happened.items())),
            watch=watch,
            nights=nights,
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - worked,
            peak_mib=_peak_mib(),
            audit_ok=trail.ok,
            audit_entries=trail.entries,
        )
    finally:
        file.close()


def days(years: float) -> int:
    return max(1, round(years * 365.25))


def _peak_mib() -> int | None:
    """Not ru_maxrss: that one remembers the process that started this one."""
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return None if found is None else int(found[1]) // 1024
