"""Asks a bucket whether recordings can be brought there, read, and provably forgotten; for an operator, before the first call."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.faults import BucketAway, StoreFault
from asterisk_privacy.store.objects import Objects


def wrong_with(bucket: Bucket, ends: Mapping[str, int]) -> Iterator[str]:
    """One line each. `ends`: days after which each purpose ends at the latest, by name. BucketAway when nothing can be asked at all.

    It writes one small object and removes it again, unless the bucket would lock it.
    """
    yield from _in_clear(bucket)
    locked = None
    try:
        next(Objects(bucket).ids(), None)
        locked = _default_retention(bucket)
    except BucketAway:
        raise
    except StoreFault as fault:
        yield str(fault)
    if locked is not None:
        yield from _too_long(bucket, locked, ends)
        return
    yield from _tried(Objects(bucket))


def _in_clear(bucket: Bucket) -> Iterator[str]:
    address = urlsplit(bucket.place.endpoint)
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "::1", "localhost"):
        yield (
            f"{bucket.place}: speaks without TLS: recordings are encrypted all the same, but who is on the way can answer in its place, "
            "also that something is deleted; write https://"
        )


def _tried(objects: Objects) -> Iterator[str]:
    probe = secrets.token_hex(16)
    try:
        objects.probe(probe)
    except BucketAway:
        raise
    except StoreFault as fault:
        yield str(fault)
    try:
        objects.remove(probe)
    except BucketAway:
        raise
    except StoreFault as fault:
        yield f"{fault}; the object of this test is left there"


def _too_long(bucket: Bucket, days: int, ends: Mapping[str, int]) -> Iterator[str]:
    late = sorted(name for name, latest in ends.items() if latest < days)
    if late:
        yield (
            f"{bucket.place}: locks each object for {days} days, but purposes end earlier ({', '.join(late)}): they could not be deleted "
            "on time; take the default retention off, or use a bucket without object lock"
        )
    yield (
        f"{bucket.place}: locks each object for {days} days: an erasure that a person asks for, or a refusal, would have to wait for that; "
        "take the default retention off, or use a bucket without object lock"
    )


def _default_retention(bucket: Bucket) -> int | None:
    """In days; None where objects are not locked by themselves."""
    with bucket.doing("ask for its object lock", "s3:GetBucketObjectLockConfiguration"):
        try:
            told = bucket.client.get_object_lock_configuration(Bucket=bucket.place.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ObjectLockConfigurationNotFoundError", "NotImplemented", "404"):
                return None
            raise
    rule = told.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    return int(rule.get("Days", 0) + 366 * rule.get("Years", 0)) or None
