"""The commands do with recordings in a bucket what they do with files: the same tests, and what only a bucket can do."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_recording
from bucket_samples import use_bucket
from cli_samples import NOW, Days, Place
from s3_server import READER, Road, S3Server
from subject_samples import House
from test_lesson_deidentify import RULE, UNTIL
from test_purge import (
    test_at_a_later_date_needs_a_word_to_delete,
    test_dry_run_explains_and_the_real_run_deletes,
    test_the_brake_is_exit_code_1_and_says_how_to_go_on,
)
from test_recordings import test_export_is_logged_private_and_the_audio, test_the_audit_row_comes_before_the_first_byte
from test_subject import test_the_copy_is_whole_and_says_so
from test_subject_acts import test_erased_with_evidence

from asterisk_privacy.audio.deidentify import How
from asterisk_privacy.cli.check_config import check_config
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.reconcile import reconcile
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.daemon.settings import S3
from asterisk_privacy.daemon.uploads import Uploads
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.objects import Objects

__all__ = [  # run here once more, with the fixtures below
    "test_at_a_later_date_needs_a_word_to_delete",
    "test_dry_run_explains_and_the_real_run_deletes",
    "test_erased_with_evidence",
    "test_export_is_logged_private_and_the_audio",
    "test_the_audit_row_comes_before_the_first_byte",
    "test_the_brake_is_exit_code_1_and_says_how_to_go_on",
    "test_the_copy_is_whole_and_says_so",
]


@pytest.fixture
def bucket(s3: S3Server) -> Bucket:
    return s3.bucket("versioned")


@pytest.fixture
def place(tmp_path: Path, s3: S3Server, bucket: Bucket) -> Iterator[Place]:
    made = Place(tmp_path)
    use_bucket(made, s3, bucket)
    yield made
    made.registry.close()


@pytest.fixture
def house(tmp_path: Path, s3: S3Server, bucket: Bucket) -> Iterator[House]:
    made = House(tmp_path)
    use_bucket(made, s3, bucket)
    yield made
    made.registry.close()


def test_evidence_counts_versions(place: Place, s3: S3Server, bucket: Bucket) -> None:
    due = place.record(31, Days(30))
    s3.owner.put_object(Bucket=bucket.place.bucket, Key=Objects(bucket).key(due), Body=b"another")
    assert place.json(purge)["deleted"] == [due] and s3.all_versions(bucket.place.bucket) == []
    row = place.registry.recording(due)
    told = json.loads(row.evidence or "") if row is not None else {}
    assert told["found"] is True and told["objects_and_versions_removed"] == 2 and told["size"] == 7


def test_a_lock_leaves_the_row_purging_with_its_reason(tmp_path: Path, s3: S3Server) -> None:
    place = Place(tmp_path)
    bucket = use_bucket(place, s3, s3.bucket("locking"))
    due = place.record(31, Days(30))
    s3.owner.put_object_legal_hold(Bucket=bucket.place.bucket, Key=Objects(bucket).key(due), LegalHold={"Status": "ON"})
    first = place.json(purge, code=1)
    assert first["deleted"] == [] and first["stuck"] == [] and "a legal hold of the bucket stands on" in first["failed"][0]["why"]
    assert place.json(purge, code=1)["stuck"] == [due] and place.registry.state(due) is State.PURGING
    s3.owner.put_object_legal_hold(Bucket=bucket.place.bucket, Key=Objects(bucket).key(due), LegalHold={"Status": "OFF"})
    assert place.json(purge)["finished"] == [due] and s3.all_versions(bucket.place.bucket) == []
    place.registry.close()


def test_a_lost_object_and_one_of_nobody_are_found_and_settled(place: Place, s3: S3Server, bucket: Bucket) -> None:
    kept = [place.record(1) for _ in range(8)]
    lost, nobodys, gone = kept[0], secrets.token_hex(16), place.record(1)
    objects = Objects(bucket)
    objects.remove(lost)
    s3.owner.put_object(Bucket=bucket.place.bucket, Key=objects.key(nobodys), Body=b"x")
    place.registry.mark_purging(gone, NOW, "x")
    place.registry.mark_purged(gone, NOW, "x", "{}")
    told = {(f["kind"], f["id"]) for f in place.json(reconcile, code=1)["items"]}
    assert told == {("row-without-file", lost), ("orphan-file", nobodys), ("file-of-the-gone", gone)}
    assert place.json(reconcile, "--settle")["settled"] == 3
    assert place.json(reconcile)["findings"] == 0
    assert sorted(key for key, _ in s3.all_versions(bucket.place.bucket)) == sorted(objects.key(one) for one in kept[1:])


def test_with_the_bucket_away_each_command_says_so_in_one_line(tmp_path: Path, s3: S3Server, road: Road, bucket: Bucket) -> None:
    place = Place(tmp_path)
    use_bucket(place, s3, bucket, url=road.url)
    recording, kept = place.record(31, Days(30)), place.record(1, Days(30))
    road.open = False
    export = ("export", kept, "--identity", str(tmp_path / "identity.txt"), "--output", str(tmp_path / "x.wav"))
    for result in (
        place.run(purge),
        place.run(reconcile),
        place.run(recordings, *export, "--purpose", "complaint", "--reason", "why"),
        place.run(check_config, "--ask"),
    ):
        assert result.exit_code == 3 and "no answer; is it running" in result.stderr and "Traceback" not in result.output
        assert sum("no answer" in line for line in result.stderr.splitlines()) == 1
    assert place.registry.state(recording) is State.SEALED
    place.registry.close()


def test_asking_the_bucket(place: Place, s3: S3Server, bucket: Bucket) -> None:
    """Asterisk is not there in this test, which is another line."""
    asked = place.run(check_config, "--ask")
    assert "The bucket was asked: recordings can be brought there, read, and deleted with every version." in asked.stdout
    assert place.json(check_config, "--ask", code=3)["bucket"] == {"warnings": []}
    key = place.folder / "s3.key"
    key.write_text(f"[default]\naws_access_key_id = {READER.key_id}\naws_secret_access_key = {READER.secret}\n")
    (line,) = place.json(check_config, "--ask", code=3)["bucket"]["warnings"]
    assert "grant it s3:PutObject" in line and "grant it s3:PutObject" in place.run(check_config, "--ask").stderr
    key.chmod(0o644)
    told = "the bucket's access key " + str(key) + ": everybody on this machine can read it"
    assert told in place.json(check_config, "--ask", code=3)["bucket"]["error"]
    assert "bucket" not in place.json(check_config, "--file-only")


def test_without_the_customer_no_version_of_him_is_left(tmp_path: Path, s3: S3Server, bucket: Bucket) -> None:
    place = Place(tmp_path)
    config = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(config.replace('"case-closed", latest_days = 700', '"reviewed", latest_days = 35'))
    use_bucket(place, s3, bucket)
    recording, objects = place.record(1, RULE), Objects(bucket)
    ramp = open_recording(place.vault.source(recording), [place.identity])[0]
    assert ramp[:, 0].any()
    given = ["--until", UNTIL, "--reason", "calm", "--deidentify", How.CUSTOMER_REMOVED.value, "--identity", str(tmp_path / "identity.txt")]
    result = place.run(recordings, "lesson", recording, *given)
    assert result.exit_code == 0, result.output
    assert s3.all_versions(bucket.place.bucket) == [] and place.vault.versions() == []
    with Registry.open(Path(place.registry.where)) as opened:
        uploads = Uploads(place.vault, lambda: opened, None, S3())  # type: ignore[arg-type]
        assert uploads._bring_all() is None
    assert [key for key, _ in s3.all_versions(bucket.place.bucket)] == [objects.key(recording)]
    samples = open_recording(objects.source(recording), [place.identity])[0]
    assert len(samples) == 8000 and not np.array_equal(samples, ramp)
    assert place.json(reconcile)["findings"] == 0
    place.registry.close()


def test_under_a_lock_nobody_is_taken_out_by_halves(tmp_path: Path, s3: S3Server) -> None:
    place = Place(tmp_path)
    config = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(config.replace('"case-closed", latest_days = 700', '"reviewed", latest_days = 35'))
    bucket = use_bucket(place, s3, s3.bucket("locking"))
    recording = place.record(1, RULE)
    before = place.registry.recording(recording)
    s3.owner.put_object_legal_hold(Bucket=bucket.place.bucket, Key=Objects(bucket).key(recording), LegalHold={"Status": "ON"})
    given = ["--until", UNTIL, "--reason", "calm", "--deidentify", How.CUSTOMER_REMOVED.value, "--identity", str(tmp_path / "identity.txt")]
    result = place.run(recordings, "lesson", recording, *given)
    assert result.exit_code == 3 and "a legal hold of the bucket" in result.stderr
    after = place.registry.recording(recording)
    assert before is not None and after is not None and before.sha256 == after.sha256
    assert len(s3.all_versions(bucket.place.bucket)) == 1 and place.vault.versions() == []
    place.registry.close()
