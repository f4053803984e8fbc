"""The access key of the bucket: from systemd, a file or the environment; never from the configuration, which many may read."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.credentials import credential
from asterisk_privacy.errors import OperatorError

CREDENTIAL = "s3"
SECTION = "default"


@dataclass(frozen=True, slots=True)
class AccessKey:
    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def load(file: Path | None, environ: Mapping[str, str]) -> AccessKey:
    """systemd's credential "s3" goes before `file`, and that before AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. OperatorError."""
    given = credential(CREDENTIAL, environ)
    if given is not None:
        return _read(given)
    if file is not None:
        return _read(file)
    key_id, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not (key_id and secret):
        raise OperatorError(
            "[s3] bucket: there is no access key; name its file as [s3] access_key, or give the unit LoadCredential=s3:FILE, "
            "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    return AccessKey(key_id, secret, environ.get("AWS_SESSION_TOKEN") or None)


def _read(path: Path) -> AccessKey:
    """As AWS's tools write it. No line of it is ever shown."""
    way_out = f"write [{SECTION}], aws_access_key_id = ... and aws_secret_access_key = ... on lines of their own"
    try:
        text = file_access.read(path, "the bucket's access key", secret=True).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text file"
        raise OperatorError(f"{path}: cannot read the bucket's access key ({why}); make it a file that this user may read") from error
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        table = dict(parser[SECTION])
    except (configparser.Error, KeyError):
        raise OperatorError(f"{path}: is no file of an access key; {way_out}") from None
    key_id, secret = table.get("aws_access_key_id", ""), table.get("aws_secret_access_key", "")
    if not (key_id and secret):
        raise OperatorError(f"{path}: lacks the access key or its secret; {way_out}")
    return AccessKey(key_id, secret, table.get("aws_session_token") or None)
