"""Kept calls as rows by the thousand: one transaction a day, no audit entries. For simulations only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.policy.retention import Criterion, criterion_to_mapping
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.db import RegistryFile, sql
from asterisk_privacy.registry.migrate import migrate
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.shred import ShredEvidence

_CALL = """INSERT INTO calls (id, profile, direction, begun_at, ended_at, outcome, customer_hash) VALUES (?, ?, 'in', ?, ?, 'kept', ?)"""
_AGENT = "INSERT INTO participants (call_id, number, role, endpoint, from_ms, to_ms) VALUES (?, 0, 'agent', ?, 0, ?)"
_RECORDING = """INSERT INTO recordings (id, call_id, part, state, recorded_at, sealed_at, duration_ms, size, sha256, state_at, state_reason)
    VALUES (?, ?, 1, 'sealed', ?, ?, ?, ?, ?, ?, '')"""
_PURPOSE = "INSERT INTO recording_purposes (recording_id, name, title, basis, reasoning, criterion, added_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
DURATION_MS = 240_000


@dataclass(slots=True)
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Kept:
    id: str
    profile: str
    agent: str
    customer: str  # in place of the hash of a number
    at: datetime
    purposes: tuple[Purpose, ...]


class NoFiles:
    """In place of the store."""

    def shred(self, recording_id: str) -> ShredEvidence:
        return ShredEvidence(found=False)

    def has(self, recording_id: str) -> bool:
        return False

    def sealed(self) -> Iterator[str]:
        return iter(())

    def unfinished(self) -> Sequence[str]:
        return ()

    def is_unfinished(self, recording_id: str) -> bool:
        return False

    def half_shredded(self) -> Sequence[str]:
        return ()


def registry_of_a_simulation(path: Path, clock: Clock) -> tuple[RegistryFile, Registry]:
    """Not safe against a power cut, and fast."""
    file = RegistryFile(path, "simulation", clock, 5.0)
    file.connect()
    migrate(file)
    sql(file.db, "PRAGMA synchronous = OFF")
    sql(file.db, "PRAGMA secure_delete = 0")
    return file, Registry(file)


def insert(file: RegistryFile, calls: Sequence[Kept], texts: dict[Criterion, str]) -> None:
    """`texts` remembers the criteria as they are stored."""
    with file.change() as db:
        for call in calls:
            at = to_ms(call.at)
            end = at + DURATION_MS
            sql(db, _CALL, (call.id, call.profile, at, end, call.customer))
            sql(db, _AGENT, (call.id, call.agent, DURATION_MS))
            sql(db, _RECORDING, (call.id, call.id, at, end, DURATION_MS, DURATION_MS * 8, "0" * 64, end))
            for purpose in call.purposes:
                if purpose.retention not in texts:
                    texts[purpose.retention] = json.dumps(criterion_to_mapping(purpose.retention), sort_keys=True, separators=(",", ":"))
                row = (call.id, purpose.name, purpose.title, purpose.basis.value, purpose.reasoning, texts[purpose.retention], at)
                sql(db, _PURPOSE, row)
