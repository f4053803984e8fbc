"""What is wrong with a bucket is told in one line with the way out, before the first call and after; no secret is ever told."""

from __future__ import annotations

import datetime
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import botocore.auth
import pytest
from as_it_lies import sha256_of
from s3_server import OWNER, READER, RECORDER, WRITER, S3Server

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store import bucket_keys
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.bucket_check import wrong_with
from asterisk_privacy.store.bucket_keys import AccessKey
from asterisk_privacy.store.faults import BucketAway
from asterisk_privacy.store.objects import Objects

ID = "0123456789abcdef0123456789abcdef"
ENDS = {"complaint": 730, "training": 35}


@pytest.fixture(params=(200, 404))
def web_page(request: pytest.FixtureRequest) -> Iterator[str]:
    status = request.param

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><p>Welcome to nginx!"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def told_by(bucket: Bucket) -> str:
    with pytest.raises(BucketAway) as told:
        list(wrong_with(bucket, ENDS))
    words = str(told.value)
    assert "\n" not in words and len(words) < 300 and "secret" not in words.replace("secret access key", "")
    return words


def test_nobody_is_there(s3: S3Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "no answer; is it running, and is [s3] endpoint right?" in told_by(s3.reached("b", url=f"http://127.0.0.1:{port}"))


def test_a_name_that_does_not_resolve(s3: S3Server) -> None:
    assert "no answer" in told_by(s3.reached("b", url="http://no-such-host.invalid"))


def test_something_else_is_there(s3: S3Server, web_page: str) -> None:
    words = told_by(s3.reached("bucket", url=web_page))
    assert "is [s3] endpoint right?" in words or "does not speak S3; correct [s3] endpoint" in words


def test_no_such_bucket(s3: S3Server) -> None:
    words = told_by(s3.reached("never-made"))
    assert "bucket never-made at http://127.0.0.1" in words and "there is no such bucket; make it, or correct [s3] bucket" in words


@pytest.mark.parametrize(
    ("key", "way_out"),
    [
        (AccessKey("nobody", "x"), "it does not know this access key; correct the file of [s3] access_key"),
        (AccessKey(OWNER.key_id, "wrong"), "the secret access key or [s3] region is wrong"),
    ],
)
def test_a_wrong_key(s3: S3Server, key: AccessKey, way_out: str) -> None:
    assert way_out in told_by(s3.reached(s3.bucket().place.bucket, key))


def test_a_clock_that_is_off(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of our machine: the real one is not turned back for a test."""
    bucket = s3.bucket()
    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: now(*a, **k) - datetime.timedelta(hours=1))
    assert "differ by too much; have both set by NTP" in told_by(bucket)


def test_tls(s3: S3Server, tmp_path: Path) -> None:
    name = s3.bucket().place.bucket
    assert "its certificate is not trusted or TLS fails; correct [s3] endpoint, or set [s3] ca_file" in told_by(
        s3.reached(name, url=s3.https)
    )
    assert list(wrong_with(s3.reached(name, url=s3.https, ca_file=s3.ca_file), ENDS)) == []
    assert "TLS fails" in told_by(s3.reached(name, url=s3.url.replace("http:", "https:"), ca_file=s3.ca_file)), "it speaks HTTP there"
    missing = s3.reached(name, url=s3.https, ca_file=tmp_path / "none.pem")
    assert "ca_file" in told_by(missing)


@pytest.mark.parametrize("kind", ["plain", "versioned", "suspended", "locking"])
def test_nothing_wrong_and_nothing_left_of_the_asking(s3: S3Server, kind: str) -> None:
    bucket = s3.bucket(kind)
    assert list(wrong_with(bucket, ENDS)) == [] and s3.all_versions(bucket.place.bucket) == []


def test_each_right_that_is_missing(s3: S3Server) -> None:
    name = s3.bucket().place.bucket
    (no_write,) = wrong_with(s3.reached(name, READER), ENDS)
    assert "cannot write" in no_write and no_write.endswith("this access key may not; grant it s3:PutObject")
    told = list(wrong_with(s3.reached(name, WRITER), ENDS))
    assert any("s3:ListBucketVersions" in line for line in told) and any("s3:GetObject" in line for line in told), told


def test_a_lock_by_default_that_keeps_what_must_go(s3: S3Server) -> None:
    bucket = s3.bucket("locking", OWNER)
    name = bucket.place.bucket
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 90}}
    s3.owner.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    too_long, erasure = wrong_with(bucket, ENDS)
    assert "for 90 days, but purposes end earlier (training)" in too_long and "complaint" not in too_long
    assert "an erasure that a person asks for" in erasure
    assert s3.all_versions(name) == [], "nothing was written that could not be removed again"
    rule["DefaultRetention"] = {"Mode": "GOVERNANCE", "Days": 10}
    s3.owner.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})
    assert len(list(wrong_with(bucket, ENDS))) == 1


def test_in_clear_over_a_network(s3: S3Server) -> None:
    bucket = s3.reached("b", url="http://s3.invalid")
    found = wrong_with(bucket, ENDS)
    assert "speaks without TLS" in next(found)


def test_a_recorder_needs_no_more_than_it_says(s3: S3Server, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 1000)
    objects = Objects(s3.bucket("versioned", RECORDER))
    objects.bring(ID, path, sha256_of(path))
    assert objects.remove(ID).count == 1


GOOD = "[default]\naws_access_key_id = id\naws_secret_access_key = very-secret\n"


def test_the_key_comes_from_systemd_a_file_or_the_environment(tmp_path: Path) -> None:
    file, credentials = tmp_path / "key", tmp_path / "credentials"
    file.write_text(GOOD)
    file.chmod(0o600)
    credentials.mkdir()
    environ = {"AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "s", "CREDENTIALS_DIRECTORY": str(credentials)}
    assert bucket_keys.load(None, environ) == AccessKey("env", "s")
    assert bucket_keys.load(file, environ) == AccessKey("id", "very-secret")
    (credentials / "s3").write_text(GOOD.replace("= id", "= theirs") + "aws_session_token = t\n")
    (credentials / "s3").chmod(0o400)
    assert bucket_keys.load(file, environ) == AccessKey("theirs", "very-secret", "t")
    assert "very-secret" not in repr(bucket_keys.load(file, {}))


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (GOOD, 0o604, r"everybody on this machine can read it.*run: chmod 0640 "),
        (GOOD.replace("[default]", ""), 0o600, r"is no file of an access key; write \[default\]"),
        ("very-secret", 0o600, "is no file of an access key"),
        (GOOD.replace("very-secret", ""), 0o600, "lacks the access key or its secret"),
        (b"\xff\xfe", 0o600, "not a text file"),
        (None, 0o600, "No such file"),
        ("", 0o600, "is no file of an access key"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str | bytes | None, mode: int, why: str) -> None:
    file = tmp_path / "key"
    if text is not None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
    with pytest.raises(OperatorError, match=why) as told:
        bucket_keys.load(file, {})
    assert "very-secret" not in str(told.value) and "\n" not in str(told.value)


def test_no_key_at_all() -> None:
    with pytest.raises(OperatorError, match="there is no access key; name its file"):
        bucket_keys.load(None, {})
