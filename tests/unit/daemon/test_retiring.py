"""A node that does not come back: its rows are settled honestly, the others go on, and nobody takes its name by mistake."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from as_it_lies import sha256_of
from click.testing import CliRunner, Result
from s3_server import S3Server, configured
from upload_house import House
from whole_daemon import installed, whole_daemon

from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon.elsewhere import overdue_elsewhere
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.purging import AS_PROMISED, make_purger
from asterisk_privacy.daemon.retiring import QUIET
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.nodes import NodeState, Told
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State

NOW = datetime.now(UTC)
TOLD = Told("1.0", NOW, 2, None, 1, 0)
Retire = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    return tmp_path / "one"


@pytest.fixture
def gone(tmp_path: Path, s3: S3Server, server: Server, folder: Path) -> Iterator[House]:
    """pbx-2, which told of itself a while ago; pbx-1 with the same bucket is configured in `folder`."""
    bucket = s3.bucket("versioned")
    path = installed(folder)
    text = path.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "pbx-1"\n')
    path.write_text(text.replace("[registry]\n", configured(folder, bucket.place.bucket, s3.url) + "[registry]\n", 1))
    (tmp_path / "two").mkdir()
    house = House(tmp_path / "two", s3, bucket, place=replace(server, node="pbx-2"))
    house.registry.nodes.tell(TOLD)
    silent_for(server, QUIET + timedelta(minutes=1))
    yield house
    house.registry.close()


def silent_for(server: Server, by: timedelta) -> None:
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET seen_at = seen_at - %s WHERE name = 'pbx-2'", (by // timedelta(milliseconds=1),))


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--config", str(folder / "config.toml")])


def retire(folder: Path, *more: str) -> Result:
    return run(folder, "registry", "retire", "pbx-2", "--reason", "burnt", *more)


def row_of(house: House, recording_id: str) -> RecordingRow:
    row = house.registry.recording(recording_id)
    assert row is not None
    return row


def test_it_says_first_what_it_would_do_and_changes_nothing(gone: House, folder: Path) -> None:
    writing, waits = gone.record(State.WRITING), gone.record()
    before = len(gone.registry.audit_entries(None))
    shown = retire(folder)
    assert shown.exit_code == 1 and "1 recordings that were being written: lost" in shown.output and f"disk alone: {waits}" in shown.output
    assert "nothing was changed; add --yes" in shown.output and len(gone.registry.audit_entries(None)) == before
    assert row_of(gone, writing).state is State.WRITING


def test_what_it_left_is_settled_as_far_as_anybody_knows(gone: House, folder: Path, server: Server) -> None:
    brought, unsaid, half, waits, writing, purging = (
        gone.record(state=state) for state in (State.SEALED,) * 4 + (State.WRITING, State.PURGING)
    )
    for each in (unsaid, half):
        gone.objects.bring(each, gone.vault.path(each), sha256_of(gone.vault.path(each)))
    gone.vault.path(half).write_bytes(b"x")
    gone.objects.remove(half)
    gone.objects.bring(half, gone.vault.path(half), sha256_of(gone.vault.path(half)))  # not what the row tells of
    gone.registry.nodes.brought(brought, str(row_of(gone, brought).sha256), str(gone.uploads._address))
    gone.objects.bring(brought, gone.vault.path(brought), sha256_of(gone.vault.path(brought)))
    shown = retire(folder, "--yes", "--json")
    assert shown.exit_code == 1, "something is left on its disk"
    told = json.loads(shown.stdout)
    assert (told["lost"], told["in_bucket"], told["calls"]) == ([writing], [unsaid], 6)
    assert sorted(told["on_its_disk"]) == sorted([half, waits]) and told["deletions_begun"] == [purging]
    row = row_of(gone, writing)
    assert (row.state, row.state_reason) == (State.ERASED, "lost with the disk of node pbx-2, which was retired: burnt")
    row = row_of(gone, waits)
    assert (row.state, row.state_reason) == (State.SEALED, "on the disk of node pbx-2, which was retired: burnt")
    assert row_of(gone, unsaid).place == gone.uploads._address and row_of(gone, purging).state is State.PURGING
    assert gone.registry.open_calls() == []
    actions = [entry.action for entry in gone.registry.audit_entries(None)]
    assert actions.count("recording.unreachable") == 2 and actions[0] == "node.retire"
    told = gone.registry.audit_entries(1)[0].detail
    assert {name: told[name] for name in ("reason", "lost", "in_bucket", "calls_ended", "closed", "on_its_disk")} == {
        "reason": "burnt", "lost": "1", "in_bucket": "1", "calls_ended": "6", "closed": "0", "on_its_disk": "3",
    }  # fmt: skip
    purged = run(folder, "purge", "--override-brake", "--json")
    assert purged.exit_code == 1
    told = json.loads(purged.stdout)
    assert sorted(told["deleted"]) == sorted([brought, unsaid])
    [others] = told["overdue_elsewhere"]
    assert others["node"] == "pbx-2" and sorted(others["ids"]) == sorted([half, waits, purging]) and others["why"].startswith("retired")
    assert gone.registry.verify_audit().ok


def test_with_evidence_that_the_disk_was_destroyed_the_rows_are_closed_but_not_under_a_hold(gone: House, folder: Path) -> None:
    waits, held, purging = gone.record(), gone.record(), gone.record(State.PURGING)
    gone.registry.place_hold(NOW, "officer", "claim", ["officer"], recording_id=held)
    assert retire(folder, "--yes").exit_code == 1
    shown = retire(folder, "--yes", "--disk-destroyed", "certificate 12")
    assert shown.exit_code == 1 and f"{held}: is under a legal hold" in shown.output
    for recording_id in (waits, purging):
        row = row_of(gone, recording_id)
        assert row.state is State.PURGED
        assert json.loads(row.evidence or "") == {"found": False, "disk_destroyed": "certificate 12", "node": "pbx-2"}
    assert row_of(gone, held).state is State.SEALED
    gone.registry.release_hold(1, NOW, "officer", "settled")
    assert retire(folder, "--yes", "--disk-destroyed", "certificate 12").exit_code == 0
    assert row_of(gone, held).state is State.PURGED
    assert json.loads(run(folder, "purge", "--json").stdout)["overdue_elsewhere"] == []


def test_a_node_that_runs_or_was_seen_just_now_is_not_retired(gone: House, folder: Path, server: Server) -> None:
    gone.record(State.WRITING)
    with Registry.open(replace(server, node="pbx-2"), actor="recorder") as alive:
        alive.claim_node()
        shown = retire(folder, "--yes")
        assert shown.exit_code == 3 and "its daemon holds the name" in shown.output and "pbx-2/recorder" in shown.output
    gone.registry.nodes.tell(TOLD)
    shown = retire(folder, "--yes")
    assert shown.exit_code == 3 and "was seen 0 s ago" in shown.output
    assert [row.state for row in gone.registry.recordings()] == [State.WRITING]
    gone.registry.nodes.tell(replace(TOLD, stopped=True))
    assert retire(folder, "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("name", "words"), [("pbx-1", "the one of this configuration"), ("pbx-9", "nobody of that name"), ("x y", "no name")]
)
def test_a_wrong_name_is_told(gone: House, folder: Path, name: str, words: str) -> None:
    shown = run(folder, "registry", "retire", name, "--reason", "burnt", "--yes")
    assert shown.exit_code == 3 and words in shown.output and len(shown.output.splitlines()) == 1


async def test_the_name_is_taken_again_only_after_it_was_said(gone: House, folder: Path, tmp_path: Path) -> None:
    assert retire(folder, "--yes").exit_code == 0
    (tmp_path / "new").mkdir()
    path = installed(tmp_path / "new")
    text = (folder / "config.toml").read_text().replace('node = "pbx-1"', 'node = "pbx-2"').replace(str(folder), str(tmp_path / "new"))
    path.write_text(text)
    shutil.copy(folder / "s3.key", tmp_path / "new")
    with pytest.raises(OperatorError, match=r"node pbx-2 was retired on .*\(burnt\); .* registry readmit pbx-2"):
        async with whole_daemon(path):
            pytest.fail("it started")
    assert run(folder, "registry", "readmit", "pbx-2", "--reason", "new machine").exit_code == 0
    (tmp_path / "new" / "recordings.node").write_text("pbx-2\n")  # it is the old machine, with its disk
    with pytest.raises(OperatorError, match="is the store of node pbx-2 from before it was retired"):
        async with whole_daemon(path):
            pytest.fail("it started")
    (tmp_path / "new" / "recordings.node").unlink()
    async with whole_daemon(path):
        assert {row.name: row.state for row in gone.registry.nodes.all()}["pbx-2"] is NodeState.UP
    async with whole_daemon(path):  # and again, as any other
        pass
    assert "is not retired" in run(folder, "registry", "readmit", "pbx-2", "--reason", "again").output


async def test_overdue_deletions_of_a_silent_node_are_an_alarm_of_the_living(gone: House, folder: Path, server: Server) -> None:
    """Two days old, for one day, on a disk that nobody reaches."""
    waits = gone.record()
    with Registry.open(server) as one:
        [found] = overdue_elsewhere(one, AS_PROMISED, utc_now())
    assert found.ids == (waits,) and "silent since" in found.in_words() and "registry retire pbx-2" in found.in_words()
    async with whole_daemon(folder / "config.toml") as running:
        await running.purging.run()
        assert running.service.health.alarms == {Alarm.DELETION_OVERDUE: 1} and running.purging.overdue == 1
        gone.registry.nodes.tell(TOLD)  # it is back, and deletes by itself
        await running.purging.run()
        assert running.service.health.alarms == {Alarm.DELETION_OVERDUE: 1} and running.purging.overdue == 0
    make_purger(gone.registry, gone.vault).run(NOW, dry_run=False, override_brake=True)
    assert row_of(gone, waits).state is State.PURGED


def test_lists_name_node_and_place(gone: House, folder: Path) -> None:
    waits = gone.record()
    listed = run(folder, "recordings", "list")
    assert "disk of pbx-2" in " ".join(listed.output.split())
    gone.uploads.look()
    shown = run(folder, "recordings", "show", waits)
    assert f"where      {gone.uploads._address}, by pbx-2" in shown.output
    told = json.loads(run(folder, "recordings", "show", waits, "--json").stdout)
    assert (told["node"], told["place"]) == ("pbx-2", gone.uploads._address)
    planned = json.loads(run(folder, "purge", "--dry-run", "--explain", "--json").stdout)["items"]
    assert [(item["node"], item["place"]) for item in planned] == [("pbx-2", gone.uploads._address)]
    assert "by pbx-2" in run(folder, "purge", "--dry-run", "--explain").output
