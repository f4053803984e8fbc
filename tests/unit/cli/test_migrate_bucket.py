"""`migrate` to a bucket: each file is brought once and read back, whatever is killed meanwhile; the old ones go when somebody says so."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from as_it_lies import open_recording, sha256_of
from cli_samples import NOW
from click.testing import CliRunner
from migrate_samples import Moving, in_use
from s3_server import S3Server
from subject_samples import ANNA

from asterisk_privacy.cli.audit import audit
from asterisk_privacy.cli.check_config import check_config
from asterisk_privacy.cli.migrate import migrate
from asterisk_privacy.cli.reconcile import reconcile
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.daemon import moving_files, old_place, removing_old
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import moving
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.bucket import Bucket
from asterisk_privacy.store.objects import Objects

CHECK = ("--reason", "request", "--identity-check", "called back")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return in_use(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def bucket(s3: S3Server) -> Bucket:
    return s3.bucket("versioned")


@pytest.fixture
def place(tmp_path: Path, filled: Path, server: Server, s3: S3Server, bucket: Bucket) -> Moving:
    """Its recordings go from one directory to the bucket; the daemon's queue will be in another."""
    made = Moving(tmp_path, filled)
    made.registry.close()
    made.shared(server, s3, bucket, store="waiting")
    made.from_store = ("--from-store", str(tmp_path / "recordings"))
    return made


def keys_of(place: Moving, bucket: Bucket, ids: list[str] | None = None) -> list[str]:
    return sorted(Objects(bucket).key(one) for one in (place.ids if ids is None else ids))


def test_all_is_in_the_bucket_and_the_old_files_stay_until_told(place: Moving, s3: S3Server, bucket: Bucket) -> None:
    files = {one: place.vault.path(one).read_bytes() for one in place.ids}
    assert place.moved()["recordings"] == 4
    assert sorted(key for key, _ in s3.all_versions(bucket.place.bucket)) == keys_of(place, bucket)
    assert files == {one: place.vault.path(one).read_bytes() for one in place.ids}
    samples, _ = open_recording(vault_of(load(place.config)).source(place.ids[0]), [place.identity])
    assert np.array_equal(samples[:, 0], np.arange(8000)) and place.json(reconcile)["findings"] == 0
    assert str(place.folder / "recordings") in place.run(check_config).stderr

    erased = place.json(subject, "erase", "--number", ANNA, *CHECK, code=1)  # one of the two is under a court's hold
    assert place.ids[0] in str(erased) and place.vault.path(place.ids[0]).exists()  # which is why the old copies must go
    with Registry.open(place.server) as registry:
        row = registry.recording(place.ids[0])
    assert row is not None and row.state is State.PURGED and f"its file in {place.folder}/recordings" in (row.evidence or "")

    removed = place.moved("--remove-old")
    assert removed["recordings"] == 4 and removed["findings"] == []
    assert not any(place.vault.path(one).exists() for one in place.ids) and place.vault.half_shredded() == []
    assert not list(place.folder.glob("registry.sqlite*")) and "old copies" not in place.run(check_config).stderr
    assert sorted(key for key, _ in s3.all_versions(bucket.place.bucket)) == keys_of(place, bucket, place.ids[1:])
    assert place.json(audit, "verify")["ok"] and place.json(reconcile)["findings"] == 0
    assert place.json(audit, "list", "--subject", "registry")[-1]["detail"]["recordings"] == "4"


def test_in_the_directory_that_stays_files_are_left_to_the_daemon(place: Moving, server: Server, s3: S3Server, bucket: Bucket) -> None:
    place.shared(server, s3, bucket)
    place.from_store = ()
    assert place.moved()["recordings"] == 4 and len(s3.all_versions(bucket.place.bucket)) == 4
    assert place.moved("--remove-old")["recordings"] == 0 and all(place.vault.path(one).exists() for one in place.ids)
    vault = vault_of(load(place.config))
    for one in place.ids:
        assert vault.hand_over(one, lambda _: True)
    assert len(s3.all_versions(bucket.place.bucket)) == 4  # it took over what was brought


