"""A configured place whose recordings are in a bucket as soon as they are made: tests of commands run on it as on a disk."""

from __future__ import annotations

from collections.abc import Callable

from cli_samples import Place
from s3_server import RECORDER, S3Server

from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.bucket_keys import AccessKey


def use_bucket(place: Place, s3: S3Server, bucket: Bucket, key: AccessKey = RECORDER, url: str | None = None) -> Bucket:
    file = place.folder / "s3.key"
    file.write_text(f"[default]\naws_access_key_id = {key.key_id}\naws_secret_access_key = {key.secret}\n")
    file.chmod(0o600)
    config = place.folder / "config.toml"
    table = f'[s3]\nbucket = "{bucket.place.bucket}"\nendpoint = "{url or s3.url}"\nregion = "us-east-1"\naccess_key = "{file}"\n'
    config.write_text(config.read_text().replace("[registry]\n", table + "[registry]\n", 1))
    place.vault = vault_of(load(config))
    for name in ("record", "call"):
        if hasattr(place, name):
            setattr(place, name, _handing_over(place, getattr(place, name)))
    return bucket


def _handing_over(place: Place, make: Callable[..., str]) -> Callable[..., str]:
    def made(*arguments: object, **rest: object) -> str:
        recording = make(*arguments, **rest)
        assert place.vault.hand_over(recording, lambda: True) and not place.vault.path(recording).exists()
        return recording

    return made
