"""After a crash: what was being written is sealed as far as it went or removed, as config.toml says; calls that nobody ended are ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settled:
    sealed: int = 0
    removed: int = 0
    calls: int = 0


def settle_after_crash(registry: Registry, vault: Vault, keep: bool) -> Settled:
    """Run before any call is taken. Every row in state writing and every unfinished file is settled; raises OperatorError."""
    sealed = removed = 0
    now = datetime.now(UTC)
    writing = {row.id for row in registry.recordings(state=State.WRITING)}
    purging = {row.id for row in registry.recordings(state=State.PURGING)}
    for recording_id in set(vault.half_shredded()) - purging:  # those in purging are the purger's: it writes the evidence
        vault.shred(recording_id)
    died_while_sealing = set(vault.sealed()) & writing  # the file was sealed, its row not yet
    for recording_id in (*vault.unfinished(), *died_while_sealing):
        kept = vault.settle(recording_id, (keep and recording_id in writing) or recording_id in died_while_sealing)
        if kept is not None:
            registry.seal_recording(recording_id, now, kept.size, kept.sha256, 0, kept.truncated)
            sealed += 1
    for row in registry.recordings(state=State.WRITING):
        registry.erase_recording(row.id, now, "the recorder stopped before anything of it was safe")
        removed += 1
    calls = registry.open_calls()
    for call in calls:
        kept_any = any(r.state is State.SEALED for r in registry.recordings(call_id=call.id))
        registry.end_call(call.id, now, "kept" if kept_any else "not-kept", None, (), ())
    if sealed or removed or calls:
        log.warning("after a crash: %d recordings sealed as far as they went, %d removed, %d calls ended", sealed, removed, len(calls))
    return Settled(sealed, removed, len(calls))
