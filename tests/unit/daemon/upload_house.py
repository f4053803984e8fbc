"""A recorder's directory, its registry and its bucket, without the rest of the daemon."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from s3_server import S3Server

from asterisk_privacy.daemon.health import Health
from asterisk_privacy.daemon.registry_place import bucket_address
from asterisk_privacy.daemon.settings import S3
from asterisk_privacy.daemon.uploads import Uploads
from asterisk_privacy.locks import NOTE
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

IDENTITY = Identity.generate()
AT = datetime.now(UTC) - timedelta(days=3)
PURPOSE = Purpose("p", "Purpose", Basis.CONTRACT, "because", Trigger.ALWAYS, Days(1))


class House:
    """A recorder's directory and registry, and its bucket by the given road."""

    def __init__(self, folder: Path, s3: S3Server, bucket: Bucket, url: str | None = None, place: Server | None = None) -> None:
        self.s3 = s3
        self.name = bucket.place.bucket
        settings = S3(bucket=self.name, endpoint=bucket.place.endpoint, queue_mib=16)
        self.path = folder / "registry.sqlite" if place is None else replace(place, bucket=bucket_address(settings))
        self.objects = Objects(s3.reached(self.name, url=url))
        self.vault = Vault(folder / "recordings", Recipients.of([IDENTITY.public]), self.objects)
        self.registry = Registry.open(self.path)
        self.health = Health()
        self.uploads = Uploads(self.vault, lambda: Registry.open(self.path), self.health, settings)

    def record(self, state: State = State.SEALED, data: bytes = b"sealed " * 1000) -> str:
        recording_id = secrets.token_hex(16)
        self.registry.begin_call(recording_id, "sales", AT, "hash", b"sealed", "in")
        self.registry.begin_recording(recording_id, recording_id, AT, [PURPOSE], 1)
        path = self.vault.path(recording_id)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(data)
        if state is not State.WRITING:
            self.registry.seal_recording(recording_id, AT, len(data), hashlib.sha256(data).hexdigest(), 1000, False)
        if state is State.PURGING:
            self.registry.mark_purging(recording_id, AT, "because")
        return recording_id

    def here(self) -> list[str]:
        return [path.name for path in (self.vault.path("0" * 32).parents[1]).rglob("*") if path.is_file() and path.name != NOTE]

    def there(self) -> list[str]:
        return [key for key, _ in self.s3.all_versions(self.name)]
