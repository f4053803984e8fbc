"""From sealed here to read back from the bucket: once, and no byte of it lost, whatever is away and whenever it dies."""

from __future__ import annotations

import hashlib
import itertools
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from s3_server import READER, WRITER, AccessKey, Road, S3Server
from upload_house import AT, IDENTITY, House

from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.purging import RegistryRows, make_purger
from asterisk_privacy.daemon.settings import S3
from asterisk_privacy.daemon.uploads import LONGEST_PAUSE_SECONDS, LOOK_SECONDS, Uploads
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.objects import Objects


@pytest.fixture
def house(tmp_path: Path, s3: S3Server) -> House:
    return House(tmp_path, s3, s3.bucket("versioned"))


def test_what_is_sealed_goes_and_nothing_stays_here(house: House) -> None:
    done = [house.record(data=os.urandom(50_000)) for _ in range(3)]
    assert house.uploads.look() == LOOK_SECONDS
    assert sorted(house.there()) == sorted(house.objects.key(one) for one in done) and house.here() == []
    assert (house.uploads.uploaded, house.uploads.waiting.count, house.uploads.error) == (3, 0, None) and not house.health.alarms
    assert list(house.vault.sealed()) == sorted(done) and all(house.vault.has(one) for one in done)
    assert house.uploads.look() == LOOK_SECONDS and house.uploads.uploaded == 3


def test_a_file_from_a_backup_does_not_take_the_place_of_what_is_there(house: House) -> None:
    """Of a recording without its customer an older file is one with him."""
    one, other = house.record(), house.record()
    house.uploads.look()
    before = house.s3.all_versions(house.name)
    house.vault.path(one).write_bytes(b"with the customer")
    house.vault.path(other).write_bytes(b"sealed " * 1000)  # the same as there
    assert house.uploads.look() > LOOK_SECONDS
    assert "is not the one that its row tells of" in str(house.uploads.error) and house.s3.all_versions(house.name) == before
    house.uploads.look()
    assert [(it.recording_id, it.where) for it in house.registry.contents.met_since(AT)] == [(one, "upload")], "told once"
    assert house.here() == [house.vault.path(one).name] and house.uploads.waiting.count == 1


@pytest.mark.parametrize("state", (State.WRITING, State.PURGING))
def test_only_what_its_row_calls_sealed(house: House, state: State) -> None:
    """Else a daemon that dies now would find a row without its file, or a deletion would leave an object."""
    house.record(state)
    house.uploads.look()
    assert house.there() == [] and len(house.here()) == 1 and house.uploads.waiting.count == 0


def test_nothing_is_shredded_here_before_the_bucket_gave_it_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.record()
    read_back = Objects._digest
    seen: list[int] = []

    def watched(self: Objects, key: str) -> str:
        seen.append(len(house.here()))
        return read_back(self, key)

    monkeypatch.setattr(Objects, "_digest", watched)
    house.uploads.look()
    assert seen == [1] and house.here() == []
    house.record()
    monkeypatch.setattr(Objects, "_digest", lambda self, key: "f" * 64)
    assert house.uploads.look() > LOOK_SECONDS
    assert len(house.here()) == 1 and "other bytes" in str(house.uploads.error)


def test_a_bucket_that_is_away_is_waited_for(tmp_path: Path, s3: S3Server, road: Road) -> None:
    house = House(tmp_path, s3, s3.bucket("versioned"), road.url)
    road.open = False
    first = house.record(data=b"x" * (9 << 20))
    second = house.record(data=b"y" * (9 << 20))
    pauses = [house.uploads.look() for _ in range(8)]
    assert all(later > sooner for sooner, later in itertools.pairwise(pauses[:6]))
    assert LONGEST_PAUSE_SECONDS <= pauses[-1] <= 1.2 * LONGEST_PAUSE_SECONDS
    assert house.uploads.failures == 8 and "no answer" in str(house.uploads.error) and len(house.here()) == 2
    assert "18 MiB" in str(house.uploads.why_full()), "the queue is bounded: no new call is recorded"
    assert not house.health.alarms, "half an hour has not passed"
    for one in (first, second):
        os.utime(house.vault.path(one), (AT.timestamp(),) * 2)
    house.uploads.look()
    house.uploads.look()
    assert house.health.alarms == {Alarm.UPLOADS_LATE: 1}, "once an hour"
    road.open = True
    assert house.uploads.look() == LOOK_SECONDS
    assert house.uploads.why_full() is None and house.here() == [] and len(house.there()) == 2 and house.uploads.error is None


