"""A bucket on S3-compatible storage: how it is reached, and what its errors mean to an operator.

botocore alone (extra [s3]), since what decides is the forgetting: every version of an object has to be listed, asked for its lock and
deleted by its id. `obstore` reads one version by id but neither lists nor deletes versions and knows no object lock; of `minio` the
listing and aborting of unfinished uploads are private; `boto3` and `aiobotocore` add to botocore nothing that is used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store.bucket_keys import AccessKey
from asterisk_privacy.store.faults import BucketAway, StoreFault

CONNECT_SECONDS = 5
READ_SECONDS = 30

_AWAY = frozenset({"500", "502", "503", "504", "InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "Busy"})
_WAYS_OUT = {
    "NoSuchBucket": "there is no such bucket; make it, or correct [s3] bucket",
    "InvalidAccessKeyId": "it does not know this access key; correct the file of [s3] access_key",
    "SignatureDoesNotMatch": "the secret access key or [s3] region is wrong; correct it",
    "AuthorizationHeaderMalformed": "[s3] region is another one; correct it",
    "PermanentRedirect": "the bucket is at another endpoint or region; correct [s3] endpoint and region",
    "ExpiredToken": "the access key has expired; give it a new one",
    "InvalidToken": "the session token is not valid; give it a new access key",
    "RequestTimeTooSkewed": "the clock of this machine and the server's differ by too much; have both set by NTP",
    "RequestExpired": "the clock of this machine and the server's differ by too much; have both set by NTP",
    "NotImplemented": "the server cannot do that; a deletion could not be proven there, use a server that lists versions",
    "PreconditionFailed": "it was replaced or deleted meanwhile; open it again",
    "InvalidBucketName": "that is no name of a bucket; correct [s3] bucket",
}


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """`prefix` is empty or ends in a slash. `ca_file`: whom to trust in place of the system's certificate authorities."""

    bucket: str
    endpoint: str
    region: str
    prefix: str
    path_style: bool
    ca_file: Path | None

    def __str__(self) -> str:
        return f"bucket {self.bucket} at {self.endpoint}"


class Bucket:
    """A client, for any number of threads, and the place that it talks to. Connects with the first request."""

    def __init__(self, place: BucketPlace, key: AccessKey) -> None:
        self.place = place
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            s3={"addressing_style": "path" if place.path_style else "virtual"},
            # checksums in trailers are refused by many servers; Content-MD5 and reading back do it everywhere
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            self.client: Any = session().create_client(
                "s3",
                endpoint_url=place.endpoint,
                region_name=place.region,
                aws_access_key_id=key.key_id,
                aws_secret_access_key=key.secret,
                aws_session_token=key.token,
                verify=str(place.ca_file) if place.ca_file is not None else None,
                config=config,
            )
        except (BotoCoreError, ValueError) as error:
            raise OperatorError(f"[s3] {place}: {one_line(error)}; correct [s3] endpoint and region") from error

    @contextmanager
    def doing(self, what: str, right: str = "") -> Iterator[None]:
        """Errors within become StoreFault. `right`: what the key needs for it, such as s3:PutObject."""
        try:
            yield
        except ClientError as error:
            raise self._refusal(error, what, right) from error
        except BotoCoreError as error:
            raise self._away(error, what) from error

    def _refusal(self, error: Any, what: str, right: str) -> StoreFault:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        where = f"{self.place}: cannot {what}"
        if code in _WAYS_OUT:
            kind = StoreFault if code in ("NotImplemented", "PreconditionFailed") else BucketAway
            return kind(f"{where}: {_WAYS_OUT[code]}")
        if code in _AWAY or status >= 500:
            return BucketAway(f"{where}: the server answers {code}; look at its log, and is [s3] endpoint right?")
        if status == 403:
            return StoreFault(f"{where}: this access key may not{f'; grant it {right}' if right else ''}")
        if status == 404 and code != "NoSuchKey" and what.startswith("list"):
            return BucketAway(f"{where}: no such bucket, or what answers does not speak S3; correct [s3] endpoint and bucket")
        if status == 404:
            return StoreFault(f"{where}: it is not there; look with: asterisk-privacy reconcile")
        return StoreFault(f"{where}: the server answers {status} {code}; look at its log")

    def _away(self, error: Any, what: str) -> StoreFault:
        where = f"{self.place}: cannot {what}"
        if isinstance(error, SSLError):
            return BucketAway(f"{where}: its certificate is not trusted or TLS fails; correct [s3] endpoint, or set [s3] ca_file")
        if isinstance(error, EndpointConnectionError | ConnectTimeoutError | ConnectionClosedError | ReadTimeoutError):
            return BucketAway(f"{where}: no answer; is it running, and is [s3] endpoint right?")
        if isinstance(error, ResponseParserError):
            return BucketAway(f"{where}: what answers there does not speak S3; correct [s3] endpoint")
        return BucketAway(f"{where}: {one_line(error)}; is it running, and is [s3] endpoint right?")


@cache
def session() -> Session:
    """What botocore reads of its own data is read once in a process."""
    return Session()


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
