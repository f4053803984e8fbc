"""The whole daemon with a bucket: what is sealed goes there by itself, and status and /metrics tell of it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from s3_server import Road, S3Server, configured
from whole_daemon import installed, linked, whole_daemon

from asterisk_privacy.cli.status import status
from asterisk_privacy.daemon import uploads
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.registry import Registry

PURPOSE = Purpose("p", "Purpose", Basis.CONTRACT, "because", Trigger.ALWAYS, Days(30))


def seal(folder: Path) -> str:
    """As the recorder leaves it: a sealed file, and a row that says so."""
    recording_id, data, now = secrets.token_hex(16), b"sealed " * 1000, datetime.now(UTC)
    path = folder / "recordings" / recording_id[:2] / f"{recording_id}.flac.age"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with Registry.open(folder / "registry.sqlite") as registry:
        registry.begin_call(recording_id, "sales", now, "hash", b"sealed", "in")
        registry.begin_recording(recording_id, recording_id, now, [PURPOSE], 1)
        path.write_bytes(data)
        registry.seal_recording(recording_id, now, len(data), hashlib.sha256(data).hexdigest(), 1000, False)
        registry.end_call(recording_id, now, "kept", (), (), ())
    return recording_id


async def series(running: Running) -> dict[str, float]:
    address = running.service.config.metrics.listen
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
        return {s.name.removeprefix("asterisk_privacy_"): s.value for family in families for s in family.samples if not s.labels}


async def until(running: Running, **wanted: float) -> dict[str, float]:
    async with asyncio.timeout(30):
        while not wanted.items() <= (told := await series(running)).items():
            pass
    return told


async def shown(config: Path) -> str:
    """By the command, in a process's place."""
    result = await asyncio.to_thread(CliRunner().invoke, status, ["--config", str(config)], env={"COLUMNS": "200"})
    return " ".join(result.stdout.replace("│", " ").split())


async def test_status_and_metrics_follow_the_queue(tmp_path: Path, s3: S3Server, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(uploads, "LONGEST_PAUSE_SECONDS", 0.2)
    bucket = s3.bucket("versioned").place.bucket
    config = installed(tmp_path, more=configured(tmp_path, bucket, road.url))
    async with whole_daemon(config) as running:
        linked(running)
        first = seal(tmp_path)
        told = await until(running, uploads_total=1, uploads_waiting=0)
        assert told["upload_failures_total"] == 0 and told["uploads_oldest_seconds"] == 0
        road.open = False
        second = seal(tmp_path)
        told = await until(running, uploads_waiting=1)
        assert told["uploads_waiting_bytes"] == 7000 and told["uploads_total"] == 1
        async with asyncio.timeout(30):
            while "no answer" not in (words := await shown(config)):
                pass
        assert "1 recordings brought there, 1 wait (0.0 MiB), the oldest since" in words
        road.open = True
        await until(running, uploads_total=2, uploads_waiting=0)
        assert "2 recordings brought there, none waits" in await shown(config)
    assert sorted(name.rpartition("/")[2] for name, _ in s3.all_versions(bucket)) == sorted(f"{one}.flac.age" for one in (first, second))


async def test_without_a_bucket_nothing_is_told_of_one(tmp_path: Path) -> None:
    config = installed(tmp_path)
    async with whole_daemon(config) as running:
        assert running.uploads is None and not [name for name in await series(running) if name.startswith("upload")]
        assert "Bucket" not in await shown(config)


async def test_a_bucket_that_cannot_be_used_does_not_keep_the_daemon_from_starting(tmp_path: Path) -> None:
    """It is asked when it is needed; but without a key nothing would ever get there."""
    config = installed(tmp_path, more=configured(tmp_path, "nowhere", "http://127.0.0.1:1"))
    async with whole_daemon(config) as running:
        assert running.uploads is not None
    (tmp_path / "s3.key").unlink()
    with pytest.raises(OperatorError, match="cannot read the bucket's access key"):
        async with whole_daemon(config):
            pass
