"""Several nodes, one registry on a server, one bucket: whoever purges deletes what is there; what waits on a disk is that node's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from as_it_lies import sha256_of
from s3_server import S3Server, configured
from upload_house import AT, IDENTITY, PURPOSE, House
from whole_daemon import installed

from asterisk_privacy.audio.deidentify import How
from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.config import Config, load
from asterisk_privacy.daemon.deidentifying import deidentify
from asterisk_privacy.daemon.night import run_night
from asterisk_privacy.daemon.purging import RegistryRows, make_purger
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.nodes import Told
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.shelf import BucketShelf, opened
from asterisk_privacy.store.vault import new_recording_id

NOW = datetime.now(UTC)


class Node(House):
    def real(self) -> str:
        """With audio in it."""
        recording_id = new_recording_id()
        self.registry.begin_call(recording_id, "sales", AT, None, None, "in")
        self.registry.begin_recording(recording_id, recording_id, AT, [PURPOSE], 1)
        writer = self.vault.create(recording_id)
        writer.write(np.random.default_rng(1).normal(0, 6000, (8000, 2)).astype(np.int16))
        sealed = writer.seal()
        self.registry.seal_recording(recording_id, AT, sealed.size, sealed.sha256, 1000, False)
        return recording_id

    @property
    def row_places(self) -> dict[str, str | None]:
        return {row.id: row.place for row in self.registry.recordings()}


def node(name: str, folder: Path, s3: S3Server, bucket: str, server: Server) -> Node:
    (folder / name).mkdir()
    return Node(folder / name, s3, s3.reached(bucket), place=replace(server, node=name))


@pytest.fixture
def nodes(tmp_path: Path, s3: S3Server, server: Server) -> Iterator[tuple[Node, Node]]:
    name = s3.bucket("versioned").place.bucket
    one, two = (node(called, tmp_path, s3, name, server) for called in ("pbx-1", "pbx-2"))
    yield one, two
    one.registry.close()
    two.registry.close()


def test_either_purger_deletes_what_is_in_the_bucket_and_evidence_names_the_node(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    made = [one.record(), two.record(), two.record()]
    for each in nodes:
        each.uploads.look()
    assert set(one.row_places.values()) == {one.uploads._address} and len(one.there()) == 3
    report = make_purger(one.registry, one.vault).run(NOW, dry_run=False, override_brake=True)
    assert sorted(report.deleted) == sorted(made) and report.clean and one.there() == []
    report = make_purger(two.registry, two.vault).run(NOW, dry_run=False, override_brake=True)
    assert report.plan.total == 0 and report.deleted == () and report.clean, "exactly once"
    for row in one.registry.recordings():
        evidence = json.loads(row.evidence or "")
        assert row.state is State.PURGED and evidence["node"] == "pbx-1" and evidence["found"] is True
        assert evidence["objects_and_versions_removed"] == 1 and evidence["sha256_before"] == row.sha256
    entries = [entry for entry in one.registry.audit_entries(None) if entry.action == "recording.purged"]
    assert sorted(entry.subject for entry in entries) == sorted(made) and one.registry.verify_audit().ok


def test_what_waits_on_another_nodes_disk_is_that_nodes(nodes: tuple[Node, Node]) -> None:
    """Planted: taken from elsewhere its row would say purged, and its file would still be there, to be uploaded."""
    one, two = nodes
    waits = two.record()
    report = make_purger(one.registry, one.vault).run(NOW, dry_run=False, override_brake=True)
    assert report.deleted == () and report.findings == () and two.registry.state(waits) is State.SEALED
    assert len(two.here()) == 1
    with pytest.raises(OperatorError, match="its file is on node pbx-2, not on pbx-1; do this there"):
        one.registry.mark_purging(waits, NOW, "asked for")
    two.uploads.look()
    report = make_purger(one.registry, one.vault).run(NOW, dry_run=False, override_brake=True)
    assert report.deleted == (waits,) and two.here() == [] and two.there() == []


def test_a_row_says_where_its_file_is_only_once_the_disk_has_nothing_of_it(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = nodes
    waits = two.record()
    monkeypatch.setattr("asterisk_privacy.store.vault.shred_one", _refused)
    with pytest.raises(OSError, match="the disk refuses"):
        two.uploads.look()
    assert len(two.there()) == 1 and len(two.here()) == 1 and two.row_places == {waits: None}
    assert make_purger(one.registry, one.vault).run(NOW, dry_run=False, override_brake=True).deleted == ()
    monkeypatch.undo()
    two.uploads.look()
    assert two.here() == [] and two.row_places == {waits: two.uploads._address}


def _refused(*_: object) -> None:
    raise OSError("the disk refuses")


def test_what_a_crash_left_unsaid_is_found_at_the_start(nodes: tuple[Node, Node], server: Server) -> None:
    """The file was brought and shredded, and then the daemon died; or it was brought by a version that wrote nothing down."""
    one, two = nodes
    brought, replaced, lost, waits = (two.record(data=os.urandom(100)) for _ in range(4))
    for each in (brought, replaced):
        two.objects.bring(each, two.vault.path(each), sha256_of(two.vault.path(each)))
    two.vault.path(brought).unlink()
    two.vault.path(lost).unlink()
    two.vault.path(replaced).rename(two.vault.path(replaced).with_name(f"{replaced}.next"))  # about to take its place
    one.uploads.look()
    assert set(one.row_places.values()) == {None}, "of another node's recordings nobody else knows what is on its disk"
    two.uploads.look()
    there = two.uploads._address
    assert two.row_places == {brought: there, replaced: None, lost: None, waits: there}
    with psycopg.connect(server.url) as db:  # the same bucket, under the name that it had before
        db.execute("UPDATE places SET address = 'https://old/'")
    assert make_purger(one.registry, one.vault).run(NOW, dry_run=True).plan.total == 0
    two.uploads._sweep_at = 0.0
    two.uploads.look()
    assert two.row_places == {brought: there, replaced: None, lost: None, waits: there}


def test_the_bucket_is_compared_with_the_rows_of_all_and_a_disk_with_its_own(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    lost, gone, there, orphan = two.record(), two.record(), two.record(), "ab" * 16
    two.uploads.look()
    waits = two.record()
    one.objects.remove(lost)
    two.registry.mark_purging(gone, NOW, "due")
    two.registry.mark_purged(gone, NOW, "due", "{}")
    one.objects.probe(orphan)
    found = {finding.recording_id: finding.kind.value for finding in make_purger(one.registry, one.vault).findings()}
    assert found == {lost: "row-without-file", gone: "file-of-the-gone", orphan: "orphan-file"} and {waits, there} & found.keys() == set()


def test_what_is_there_is_heard_on_any_node(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    one, two = nodes
    brought = two.record(data=b"words of two")
    two.uploads.look()
    with opened(BucketShelf(tmp_path / "none", one.objects).source(brought)) as file:
        assert file.read(100) == b"words of two"


def test_in_a_file_too_the_row_says_where(tmp_path: Path, s3: S3Server) -> None:
    house = House(tmp_path, s3, s3.bucket())
    one = house.record()
    house.uploads.look()
    assert isinstance(house.registry, Registry) and PURPOSE.name == "p"
    row = house.registry.recording(one)
    assert row is not None and row.node is None and row.place == house.uploads._address


def test_an_erasure_of_what_waits_elsewhere_changes_nothing_here(nodes: tuple[Node, Node]) -> None:
    """Not even the restriction, which only the erasure would lift."""
    one, two = nodes
    waits = two.record()
    one.registry.restrict(waits, NOW, "disputed")
    row, asked = one.registry.recording(waits), rights.Asked("asked for", "called back")
    assert row is not None
    with pytest.raises(OperatorError, match="its file is on node pbx-2"):
        rights.erase(one.registry, one.vault, row, asked, NOW)
    row = one.registry.recording(waits)
    assert row is not None and row.restriction is not None and one.registry.audit_entries(1)[0].action == "subject.erase-failed"
    two.uploads.look()
    assert rights.erase(one.registry, one.vault, row, asked, NOW).erased
    assert one.registry.state(waits) is State.PURGED and two.there() == []


def test_a_version_without_the_customer_is_in_the_bucket_at_once_whoever_makes_it(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    made = two.real()
    two.uploads.look()
    row = one.registry.recording(made)
    assert row is not None
    deidentify(one.registry, one.vault, row, How.CUSTOMER_REMOVED, [IDENTITY], NOW)
    told = one.registry.recording(made)
    assert told is not None and (told.node, told.place, told.deidentified) == ("pbx-1", one.uploads._address, "customer-removed")
    assert one.here() == two.here() == [] and one.objects.digest(made) == told.sha256 != row.sha256
    assert make_purger(two.registry, two.vault).run(NOW, dry_run=False, override_brake=True).deleted == (made,)


def test_the_bucket_is_compared_by_one_node_a_night_and_each_disk_by_its_own(
    nodes: tuple[Node, Node], tmp_path: Path, server: Server, s3: S3Server
) -> None:
    """A thousand nodes would list it a thousand times."""
    one, two = nodes
    lost, *others = (two.record() for _ in range(12))
    two.uploads.look()
    one.objects.remove(lost)
    config = configured_for(tmp_path, one, server, s3)

    def night(node: Node, at: datetime = NOW) -> tuple[set[str], int]:
        listed.clear()
        report = run_night(node.registry, node.vault, config, at, dry_run=True, once_for_all=True).purge
        return {finding.recording_id for finding in report.findings}, len(listed)

    listed: list[int] = []
    for each in nodes:
        count_listings(each, listed)
    assert night(one) == ({lost}, 1)
    orphan = two.record(State.SEALED)
    two.vault.path(orphan).unlink()  # not brought yet, and lost on its own disk
    assert night(two) == ({orphan}, 0) and night(one) == (set(), 0)
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE places SET compared_at = compared_at - 21 * 3600000")
    assert night(two) == ({lost, orphan}, 1)
    done = run_night(one.registry, one.vault, config, NOW, dry_run=False, override_brake=True, once_for_all=True).purge
    assert set(done.deleted) == {lost, *others} and one.there() == []


def test_what_is_done_for_all_nodes_is_done_by_one_a_night(
    nodes: tuple[Node, Node], tmp_path: Path, server: Server, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of millions it takes minutes to find calls that were not kept, and seconds to count recordings."""
    one, two = nodes
    config = configured_for(tmp_path, one, server, s3)
    counted: list[str] = []
    count = RegistryRows.count
    monkeypatch.setattr(RegistryRows, "count", lambda rows: counted.append("once") or count(rows))
    for each in nodes:
        each.registry.nodes.tell(Told("1.0", NOW, 0, None, 0, 0))
    kept = [one.record() for _ in range(4)]
    one.uploads.look()

    def night(node: Node, name: str) -> tuple[int, int]:
        """A call that was not kept long ago: is it gone?"""
        counted.clear()
        one.registry.begin_call(name, "sales", NOW - timedelta(days=99), None, None, "in")
        one.registry.end_call(name, NOW - timedelta(days=99), "not-kept", (), (), ())
        done = run_night(node.registry, node.vault, config, AT, dry_run=False, once_for_all=True, clock_is_right=True)
        assert done.purge.clean and (one.registry.call(name) is None) is (done.rows.unkept > 0)
        return done.rows.unkept, len(counted)

    assert night(one, "a") == (1, 1)
    assert night(two, "b") == (0, 0) and night(one, "c") == (0, 0)
    with psycopg.connect(server.url) as db:
        db.execute("UPDATE nodes SET rows_expired_at = rows_expired_at - 21 * 3600000")
    assert night(two, "d") == (3, 0)
    report = run_night(two.registry, two.vault, config, NOW, dry_run=False, once_for_all=True).purge
    assert report.plan.total == 4 and len(counted) == 1, "what goes is measured by all that there is"
    assert set(report.deleted) == set(kept)
    by_hand = run_night(one.registry, one.vault, config, NOW, dry_run=False)
    assert by_hand.purge.plan.total == 0 and len(counted) == 2, "who asks himself is told"
    two.vault.path(two.record()).unlink()
    lost = run_night(two.registry, two.vault, config, NOW, dry_run=False, once_for_all=True).purge
    assert lost.brake is not None and "1 of 1 recordings are not in the store" in lost.brake


def count_listings(node: Node, listed: list[int]) -> None:
    ids = node.objects.ids

    def counted() -> Iterator[str]:
        listed.append(1)
        return ids()

    node.objects.ids = counted  # type: ignore[method-assign]


def configured_for(folder: Path, node: Node, server: Server, s3: S3Server) -> Config:
    (folder / "config").mkdir()
    path = installed(folder / "config")
    text = path.read_text().replace("[registry]\n", f'[registry]\nurl = "{server.url}"\nnode = "pbx-1"\n')
    path.write_text(text.replace("[registry]\n", configured(folder / "config", node.name, s3.url) + "[registry]\n", 1))
    return load(path)
