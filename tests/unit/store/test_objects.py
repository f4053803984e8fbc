"""A bucket on a real S3 server: brought there once, read by Range, and removed with all that the bucket keeps of it."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from as_it_lies import sha256_of
from s3_server import OWNER, READER, Road, S3Server

from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.store import objects as objects_module
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.faults import BucketAway, Locked, StoreFault
from asterisk_privacy.store.objects import Objects

ID = "0123456789abcdef0123456789abcdef"
OTHER = "0123456789abcdef0123456789abcdee"
KINDS = ("plain", "versioned", "suspended", "locking")


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "sealed"
    path.write_bytes(os.urandom(700_000))
    return path


def put_by_hand(s3: S3Server, bucket: Bucket, recording_id: str, data: bytes, **options: object) -> str:
    name = bucket.place.bucket
    return str(s3.owner.put_object(Bucket=name, Key=Objects(bucket).key(recording_id), Body=data, **options).get("VersionId", "null"))


def with_a_past(s3: S3Server, bucket: Bucket, kind: str) -> int:
    """Two older versions and, where that keeps them, a delete marker over them; how many entries that makes."""
    for data in (b"one", b"two"):
        put_by_hand(s3, bucket, ID, data)
    if kind == "plain":
        return 1
    s3.owner.delete_object(Bucket=bucket.place.bucket, Key=Objects(bucket).key(ID))
    if kind == "suspended":
        s3.versioning(bucket.place.bucket, "Suspended")
    return 3


@pytest.mark.parametrize("kind", KINDS)
def test_brought_once_and_gone_with_every_version(s3: S3Server, sealed: Path, kind: str) -> None:
    bucket = s3.bucket(kind)
    objects, name = Objects(bucket), bucket.place.bucket
    past = with_a_past(s3, bucket, kind)
    assert len(s3.all_versions(name)) == past and objects.has(ID)
    objects.bring(ID, sealed, sha256_of(sealed))
    assert len(s3.all_versions(name)) == 1, "what was there before is none of this recording's"
    with objects.source(ID).open() as file:
        assert file.read(10) == sealed.read_bytes()[:10]
    put_by_hand(s3, bucket, OTHER, b"another recording's")
    older = 0
    if kind in ("versioned", "locking"):  # the server that tests have lists the marker of a suspended bucket for ever
        older = with_a_past(s3, bucket, kind)
    removed = objects.remove(ID)
    assert removed.count == 1 + older
    assert [key for key, _ in s3.all_versions(name)] == [objects.key(OTHER)] and not objects.has(ID) and objects.has(OTHER)
    assert objects.remove(ID).count == 0


def test_evidence_knows_what_it_was(s3: S3Server, sealed: Path) -> None:
    objects = Objects(s3.bucket("versioned"))
    objects.bring(ID, sealed, sha256_of(sealed))
    removed = objects.remove(ID)
    assert (removed.count, removed.size, removed.sha256) == (1, 700_000, hashlib.sha256(sealed.read_bytes()).hexdigest())


def test_a_file_that_has_changed_since_it_was_looked_at_is_not_brought(s3: S3Server, sealed: Path) -> None:
    objects, looked_at = Objects(s3.bucket("versioned")), sha256_of(sealed)
    sealed.write_bytes(os.urandom(700_000))
    with pytest.raises(NotAsRecorded, match="has changed since"):
        objects.bring(ID, sealed, looked_at)
    assert objects.versions(ID) == []


def test_a_long_one_goes_in_parts(s3: S3Server, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects_module, "PART", 5 << 20)  # the least that S3 allows
    sealed.write_bytes(os.urandom((10 << 20) + 1))
    bucket = s3.bucket("versioned")
    objects = Objects(bucket)
    objects.bring(ID, sealed, sha256_of(sealed))
    assert s3.owner.head_object(Bucket=bucket.place.bucket, Key=objects.key(ID))["ETag"].endswith('-3"')  # three parts
    with objects.source(ID).open() as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == sealed.read_bytes()[-5:]


def test_cut_off_in_mid_upload_it_is_there_exactly_once_in_the_end(
    s3: S3Server, road: Road, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects_module, "PART", 5 << 20)
    sealed.write_bytes(os.urandom(12 << 20))
    bucket = s3.bucket("versioned")
    name = bucket.place.bucket
    road.cut_after = 7 << 20
    with pytest.raises(BucketAway):
        Objects(s3.reached(name, url=road.url)).bring(ID, sealed, sha256_of(sealed))
    assert s3.uploads(name) == 1 and s3.all_versions(name) == []
    Objects(bucket).bring(ID, sealed, sha256_of(sealed))
    assert s3.uploads(name) == 0 and len(s3.all_versions(name)) == 1
    version = s3.all_versions(name)
    Objects(bucket).bring(ID, sealed, sha256_of(sealed))  # the machine died after the upload, and before it knew
    assert s3.all_versions(name) == version


def test_an_unfinished_upload_goes_with_the_recording(s3: S3Server) -> None:
    bucket = s3.bucket()
    objects, name = Objects(bucket), bucket.place.bucket
    s3.owner.create_multipart_upload(Bucket=name, Key=objects.key(ID))
    s3.owner.create_multipart_upload(Bucket=name, Key=objects.key(OTHER))
    assert objects.remove(ID).count == 1 and s3.uploads(name) == 1


@pytest.mark.parametrize("lock", ("GOVERNANCE", "COMPLIANCE", "legal hold"))
def test_no_deletion_is_claimed_while_a_lock_stands_on_any_version(s3: S3Server, sealed: Path, lock: str) -> None:
    bucket = s3.bucket("locking", OWNER)  # who may lift a lock does not do so by deleting
    objects, name = Objects(bucket), bucket.place.bucket
    until = datetime.now(UTC) + timedelta(days=3)
    how = {"ObjectLockLegalHoldStatus": "ON"} if lock == "legal hold" else {"ObjectLockMode": lock, "ObjectLockRetainUntilDate": until}
    locked = put_by_hand(s3, bucket, ID, b"old", **how)
    put_by_hand(s3, bucket, ID, b"new")
    with pytest.raises(Locked) as told:
        objects.refuse_if_locked(ID)
    assert len(s3.all_versions(name)) == 2
    with pytest.raises(Locked, match="legal hold" if lock == "legal hold" else f"{lock.lower()}.*{until:%Y-%m-%d}") as told:
        objects.remove(ID)
    assert "\n" not in str(told.value) and s3.all_versions(name) == [(objects.key(ID), locked)], "the version without a lock is gone"
    with pytest.raises(Locked):
        objects.bring(ID, sealed, sha256_of(sealed))
    if lock == "legal hold":
        s3.owner.put_object_legal_hold(Bucket=name, Key=objects.key(ID), VersionId=locked, LegalHold={"Status": "OFF"})
        objects.refuse_if_locked(ID)
        assert objects.remove(ID).count == 1 and s3.all_versions(name) == []


def test_a_retention_that_is_over_is_none(s3: S3Server) -> None:
    bucket = s3.bucket("locking")
    until = datetime.now(UTC) + timedelta(seconds=1)
    put_by_hand(s3, bucket, ID, b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    objects = Objects(bucket)
    while datetime.now(UTC) <= until:
        pass
    objects.refuse_if_locked(ID)
    assert objects.remove(ID).count == 1


def test_ids_are_sorted_and_each_once(s3: S3Server) -> None:
    bucket = s3.bucket("versioned")
    ids = sorted(f"{n * 7919 % 256:02x}{n:030x}" for n in range(30))
    for recording_id in reversed(ids):
        for data in (b"1", b"2")[: 1 + (recording_id == ids[3])]:
            put_by_hand(s3, bucket, recording_id, data)
    hidden = ids[5]
    s3.owner.delete_object(Bucket=bucket.place.bucket, Key=Objects(bucket).key(hidden))  # not gone
    s3.owner.delete_object(Bucket=bucket.place.bucket, Key=Objects(bucket).key(OTHER))  # a marker over nothing
    for name in ("recordings/ab/notes.txt", f"recordings/ff/{ID}.flac.age", f"elsewhere/01/{ID}.flac.age"):
        s3.owner.put_object(Bucket=bucket.place.bucket, Key=name, Body=b"x")
    assert list(Objects(bucket).ids()) == ids


def test_what_comes_back_changed_does_not_count(s3: S3Server, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.bucket("versioned")
    objects = Objects(bucket)
    put = Objects._put

    def other_bytes(self: Objects, key: str, file: object, size: int, digest: str) -> None:  # a fault that no server shows when asked
        put(self, key, sealed.with_name("other").open("rb"), size, digest)

    sealed.with_name("other").write_bytes(b"x" * 700_000)
    monkeypatch.setattr(Objects, "_put", other_bytes)
    with pytest.raises(StoreFault, match="other bytes"):
        objects.bring(ID, sealed, sha256_of(sealed))
    assert s3.all_versions(bucket.place.bucket) == []


def test_who_may_not_write_or_delete_is_told_what_is_missing(s3: S3Server, sealed: Path) -> None:
    bucket = s3.bucket()
    reader = Objects(s3.reached(bucket.place.bucket, READER))
    with pytest.raises(StoreFault, match=r"cannot write recordings/01/.*: this access key may not; grant it s3:PutObject"):
        reader.bring(ID, sealed, sha256_of(sealed))
    Objects(bucket).bring(ID, sealed, sha256_of(sealed))
    with pytest.raises(StoreFault, match=r"grant it s3:DeleteObjectVersion"):
        reader.remove(ID)
    assert Objects(bucket).has(ID)