def test_what_is_not_in_the_bucket_as_its_row_says_is_not_removed(place: Moving, s3: S3Server, bucket: Bucket) -> None:
    place.moved()
    objects, (lost, other, changed, _) = Objects(bucket), place.ids
    objects.remove(lost)
    s3.owner.put_object(Bucket=bucket.place.bucket, Key=objects.key(changed), Body=b"another")
    (orphan := place.vault.path("ab" * 16)).parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x")
    removed = place.moved("--remove-old", code=1)
    assert {finding["id"] for finding in removed["findings"]} == {lost, changed, "ab" * 16} and removed["registry"] == []
    assert place.vault.path(lost).exists() and place.vault.path(changed).exists() and orphan.exists()
    assert not place.vault.path(other).exists() and (place.folder / "registry.sqlite").exists()
    assert "old copies" in place.run(check_config).stderr
    assert objects.has(lost) is False  # nothing is brought any more: it may have been deleted for good
    for one in (lost, changed, "ab" * 16):
        place.vault.path(one).unlink()
    assert place.moved("--remove-old")["registry"][0]["name"] == "registry.sqlite"


def test_a_wrong_file_is_not_brought_and_one_in_the_bucket_already_counts(place: Moving, s3: S3Server, bucket: Bucket) -> None:
    changed, there = place.ids[:2]
    Objects(bucket).bring(there, place.vault.path(there), sha256_of(place.vault.path(there)))
    place.vault.path(there).unlink()
    place.vault.path(changed).write_bytes(place.vault.path(changed).read_bytes()[:-1] + b"?")
    told = place.moved(code=1)
    assert [finding["id"] for finding in told["findings"]] == [changed] and told["recordings"] == 3
    assert sorted(key for key, _ in s3.all_versions(bucket.place.bucket)) == keys_of(place, bucket, place.ids[1:])


def die_after(count: int, call: Callable[..., Any]) -> Callable[..., Any]:
    """kill -9 right after that many calls."""
    left = [count]

    def wrapped(*arguments: Any, **rest: Any) -> Any:
        result = call(*arguments, **rest)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def noting(brought: list[str], call: Callable[..., None]) -> Callable[..., None]:
    def wrapped(objects: Objects, recording_id: str, path: Path, digest: str) -> None:
        brought.append(recording_id)
        call(objects, recording_id, path, digest)

    return wrapped


DEATHS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "one file is there": lambda m: m.setattr(Objects, "bring", die_after(1, Objects.bring)),
    "three files are there": lambda m: m.setattr(Objects, "bring", die_after(3, Objects.bring)),
    "half the tables": lambda m: m.setattr(moving, "_carry", die_after(9, moving._carry)),
    "all tables, nothing compared": lambda m: m.setattr(moving, "_go_on_counting", die_after(1, moving._go_on_counting)),
    "all but the commit": lambda m: m.setattr(moving.audit, "append", die_after(1, moving.audit.append)),
    "the commit, and nobody told": lambda m: m.setattr(moving, "move", die_after(1, moving.move)),
}


