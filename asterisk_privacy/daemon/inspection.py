"""The night's look at what may have gone astray: files, rows, the audit trail, the registry itself. All of it is told until it is settled.

Each node looks at its own disk. What is looked at for all nodes (the bucket, rows against the trail) is done by one of them a night.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from asterisk_privacy.daemon import file_reading
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.reconciling import NIGHTLY, Reconciler, remove_stray, unlooked
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.engine import Head
from asterisk_privacy.registry.findings import FindingRow
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.reconcile import Finding, Kind
from asterisk_privacy.store import layout
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.vault import Vault

log = logging.getLogger(__name__)

NONE: frozenset[Kind] = frozenset()
DAMAGED = frozenset({Kind.DAMAGED})
HALVES = frozenset({Kind.HALF_DELETED, Kind.HALF_REPLACED})
_OF_LOOKING = frozenset(Kind) - NIGHTLY
MOST_KEPT = 1000
"""Findings that are written down; of more it is no single file any more."""
MANY = 2_000_000
"""Entries that are walked whole each night: half a minute. A longer trail is walked from the night before, and whole once a week."""
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)
"""So long what was put aside is there for a person to look at; then it goes by itself. It may hold what must not be kept."""


@dataclass(frozen=True, slots=True)
class Share:
    """What of the night's look is for this node to do."""

    bucket: bool = True
    rows: bool = True


@dataclass(slots=True)
class Inspection:
    """Remembers between nights where the audit chains ended: in memory, where nobody who can write to the registry can change it."""

    heads: Mapping[str, Head] = field(default_factory=dict)
    whole_at: datetime | None = None
    looked: float | None = None  # monotonic

    def night(self, registry: Registry, vault: Vault, config: Config, health: Health, now: datetime, share: Share) -> None:
        """Whatever goes wrong with one part stops no other, and is told; what was known of it stays."""
        parts: tuple[tuple[str, frozenset[Kind], Callable[[], Iterator[Finding]]], ...] = (
            ("what was put aside", NONE, lambda: _forget_aside(registry, vault, now)),
            ("files and rows", _OF_LOOKING, lambda: _reconciled(registry, vault, config, now, share)),
            ("files of this machine", DAMAGED, lambda: file_reading.read_share(registry, vault, now)),
            ("files in the bucket", DAMAGED, lambda: _in_bucket(registry, vault, config, now, share)),
            ("the registry", frozenset({Kind.REGISTRY_DAMAGED}), lambda: _registry(registry)),
            ("the audit trail", frozenset({Kind.TRAIL_BROKEN}), lambda: self._trail(registry, now, share)),
        )
        self.looked = monotonic()
        before = registry.soundness.findings.all()
        found: list[Finding] = []
        for part, kinds, look in parts:
            try:
                found += itertools.islice(look(), MOST_KEPT)
            except OperatorError as error:
                health.alarm(Alarm.ASTRAY, f"{part} could not be looked at: {error}")
                found += [Finding(Kind(row.kind), row.subject, row.what) for row in before if row.kind in kinds]
        registry.soundness.findings.replace(_written(found, vault), now)
        _tell(registry.soundness.findings.all(), before, health)

    def was_within(self, time: timedelta) -> bool:
        return self.looked is not None and monotonic() - self.looked < time.total_seconds()

    def _trail(self, registry: Registry, now: datetime, share: Share) -> Iterator[Finding]:
        if not share.rows:
            return
        whole = self.whole_at is None or now - self.whole_at >= WEEK or sum(head.entries for head in self.heads.values()) < MANY
        walked = registry.soundness.walk({} if whole else self.heads)
        gone = [name for name, head in self.heads.items() if whole and not registry.soundness.has(name, head)]
        for why in (*walked.faults, *(f"its end of the night before is gone ({name or 'the first chain'})" for name in gone)):
            yield Finding(Kind.TRAIL_BROKEN, why[:80], f"audit trail: {why}; see: asterisk-privacy audit verify")
        if not walked.faults and not gone:
            self.heads = walked.heads
            self.whole_at = now if whole else self.whole_at


def _tell(found: Iterable[FindingRow], before: Iterable[FindingRow], health: Health) -> None:
    found = list(found)
    broken = [row for row in found if row.kind == Kind.TRAIL_BROKEN]
    for row in broken:
        health.alarm(Alarm.AUDIT_BROKEN, row.what)
    others = [row for row in found if row.kind != Kind.TRAIL_BROKEN]
    if others:
        health.alarm(Alarm.ASTRAY, f"{in_words(others)}; see: asterisk-privacy reconcile")
    elif list(before):
        log.info("nothing is astray any more")


def in_words(found: Iterable[FindingRow]) -> str:
    kinds = Counter(row.kind for row in found)
    return f"astray: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"


def _forget_aside(registry: Registry, vault: Vault, now: datetime) -> Iterator[Finding]:
    if registry.nodes.clock_doubt(now) is not None:
        return iter(())
    for stray in list(vault.strays()):
        if stray.since is not None and stray.since < now - MONTH:
            try:
                remove_stray(registry, vault, stray, now)
                log.info("what was put aside a month ago was destroyed: %s", ascii(stray.name))
            except StoreFault as error:
                log.warning("what was put aside a month ago is still there: %s", error)
    return iter(())


def _reconciled(registry: Registry, vault: Vault, config: Config, now: datetime, share: Share) -> Iterator[Finding]:
    reconciler = Reconciler(registry, vault, config, on_disk=not share.bucket)
    return reconciler.look(now, keys=False, trail=share.rows)


def _in_bucket(registry: Registry, vault: Vault, config: Config, now: datetime, share: Share) -> Iterator[Finding]:
    if not (share.bucket and config.s3.bucket and config.s3.check_days):
        return iter(())
    return file_reading.read_share(registry, vault, now, config.s3.check_days, in_bucket=True)


def _registry(registry: Registry) -> Iterator[Finding]:
    damage = registry.soundness.damage()
    if damage is not None:
        what = f"registry {registry.where}: {damage}; stop the recorder and restore it from a backup"
        yield Finding(Kind.REGISTRY_DAMAGED, registry.where, what)


def _written(found: Iterable[Finding], vault: Vault) -> list[tuple[str, str, str]]:
    """The night's own kinds always; of the others the first thousand. What was just being destroyed or replaced is not astray: but where
    the store cannot say whether it still is, that is told, and what was found stays."""
    passing: set[str] = set()
    unseen: list[Finding] = []
    for subject, look in ((layout.SHRED, vault.half_shredded), (layout.NEXT, vault.versions)):
        try:
            passing.update(look())
        except StoreFault as error:
            unseen.append(unlooked(subject, error))
    halves = NONE if unseen else HALVES
    still = [one for one in found if one.kind not in halves or one.recording_id in passing]
    own = [*(one for one in still if one.kind in NIGHTLY), *unseen]
    others = list(dict.fromkeys(one for one in still if one.kind not in NIGHTLY))
    return [(one.kind.value, one.recording_id, one.what) for one in (*own, *others[:MOST_KEPT])]
