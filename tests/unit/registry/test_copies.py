"""The evidence of a deletion names the copies that it did not reach."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from registry_samples import LATER, T0

from asterisk_privacy.registry.registry import Registry


def purge(registry: Registry, recording: str) -> dict[str, object]:
    registry.mark_purging(recording, LATER, "due")
    registry.mark_purged(recording, LATER, "due", '{"found": true}')
    row = registry.recording(recording)
    assert row is not None and row.evidence is not None
    entry = registry.audit_entries(limit=1, subject=recording)[0]
    assert entry.detail["evidence"] == row.evidence, "row and audit trail say the same"
    evidence: dict[str, object] = json.loads(row.evidence)
    return evidence


def test_exports_and_hand_overs_are_named(registry: Registry, sealed: Callable[..., str]) -> None:
    recording, other = sealed("r1"), sealed("r2", call="c2")
    registry.audit("cli:anna", "recording.export", recording, {"purpose": "complaint"})
    registry.audit("cli:bob", "recording.hand-over", recording, {"to": "Telco"})
    registry.audit("cli:bob", "recording.export-refused", other, {})
    copies = purge(registry, recording)["copies"]
    assert isinstance(copies, list) and len(copies) == 2
    assert copies[0].startswith("export by cli:anna on 2026-03-01 (audit entry ")
    assert copies[1].startswith("hand-over to Telco by cli:bob")
    assert purge(registry, other) == {"found": True, **({"node": registry.nodes.name} if registry.nodes.name else {})}
    assert registry.verify_audit().ok


def test_a_copy_of_the_registry_from_before_an_upgrade_is_named(registry: Registry, sealed: Callable[..., str], path: Path) -> None:
    recording = sealed()
    for number, age in ((1, -1), (2, 1)):
        copy = path.with_name(f"{path.name}.schema-{number}")
        copy.write_bytes(b"")
        moment = (T0 + timedelta(days=age)).timestamp()
        os.utime(copy, (moment, moment))
    copies = purge(registry, recording)["copies"]
    assert isinstance(copies, list) and len(copies) == 1 and "registry.sqlite.schema-2" in copies[0]
