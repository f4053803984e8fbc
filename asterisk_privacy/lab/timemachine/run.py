"""Runs the years: calls by day, the real purger each night, the watch after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.lab.timemachine.bulk import Clock, insert, registry_of_a_simulation
from asterisk_privacy.lab.timemachine.office import Office
from asterisk_privacy.lab.timemachine.watch import Watch
from asterisk_privacy.policy.book import Book
from asterisk_privacy.policy.retention import Criterion
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.store.shred import ShredEvidence

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
NIGHT = timedelta(days=1, hours=3, minutes=30)  # after the begin of the day whose calls it follows
A_WEEK = 7


class Rows(RegistryRows):
    """As the daemon's. There are no files to compare rows with, and the run stands in no table: a night is one transaction."""

    def states(self) -> Iterator[tuple[str, str]]:
        return iter(())

    def note_purge(self, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
        pass


class NoFiles:
    def shred(self, recording_id: str) -> ShredEvidence:
        return ShredEvidence(found=False)

    def path(self, recording_id: str) -> Path:
        return Path("/nonexistent", recording_id)

    def sealed(self) -> Iterator[str]:
        return iter(())

    def unfinished(self) -> Sequence[str]:
        return ()

    def is_unfinished(self, recording_id: str) -> bool:
        return False

    def half_shredded(self) -> Sequence[str]:
        return ()


@dataclass(frozen=True, slots=True)
class Outcome:
    calls: int
    refused: int
    watch: Watch
    nights: int
    seconds: float
    audit_ok: bool


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
    began = time.monotonic()
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
        return Outcome(calls, office.refused, watch, nights, time.monotonic() - began, registry.verify_audit().ok)
    finally:
        file.close()


def days(years: float) -> int:
    return max(1, round(years * 365.25))
