"""Each kind of disagreement, made with real files and rows, seen by `reconcile` and settled by `reconcile --settle`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_recording
from cli_samples import NOW, Days, Place

from asterisk_privacy.cli.reconcile import reconcile
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.store import layout, shred
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

LONG_AGO = NOW - timedelta(hours=1)
PURPOSE = Purpose("complaint", "t", Basis.CONTRACT, "r", Trigger.FLAG, Days(30))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    for _ in range(8):
        made.record(1)
    yield made
    made.registry.close()


def orphan(place: Place) -> str:
    recording = secrets.token_hex(16)
    writer = place.vault.create(recording)
    writer.write(np.zeros((8000, 2), np.int16))
    writer.seal()
    return recording


def of_the_gone(place: Place) -> str:
    recording = place.record(1)
    copy = place.vault.path(recording).read_bytes()
    purge(place, recording)
    place.vault.path(recording).write_bytes(copy)
    return recording


def purge(place: Place, recording: str) -> None:
    place.registry.mark_purging(recording, LONG_AGO, "due")
    place.vault.shred(recording)
    place.registry.mark_purged(recording, LONG_AGO, "due", "{}")


def lost(place: Place) -> str:
    recording = place.record(1)
    place.vault.path(recording).unlink()
    return recording


def half_deleted(place: Place) -> str:
    recording = place.record(1)
    place.registry.mark_purging(recording, LONG_AGO, "due")
    return recording


def half_shredded(place: Place) -> str:
    recording = orphan(place)
    for step in shred.steps(place.folder / "recordings", recording):
        if step == "label":
            break
    return recording


def begun(place: Place) -> str:
    recording = secrets.token_hex(16)
    place.registry.begin_call(recording, "sales", LONG_AGO, None, None, "in")
    place.registry.begin_recording(recording, recording, LONG_AGO, [PURPOSE], 1)
    return recording


def unfinished(place: Place) -> str:
    """Noise: it must fill whole chunks."""
    recording = begun(place)
    writer = place.vault.create(recording)
    writer.write(np.random.default_rng(1).integers(-9000, 9000, (80_000, 2)).astype(np.int16))
    writer._close()
    os.utime(layout.place(place.folder / "recordings", recording, layout.WRITING), (LONG_AGO.timestamp(),) * 2)
    return recording


def behind(place: Place) -> str:
    recording = begun(place)
    writer = place.vault.create(recording)
    writer.write(np.zeros((8000, 2), np.int16))
    writer.seal()
    os.utime(place.vault.path(recording), (LONG_AGO.timestamp(),) * 2)
    return recording


CASES: dict[str, tuple[Callable[[Place], str], str, str | None, bool]] = {
    # made by, kind, state of the row afterwards, whether a sealed file is there afterwards
    "orphan": (orphan, "orphan-file", None, False),
    "of the gone": (of_the_gone, "file-of-the-gone", "purged", False),
    "lost": (lost, "row-without-file", "purged", False),
    "half deleted": (half_deleted, "half-deleted", "purged", False),
    "half shredded": (half_shredded, "half-deleted", None, False),
    "unfinished": (unfinished, "unfinished", "sealed", True),
    "behind": (behind, "row-behind", "sealed", True),
    "nothing": (begun, "row-of-nothing", "erased", False),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_seen_and_settled(place: Place, case: str) -> None:
    make, kind, state, there = CASES[case]
    recording = make(place)
    before = place.registry.verify_audit().entries
    told = place.json(reconcile, code=1)
    assert [(item["kind"], item["id"]) for item in told["items"]] == [(kind, recording)] and told["kinds"] == {kind: 1}
    assert place.registry.verify_audit().entries == before  # it only looked
    assert place.run(reconcile).exit_code == 1
    settled = place.json(reconcile, "--settle")
    assert (settled["settled"], settled["left"], settled["brake"]) == (1, [], None)
    assert place.registry.state(recording) == state and place.vault.path(recording).exists() is there
    assert place.vault.unfinished() == [] and place.vault.half_shredded() == []
    if case != "half shredded":  # its deletion was decided, and is in the trail, already
        assert any(e.actor.startswith("cli:") for e in place.registry.audit_entries(None, recording))
    after = place.json(reconcile)
    assert after["findings"] == 0 and "agree" in place.run(reconcile).stdout
    if there:
        row = place.registry.recording(recording)
        assert row is not None and row.size == place.vault.path(recording).stat().st_size
        assert len(open_recording(place.vault.path(recording), [place.identity], allow_truncated=True)[0]) > 4000


def test_all_of_them_at_once_and_nothing_else(place: Place) -> None:
    kept = {path: path.read_bytes() for path in (place.folder / "recordings").rglob("*.age")}
    made = {make(place): kind for make, kind, _, _ in CASES.values()}
    assert {item["id"]: item["kind"] for item in place.json(reconcile, code=1)["items"]} == made
    place.json(reconcile, "--settle", "--override-brake")
    assert all(path.read_bytes() == data for path, data in kept.items())


def test_what_goes_on_at_this_moment_is_no_finding(place: Place) -> None:
    now = utc_now()
    writing = secrets.token_hex(16)
    place.registry.begin_call(writing, "sales", now, None, None, "in")
    place.registry.begin_recording(writing, writing, now, [PURPOSE], 1)
    assert place.json(reconcile)["findings"] == 0  # its file is about to be made
    writer = place.vault.create(writing)
    writer.write(np.zeros((8000, 2), np.int16))
    assert place.json(reconcile)["findings"] == 0
    writer.seal()
    assert place.json(reconcile, "--settle")["findings"] == 0  # its row is about to be sealed
    purging = place.record(1)
    place.registry.mark_purging(purging, now, "off the record")
    assert place.json(reconcile, "--settle")["findings"] == 0 and place.registry.state(purging) == "purging"


def test_a_row_under_legal_hold_stays(place: Place) -> None:
    recording = lost(place)
    place.registry.place_hold(NOW, "anna", "claim", ["anna"], recording_id=recording)
    told = place.json(reconcile, "--settle", code=1)
    assert told["settled"] == 0 and "legal hold" in told["left"][0] and place.registry.state(recording) == "sealed"


@pytest.mark.parametrize(("make", "words"), [(lost, "is it mounted?"), (orphan, "is it the right registry?")])
def test_very_much_at_once_waits_for_a_person(place: Place, make: Callable[[Place], str], words: str) -> None:
    made = [make(place) for _ in range(5)]
    result = place.run(reconcile, "--settle")
    assert result.exit_code == 1 and words in result.stderr and "--override-brake" in result.stderr
    assert all(recording in result.stdout for recording in made)
    assert place.json(reconcile, "--settle", "--override-brake")["settled"] == 5


def test_keys_that_nobody_on_the_list_has(place: Place) -> None:
    old = place.registry.recordings()[0].id
    other = Identity.generate()
    writing = begun(place)
    writer = place.vault.create(writing)
    sealed = writer.seal()
    assert sealed.sealed_to == place.identity.public[:16]
    place.registry.seal_recording(writing, NOW, sealed.size, sealed.sha256, 0, False, sealed.sealed_to)
    assert place.json(reconcile)["findings"] == 0
    with (place.folder / "recipients.txt").open("a") as file:
        file.write(other.public + "\n")
    both = begun(place)
    twice = Vault(place.folder / "recordings", Recipients.load(place.folder / "recipients.txt")).create(both).seal()
    place.registry.seal_recording(both, NOW, twice.size, twice.sha256, 0, False, twice.sealed_to)
    assert place.json(reconcile)["findings"] == 0  # a second key; the first still opens all
    (place.folder / "recipients.txt").write_text(other.public + "\n")
    found = place.json(reconcile, code=1)["items"]
    assert [(f["kind"], f["id"]) for f in found] == [("no-known-key", writing)] and place.identity.public[:16] in found[0]["what"]
    assert found[0]["what"].startswith("1 recordings ")  # the other key opens the second
    assert old not in found[0]["what"]  # to which keys it was sealed is not known
    told = place.json(reconcile, "--settle", code=1)
    assert "for a person" in told["left"][0]


def test_not_beside_a_purge(place: Place) -> None:
    with place.registry.only_one():
        result = place.run(reconcile)
    assert result.exit_code == 3 and "another one is running" in result.stderr