@pytest.mark.parametrize("when", DEATHS)
def test_killed_anywhere_it_goes_on(place: Moving, s3: S3Server, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setattr(moving_files, "BATCH", 2)
    monkeypatch.setattr(moving_files, "AT_ONCE", 1)
    child = os.fork()
    if child == 0:
        DEATHS[when](monkeypatch)
        result = CliRunner().invoke(migrate, [*place.from_store, "--config", str(place.config)])
        os.write(2, f"not killed: {result.output}".encode())
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    committed = when == "the commit, and nobody told"
    assert bool(place.there("calls")) == committed and all(place.vault.path(one).exists() for one in place.ids)
    with pytest.raises(OperatorError, match="is not finished"):
        old_place.refuse_half_moved(load(place.config))
    brought: list[str] = []
    monkeypatch.setattr(Objects, "bring", noting(brought, Objects.bring))
    again = place.moved()
    assert again["moved_before"] == committed
    assert len(brought) == {"one file is there": 4, "three files are there": 2}.get(when, 0)  # two at a time are noted as done
    for table in set(place.tables()) - {"audit", "audit_head"}:
        assert len(place.there(table)) == len(place.here(table)), table
    assert place.json(audit, "verify")["ok"] and len(place.there("audit")) == len(place.here("audit")) + 1
    assert sorted(key for key, _ in s3.all_versions(bucket.place.bucket)) == keys_of(place, bucket)
    old_place.refuse_half_moved(load(place.config))
    assert place.moved()["moved_before"] and place.moved("--remove-old")["recordings"] == 4


def test_what_was_brought_to_another_bucket_is_not_in_this_one(place: Moving, s3: S3Server, bucket: Bucket) -> None:
    """The first attempt ends after the files; then somebody writes another bucket."""
    with psycopg.connect(place.server.url) as db:
        db.execute("ALTER TABLE consents ALTER COLUMN detail TYPE char(300)")
    assert place.migrate().exit_code == 3 and len(s3.all_versions(bucket.place.bucket)) == 4
    with psycopg.connect(place.server.url) as db:
        db.execute("ALTER TABLE consents ALTER COLUMN detail TYPE text")
    place.shared(place.server, s3, other := s3.bucket("versioned"), store="waiting")
    assert place.moved()["recordings"] == 4
    assert sorted(key for key, _ in s3.all_versions(other.place.bucket)) == keys_of(place, other)


def test_killed_while_the_old_goes_it_goes_on_with_the_evidence(place: Moving, monkeypatch: pytest.MonkeyPatch) -> None:
    place.moved()
    monkeypatch.setattr(removing_old, "_burn", die_after(1, removing_old._burn))
    child = os.fork()
    if child == 0:
        CliRunner().invoke(migrate, ["--remove-old", "--config", str(place.config)])
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    monkeypatch.undo()
    (label,) = place.folder.glob("registry.sqlite*.going")
    assert label.read_bytes() == b"" and "old copies" in place.run(check_config).stderr
    (gone,) = place.moved("--remove-old")["registry"]
    assert gone["name"] == "registry.sqlite" and gone["size"] > 0 and gone["sha256"] in label.name
    assert gone["sha256"] in place.json(audit, "list", "--subject", "registry")[-1]["detail"]["registry"]
    assert not list(place.folder.glob("registry.sqlite*"))


def test_what_the_old_place_deleted_between_two_attempts_is_deleted_in_the_bucket(place: Moving, s3: S3Server, bucket: Bucket) -> None:
    """The first attempt had brought it; then the old daemon ran for another night."""
    for one in place.ids:
        Objects(bucket).bring(one, place.vault.path(one), sha256_of(place.vault.path(one)))
    gone, new = place.ids[3], None
    new_config = place.config.read_text()
    place.config.write_text(place.old_config)
    place.registry = Registry.open(place.folder / "registry.sqlite")
    place.registry.mark_purging(gone, NOW, "due")
    place.vault.shred(gone)
    place.registry.mark_purged(gone, NOW, "due", "{}")
    new = place.call(ANNA)
    place.registry.close()
    place.config.write_text(new_config)
    config = load(place.config)
    stale = old_place.OldPlace(registry=str(place.folder / "registry.sqlite"), store="x", head="of then", up_to="f" * 32)
    old_place.write(config, stale)
    assert place.moved()["recordings"] == 4
    assert sorted(key for key, _ in s3.all_versions(bucket.place.bucket)) == keys_of(place, bucket, [*place.ids[:3], new])


def test_a_bucket_that_is_away_leaves_everything_as_it_was(place: Moving, s3: S3Server, bucket: Bucket) -> None:
    place.config.write_text(place.config.read_text().replace(s3.url, "http://127.0.0.1:1"))
    result = place.migrate()
    assert result.exit_code == 3 and "no answer" in result.stderr and not place.there("calls")
    place.shared(place.server, s3, bucket, store="waiting")
    assert place.moved()["recordings"] == 4
