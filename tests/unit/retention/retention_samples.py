"""A registry and a store on disk with recordings in them. The purger does not look into the files, so their content is no matter."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asterisk_privacy.daemon.purging import make_purger
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Criterion, Days, UntilCaseClosed
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

T0 = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
DUE = T0 + timedelta(days=30, hours=1)


def purpose(criterion: Criterion) -> Purpose:
    return Purpose("p", "Purpose", Basis.CONTRACT, "because", Trigger.ALWAYS, criterion)


class Place:
    def __init__(self, folder: Path, clock: Callable[[], datetime] = utc_now) -> None:
        self.folder = folder
        recipients = folder / "recipients.txt"
        if not recipients.exists():
            recipients.write_text(Identity.generate().public + "\n")
        self.vault = Vault(folder / "recordings", Recipients.load(recipients))
        self.registry = Registry.open(folder / "registry.sqlite", clock=clock)

    def record(self, criterion: Criterion | None = None, file: bool = True, row: bool = True) -> str:
        """A sealed recording of T0, due after 30 days unless said otherwise."""
        recording_id = secrets.token_hex(16)
        if row:
            self.registry.begin_call(recording_id, "sales", T0, "hash", b"sealed", "in")
            self.registry.begin_recording(recording_id, recording_id, T0, [purpose(criterion or Days(30))], 1)
            self.registry.seal_recording(recording_id, T0, 11, "ab" * 32, 1000, False)
            self.registry.end_call(recording_id, T0, "kept", (), (), ())
        if file:
            self.put(recording_id)
        return recording_id

    def put(self, recording_id: str) -> None:
        path = self.vault.path(recording_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(b"age " + recording_id.encode())

    def purger(self) -> Purger:
        return make_purger(self.registry, self.vault)

    def state(self, recording_id: str) -> str:
        row = self.registry.recording(recording_id)
        return "none" if row is None else row.state.value

    def traces(self, recording_id: str) -> list[str]:
        """Every file with this id in its name, wherever in the store."""
        return [str(p) for p in (self.folder / "recordings").rglob("*") if p.is_file() and recording_id in p.name]


__all__ = ["DUE", "T0", "Days", "Place", "UntilCaseClosed", "purpose"]
