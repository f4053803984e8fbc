"""Recordings in a bucket: brought there and read back before that counts, and removed with every version that the bucket has kept.

A recording's key follows from its id, so nothing has to remember where it lies: PREFIX + ab/ab12...ef.flac.age, as on the disk.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from botocore.exceptions import ClientError

from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.store import layout
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.faults import Locked, StoreFault
from asterisk_privacy.store.object_reading import InBucket

PART = 16 << 20
"""Bytes of a part; a longer file goes in several (S3: at least 5 MiB each, 10,000 at most: 160 GiB)."""
DIGEST = "sha256"  # of what was sealed, among the object's metadata: evidence still knows it when the object goes


@dataclass(frozen=True, slots=True)
class Version:
    """What a bucket keeps under one key: with versioning each that was ever put; `marker`: an entry that only hides those before it."""

    id: str
    size: int
    marker: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """`count`: versions, delete markers and unfinished uploads. Size and SHA-256 (hex) of the latest version, as far as known."""

    count: int
    size: int
    sha256: str | None


class Objects:
    """Every method may raise StoreFault (BucketAway, Locked) and BadRecordingId."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._name = bucket.place.bucket
        self._prefix = bucket.place.prefix
        self._of_a_recording = re.compile(re.escape(self._prefix) + r"([0-9a-f]{2})/(\1[0-9a-f]{14,62})" + re.escape(layout.SEALED))

    def key(self, recording_id: str) -> str:
        return self._prefix + str(layout.place(Path(), recording_id, layout.SEALED))

    def source(self, recording_id: str) -> InBucket:
        return InBucket(self._bucket, self.key(recording_id))

    def has(self, recording_id: str) -> bool:
        """Whether any version of it is there, hidden by a delete marker or not."""
        return any(not version.marker for version in self.versions(recording_id))

    def versions(self, recording_id: str) -> list[Version]:
        """The latest first."""
        key = self.key(recording_id)
        return [version for found, version in self._listed(key) if found == key]

    def ids(self) -> Iterator[str]:
        """Of all recordings with a version, sorted. A thousand a request."""
        last = ""
        for key, version in self._listed(self._prefix):
            found = self._of_a_recording.fullmatch(key)
            if found is not None and not version.marker and found[2] != last:
                last = found[2]
                yield last

    def bring(self, recording_id: str, path: Path, digest: str) -> None:
        """There is exactly one version afterwards, and what was read back of it has this SHA-256 (hex), as `path` has; or StoreFault, and
        then nothing counts. What a crash left of an upload before is taken over if it is whole, and else removed. NotAsRecorded: the
        file has become another one since somebody looked."""
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise NotAsRecorded(f"{path}: has changed since its SHA-256 was looked at; it is not brought to the bucket")
            size = file.tell()
            there = self.versions(recording_id)
            key = self.key(recording_id)
            if len(there) == 1 and not there[0].marker and there[0].size == size and self._digest(key) == digest:
                self._end_uploads(key)
                return
            if there:
                self.remove(recording_id)
            else:
                self._end_uploads(key)
            file.seek(0)
            self._put(key, file, size, digest)
        if self._digest(key) != digest or len(self.versions(recording_id)) != 1:
            self.remove(recording_id)
            raise StoreFault(f"{self._bucket.place}: gives back other bytes of {key} than were sent; they were removed, it is tried again")

    def digest(self, recording_id: str) -> str:
        """SHA-256 (hex) of all that a reader would get. StoreFault if it is not there."""
        return self._digest(self.key(recording_id))

    def probe(self, recording_id: str) -> None:
        """Bytes of no recording, under an id that none has: written and read back. The caller removes them."""
        data, key = os.urandom(64), self.key(recording_id)
        digest = hashlib.sha256(data).hexdigest()
        self._put(key, io.BytesIO(data), len(data), digest)
        if self._digest(key) != digest:
            raise StoreFault(f"{self._bucket.place}: gives back other bytes than were sent; look at its log")

    def remove(self, recording_id: str) -> Removed:
        """Every version, delete marker and unfinished upload. Locked or StoreFault while any is left: what can go has gone then."""
        key = self.key(recording_id)
        count = self._end_uploads(key)
        found = self.versions(recording_id)
        whole = next((version for version in found if not version.marker), None)
        digest = None if whole is None else self._told_digest(key, whole)
        refusals: list[StoreFault] = []
        for version in found:
            try:
                self._delete(key, version)
                count += 1
            except Locked as lock:
                refusals.append(lock)
        left = len(self.versions(recording_id)) + sum(1 for _ in self._uploads(key))
        if refusals:
            raise refusals[0]
        if left:
            raise StoreFault(f"{self._bucket.place}: still lists {left} versions of {key} after their deletion; look at its log")
        return Removed(count, 0 if whole is None else whole.size, digest)

    def refuse_if_locked(self, recording_id: str) -> None:
        """Locked when a version cannot be deleted today."""
        key = self.key(recording_id)
        for version in self.versions(recording_id):
            lock = None if version.marker else self._lock(key, version)
            if lock is not None:
                raise lock

    def _put(self, key: str, file: BinaryIO, size: int, digest: str) -> None:
        with self._bucket.doing(f"write {key}", "s3:PutObject"):
            if size <= PART:
                data = file.read()
                self._ask("put_object", key, Body=data, ContentMD5=_md5(data), Metadata={DIGEST: digest})
                return
            upload = self._ask("create_multipart_upload", key, Metadata={DIGEST: digest})["UploadId"]
            parts: list[dict[str, object]] = []
            while data := file.read(PART):
                number = len(parts) + 1
                answer = self._ask("upload_part", key, UploadId=upload, PartNumber=number, Body=data, ContentMD5=_md5(data))
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            self._ask("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": parts})

    def _digest(self, key: str) -> str:
        """SHA-256 (hex) of what a reader would get."""
        sha = hashlib.sha256()
        with self._bucket.doing(f"read {key}", "s3:GetObject"), closing(self._ask("get_object", key)["Body"]) as body:
            for piece in body.iter_chunks(1 << 20):
                sha.update(piece)
        return sha.hexdigest()

    def _told_digest(self, key: str, version: Version) -> str | None:
        with self._bucket.doing(f"look at {key}", "s3:GetObjectVersion"):
            told = self._ask("head_object", key, VersionId=version.id)["Metadata"].get(DIGEST)
        return told if isinstance(told, str) and re.fullmatch("[0-9a-f]{64}", told) else None

    def _delete(self, key: str, version: Version) -> None:
        """By its id: without one, a bucket with versions would only hide what is there."""
        with self._bucket.doing(f"delete a version of {key}", "s3:DeleteObjectVersion"):
            try:
                self._ask("delete_object", key, VersionId=version.id)
            except ClientError:
                lock = None if version.marker else self._lock(key, version)
                if lock is not None:
                    raise lock from None
                raise

    def _lock(self, key: str, version: Version) -> Locked | None:
        with self._bucket.doing(f"look at {key}", "s3:GetObjectRetention and s3:GetObjectLegalHold"):
            told = self._ask("head_object", key, VersionId=version.id)
        until, hold = told.get("ObjectLockRetainUntilDate"), told.get("ObjectLockLegalHoldStatus") == "ON"
        if hold:
            return Locked(f"{self._bucket.place}: a legal hold of the bucket stands on {key}; it can be deleted once that is taken off")
        if until is not None and until > datetime.now(UTC):
            mode, day = str(told.get("ObjectLockMode", "")).lower(), f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            return Locked(f"{self._bucket.place}: an object lock ({mode}) keeps {key} until {day}; it can be deleted after that")
        return None

    def _listed(self, prefix: str) -> Iterator[tuple[str, Version]]:
        """In the order of keys; of one key the latest first, markers behind the versions of the same answer."""
        with self._bucket.doing("list versions", "s3:ListBucketVersions"):
            for page in self._bucket.client.get_paginator("list_object_versions").paginate(Bucket=self._name, Prefix=prefix):
                found = [(v["Key"], Version(v["VersionId"], v["Size"], False)) for v in page.get("Versions", ())]
                found += [(v["Key"], Version(v["VersionId"], 0, True)) for v in page.get("DeleteMarkers", ())]
                yield from sorted(found, key=lambda one: one[0])

    def _uploads(self, key: str) -> Iterator[str]:
        with self._bucket.doing("list unfinished uploads", "s3:ListBucketMultipartUploads"):
            for page in self._bucket.client.get_paginator("list_multipart_uploads").paginate(Bucket=self._name, Prefix=key):
                yield from (upload["UploadId"] for upload in page.get("Uploads", ()) if upload["Key"] == key)

    def _end_uploads(self, key: str) -> int:
        count = 0
        for upload in list(self._uploads(key)):
            with self._bucket.doing(f"end an unfinished upload of {key}", "s3:AbortMultipartUpload"):
                try:
                    self._ask("abort_multipart_upload", key, UploadId=upload)
                    count += 1
                except ClientError as error:
                    if error.response["Error"]["Code"] != "NoSuchUpload":
                        raise
        return count

    def _ask(self, request: str, key: str, **rest: object) -> Any:
        return getattr(self._bucket.client, request)(Bucket=self._name, Key=key, **rest)


def _md5(data: bytes) -> str:
    """RFC 1864; the server refuses what was changed on the way, and with object locks it asks for this."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
