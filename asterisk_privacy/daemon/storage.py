"""The store as the configuration has it: the recorder's side, which writes and destroys, and the readers'."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from asterisk_privacy.daemon.settings import S3, Config
from asterisk_privacy.daemon.tenants import sealing_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store import bucket_keys
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealing import Sealing
from asterisk_privacy.store.shelf import BucketShelf, LocalShelf, Shelf
from asterisk_privacy.store.vault import ShredEvidence, Vault

if TYPE_CHECKING:
    from asterisk_privacy.store.bucket import Bucket
    from asterisk_privacy.store.objects import Objects

_PATIENT = ThreadPoolExecutor(1, thread_name_prefix="shred")


def vault_of(config: Config, sealing: Recipients | Sealing | None = None) -> Vault:
    """Sealed as `sealing` has it, or else the configuration. OperatorError when the store cannot be used by this user; a bucket
    is not asked before it is needed."""
    return Vault(config.store.directory, sealing or sealing_of(config), objects_of(config.s3))


async def destroy(vault: Vault, recording_id: str) -> ShredEvidence:
    """`Vault.shred` for the loop, on a thread of its own: where a bucket hangs, such deletions must not take the threads by which calls
    reach the disk."""
    return await asyncio.get_running_loop().run_in_executor(_PATIENT, vault.shred, recording_id)


def shelf_of(config: Config) -> Shelf:
    """To read only."""
    objects = objects_of(config.s3)
    return LocalShelf(config.store.directory) if objects is None else BucketShelf(config.store.directory, objects)


def wrong_with_bucket(config: Config) -> list[str]:
    """One line each; see store/bucket_check.py. OperatorError when it cannot be asked at all."""
    bucket = bucket_of(config.s3)
    if bucket is None:
        return []
    from asterisk_privacy.store.bucket_check import wrong_with  # noqa: PLC0415

    return list(wrong_with(bucket, {name: purpose.retention.latest_days for name, purpose in config.book.purposes.items()}))


def objects_of(settings: S3) -> Objects | None:
    bucket = bucket_of(settings)
    if bucket is None:
        return None
    from asterisk_privacy.store.objects import Objects  # noqa: PLC0415

    return Objects(bucket)


def bucket_of(settings: S3, environ: Mapping[str, str] = os.environ) -> Bucket | None:
    """None where recordings stay on this machine. OperatorError: no access key, or the library is missing."""
    if not settings.bucket:
        return None
    try:
        from asterisk_privacy.store.bucket import Bucket, BucketPlace  # noqa: PLC0415 - botocore is an extra
    except ImportError:
        raise OperatorError(
            "[s3] bucket: needs the library botocore; apt install asterisk-privacy-s3, or pip install 'asterisk-privacy[s3]'"
        ) from None
    place = BucketPlace(settings.bucket, settings.endpoint, settings.region, settings.prefix, settings.path_style, settings.ca_file)
    return Bucket(place, bucket_keys.load(settings.access_key, environ))
