"""A configured place whose recordings are in a bucket as soon as they are made: tests of commands run on it as on a disk."""

from __future__ import annotations

from collections.abc import Callable

from cli_samples import Place
from s3_server import S3Server, configured

from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.store.bucket import Bucket


def use_bucket(place: Place, s3: S3Server, bucket: Bucket, url: str | None = None) -> Bucket:
    config = place.folder / "config.toml"
    table = configured(place.folder, bucket.place.bucket, url or s3.url)
    config.write_text(config.read_text().replace("[registry]\n", table + "[registry]\n", 1))
    place.vault = vault_of(load(config))
    for name in ("record", "call"):
        if hasattr(place, name):
            setattr(place, name, _handing_over(place, getattr(place, name)))
    return bucket


def _handing_over(place: Place, make: Callable[..., str]) -> Callable[..., str]:
    def made(*arguments: object, **rest: object) -> str:
        recording = make(*arguments, **rest)
        assert place.vault.hand_over(recording, lambda _: True) and not place.vault.path(recording).exists()
        return recording

    return made
