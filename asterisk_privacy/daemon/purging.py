"""Joins registry and store to the purger, which knows neither."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from asterisk_privacy.daemon.config import PurgerSettings
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.retention.border import border
from asterisk_privacy.retention.plan import Item, Promise
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.store.vault import Vault

CHUNK = 500  # recordings read at once


def make_purger(registry: Registry, vault: Vault, settings: PurgerSettings | None = None) -> Purger:
    settings = settings or PurgerSettings()
    return Purger(RegistryRows(registry), vault, settings.brake_percent, settings.brake_at_least, only_one=lambda: only_one(registry.path))


def to_item(row: RecordingRow) -> Item:
    promises = tuple(Promise(purpose.title, purpose.criterion) for purpose in row.purposes)
    blocks = () if row.restriction is None else (("restricted", row.restriction.at),)
    return Item(row.id, row.recorded_at, promises, row.milestones, blocks)


class RegistryRows:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def items(self) -> Sequence[Item]:
        return [to_item(row) for row in self._registry.recordings(state=State.SEALED)]

    def maybe_due(self, now: datetime) -> Iterator[Item]:
        """A chunk at a time, so that memory does not grow with the registry."""
        promised = self._registry.promised()
        borders = {text: None if criterion is None else border(criterion, now) for text, criterion in promised.items()}
        ids = self._registry.maybe_due(borders)
        for start in range(0, len(ids), CHUNK):
            for row in self._registry.recordings_among(ids[start : start + CHUNK]):
                if row.state is State.SEALED:
                    yield to_item(row)

    def count(self) -> int:
        return self._registry.sealed_count()

    def item(self, item_id: str) -> Item | None:
        row = self._registry.recording(item_id)
        return to_item(row) if row is not None and row.state is State.SEALED else None

    def purging(self) -> Mapping[str, str]:
        return {row.id: row.state_reason for row in self._registry.recordings(state=State.PURGING)}

    def states(self) -> Mapping[str, str]:
        return {recording_id: state.value for recording_id, state in self._registry.states().items()}

    def mark_purging(self, item_id: str, at: datetime, reason: str) -> None:
        self._registry.mark_purging(item_id, at, reason)

    def mark_purged(self, item_id: str, at: datetime, reason: str, evidence: str) -> None:
        self._registry.mark_purged(item_id, at, reason, evidence)

    def note_purge(self, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None:
        self._registry.note_purge(at, planned, deleted, failed, dry_run)


@contextmanager
def only_one(registry: Path) -> Iterator[None]:
    """The daemon's purger or a command's, not both: each would take the other's half-done deletions for the leftovers of a crash.

    The lock is on the registry's directory: no lock file is left behind, or made by root for the daemon to fail on.
    """
    descriptor = os.open(registry.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _take(descriptor, registry)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, registry: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OperatorError(f"purge of {registry}: another one is running; wait for it, then try again") from None