@pytest.mark.parametrize(("key", "what"), [(READER, "cannot write"), (WRITER, "cannot list versions")])
def test_a_key_that_may_not_is_told_and_nothing_is_lost_or_called_deleted(house: House, key: AccessKey, what: str) -> None:
    """Rights that somebody took away after check-config had seen them."""
    old, new = house.record(), house.record()
    assert house.vault.hand_over(old, lambda _: True)
    right, house.vault._objects = house.vault._objects, Objects(house.s3.reached(house.name, key))
    assert house.uploads.look() > LOOK_SECONDS
    assert what in str(house.uploads.error) and "this access key may not" in str(house.uploads.error)
    assert house.here() == [house.vault.path(new).name]
    house.registry.mark_purging(old, AT, "because")
    failure = make_purger(house.registry, house.vault).finish(old, "because", AT)
    assert failure is not None and "this access key may not" in failure.why and house.registry.state(old) is State.PURGING
    house.vault._objects = right
    assert make_purger(house.registry, house.vault).finish(old, "because", AT) is None
    assert house.uploads.look() == LOOK_SECONDS and house.there() == [house.objects.key(new)] and house.here() == []


DIES = """
import os, sys
from pathlib import Path
from s3_server import RECORDER, client
from asterisk_privacy.store import objects, shred
from asterisk_privacy.store.bucket import Bucket, BucketPlace
from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

folder, url, name, public, one, where = sys.argv[1:]
bucket = Bucket(BucketPlace(name, url, "us-east-1", "recordings/", True, None), RECORDER)
objects.PART = 5 << 20


def dies(*_, **__):
    os._exit(9)


if where == "parts":  # after the first part
    ask = Objects._ask
    Objects._ask = lambda self, request, key, **rest: (
        dies() if rest.get("PartNumber") == 2 else ask(self, request, key, **rest))
elif where == "put":  # it is there, and nobody knows
    Objects._digest = dies
elif where == "move":  # on its way to be shredded
    shred._digest = dies
Vault(Path(folder) / "recordings", Recipients.of([public]), Objects(bucket)).hand_over(one, lambda _: True)
"""


@pytest.mark.parametrize("where", ("parts", "put", "move"))
def test_killed_anywhere_it_is_in_the_bucket_exactly_once(house: House, tmp_path: Path, where: str) -> None:
    data = os.urandom((6 << 20) + 7)
    one = house.record(data=data)
    tests = str(Path(__file__).parents[2])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, *filter(None, sys.path)])}
    arguments = [str(tmp_path), house.s3.url, house.name, IDENTITY.public, one, where]
    died = subprocess.run([sys.executable, "-c", DIES, *arguments], env=environ, check=False, capture_output=True, text=True)
    assert died.returncode == 9, died.stderr
    assert house.s3.uploads(house.name) == (where == "parts")
    house.uploads.look()
    for half in house.vault.half_shredded():
        house.vault.shred_here(half)
    assert house.there() == [house.objects.key(one)] and house.s3.uploads(house.name) == 0 and house.here() == []
    with house.objects.source(one).open() as file:
        read = bytearray()
        while piece := file.read(1 << 20):
            read += piece
    assert bytes(read) == data


def test_a_deletion_and_an_upload_do_not_cross(house: House) -> None:
    """Planted: the row says purging while its file is on its way, and the purger waits for the end of that."""
    one = house.record()
    asked: list[bool] = []

    def purged_meanwhile(_: str) -> bool:
        asked.append(True)
        house.registry.mark_purging(one, AT, "because")
        return house.registry.state(one) is State.SEALED

    assert not house.vault.hand_over(one, purged_meanwhile) and asked
    assert make_purger(house.registry, house.vault).finish(one, "because", AT) is None
    assert house.there() == [] and house.here() == []


