"""Takes the customer out of a sealed recording, where somebody holds the secret key for a moment; and settles what a crash left of that.

Decrypted in memory only. The order is in store/version.py: the new version is safe before the row tells of it, and the row tells of it
before the old one is shredded.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

import numpy as np

from asterisk_privacy.audio.deidentify import How, deidentified
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State, WrongState
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.vault import Vault, open_recording


def deidentify(registry: Registry, vault: Vault, row: RecordingRow, how: How, identities: Sequence[Identity], now: datetime) -> None:
    """The caller holds `only_one`. OperatorError: wrong key, a legal hold, a file that is not the row's; then all is as it was."""
    settle_version(registry, vault, row.id)
    vault.refuse_if_locked(row.id)
    with proving(registry, row.id, "de-identification") as content:
        samples, rate = open_recording(vault.source(row.id), content, identities)
    chance = np.random.default_rng(secrets.randbits(256))  # kept nowhere: whoever has the file cannot draw the same again
    new = vault.seal_version(row.id, deidentified(samples, rate, how, chance), rate, row.tenant)
    try:
        registry.deidentify(row.id, now, how.value, content.sha256, new.size, new.sha256, new.sealed_to, new.content.pieces)
    except OperatorError:
        vault.discard_version(row.id)
        raise
    vault.place_version(row.id)
    _bring(registry, vault, row.id, new.sha256)


def _bring(registry: Registry, vault: Vault, recording_id: str, sha256: str) -> None:
    """To the bucket at once: where nodes share it, this may be a machine without a daemon, on whose disk it would stay. Where the bucket
    is away the daemon brings it, as all that waits."""
    address = registry.nodes.bucket
    if address is None:
        return
    with suppress(StoreFault):
        if vault.hand_over(recording_id, lambda digest: digest == sha256):
            registry.nodes.brought(recording_id, sha256, address)


def settle_version(registry: Registry, vault: Vault, recording_id: str) -> str | None:
    """What a crash left beside a recording: put in place if its row tells of it, else shredded. In words; None: there was nothing."""
    if recording_id not in vault.versions():
        return None
    row = registry.recording(recording_id)
    digest = vault.version_digest(recording_id)
    if row is not None and row.state is State.SEALED and digest is not None and row.sha256 == digest:
        vault.place_version(recording_id)
        return f"{recording_id}: the version without the customer was put in its place, the old one shredded"
    vault.discard_version(recording_id)
    return f"{recording_id}: a version without the customer that was not finished was shredded; the recording is as it was"


def settle_versions(registry: Registry, vault: Vault) -> list[tuple[str, str]]:
    """The caller holds `only_one`: else one that is being made would be taken for what a crash left. Id and fault of each that cannot be
    settled."""
    failed = []
    for recording_id in vault.versions():
        try:
            settle_version(registry, vault, recording_id)
        except (StoreFault, WrongState) as error:
            failed.append((recording_id, str(error)))
    return failed