def test_a_deletion_waits_for_an_upload_of_the_same_store(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one = house.record()
    bring, deletion = Objects.bring, threading.Thread(target=lambda: house.vault.shred(one))

    def slow(self: Objects, recording_id: str, path: Path, digest: str) -> None:
        deletion.start()
        deletion.join(0.3)
        assert deletion.is_alive() and path.exists(), "it came between an upload and its check"
        bring(self, recording_id, path, digest)

    monkeypatch.setattr(Objects, "bring", slow)
    house.uploads.look()
    deletion.join(30)
    assert house.uploads.error is None and not deletion.is_alive() and house.there() == [] and house.here() == []


@pytest.mark.parametrize("uploaded", (True, False))
def test_the_purger_takes_both_and_says_what(house: House, uploaded: bool) -> None:
    one = house.record()
    if uploaded:
        house.uploads.look()
        house.s3.owner.put_object(Bucket=house.name, Key=house.objects.key(one), Body=b"another version")
    report = make_purger(house.registry, house.vault).run(datetime.now(UTC), dry_run=False, override_brake=True)
    assert report.deleted == (one,) and report.failed == () and report.stuck == ()
    row = house.registry.recording(one)
    assert row is not None and row.state is State.PURGED and f'"objects_and_versions_removed": {2 * uploaded}' in str(row.evidence)
    assert house.there() == [] and house.here() == []


def test_a_lock_keeps_the_row_purging_and_is_overdue_the_next_night(tmp_path: Path, s3: S3Server) -> None:
    house = House(tmp_path, s3, s3.bucket("locking"))
    one = house.record()
    house.uploads.look()
    key = house.objects.key(one)
    s3.owner.put_object_legal_hold(Bucket=house.name, Key=key, LegalHold={"Status": "ON"})
    purger = make_purger(house.registry, house.vault)
    report = purger.run(datetime.now(UTC), dry_run=False, override_brake=True)
    assert report.deleted == () and "legal hold" in report.failed[0].why and report.stuck == ()
    assert house.registry.state(one) is State.PURGING and house.there() == [key]
    report = purger.run(datetime.now(UTC), dry_run=False, override_brake=True)
    assert report.stuck == (one,) and report.finished == () and not report.clean
    s3.owner.put_object_legal_hold(Bucket=house.name, Key=key, LegalHold={"Status": "OFF"})
    report = purger.run(datetime.now(UTC), dry_run=False, override_brake=True)
    assert report.finished == (one,) and house.registry.state(one) is State.PURGED and house.there() == []


def test_what_another_node_has_in_the_same_bucket_is_no_finding_and_no_request(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: rows of which this node's purger is not told."""
    house.record()
    house.uploads.look()
    rows = RegistryRows(house.registry)
    monkeypatch.setattr(rows, "states", lambda: iter(()))
    monkeypatch.setattr(house.vault, "has", None)
    assert list(Purger(rows, house.vault, 25, 20).findings()) == []


def test_with_the_bucket_away_nothing_is_called_deleted(tmp_path: Path, s3: S3Server, road: Road) -> None:
    house = House(tmp_path, s3, s3.bucket("versioned"), road.url)
    one = house.record()
    house.uploads.look()
    road.open = False
    with pytest.raises(StoreFault, match="no answer"):
        make_purger(house.registry, house.vault).run(datetime.now(UTC), dry_run=False, override_brake=True)
    assert house.registry.state(one) is State.SEALED
    house.registry.mark_purging(one, AT, "because")
    failure = make_purger(house.registry, house.vault).finish(one, "because", AT)
    assert failure is not None and house.registry.state(one) is State.PURGING
    road.open = True
    assert make_purger(house.registry, house.vault).finish(one, "because", AT) is None and house.there() == []


def test_a_recordings_other_version_takes_the_place_of_all_that_the_bucket_has(house: House) -> None:
    samples = np.zeros((8000, 2), "int16")
    one = house.record()
    house.uploads.look()
    house.s3.owner.put_object(Bucket=house.name, Key=house.objects.key(one), Body=b"older still")
    new = house.vault.seal_version(one, samples, 8000)
    was = hashlib.sha256(b"sealed " * 1000).hexdigest()
    house.registry.deidentify(one, datetime.now(UTC), "customer-removed", was, new.size, new.sha256, new.sealed_to)
    house.vault.place_version(one)
    assert house.there() == [], "what held the customer's voice is gone before anything else counts"
    house.uploads.look()
    assert house.there() == [house.objects.key(one)] and house.here() == []
    with house.objects.source(one).open() as file:
        assert hashlib.sha256(file.read()).hexdigest() == new.sha256


def test_the_thread_ends_when_it_is_told(house: House) -> None:
    house.record()
    house.uploads.start()
    while house.uploads.uploaded == 0:
        pass
    house.uploads.stop()
    assert not house.uploads._thread.is_alive() and not house.health.alarms


def test_without_the_registry_nothing_is_uploaded(house: House) -> None:
    house.record()

    def no_registry() -> Registry:
        raise OperatorError("the registry is away")

    uploads = Uploads(house.vault, no_registry, house.health, S3(bucket=house.name))
    assert uploads.look() > LOOK_SECONDS and uploads.error == "the registry is away" and len(house.here()) == 1 and house.there() == []
