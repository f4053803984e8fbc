"""`recordings lesson --deidentify`: the customer is out of the file, out of the old file, and out of the row; and a crash at any step is
settled."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_recording
from as_user import STRANGER, let_pass
from cli_samples import NOW, Place

from asterisk_privacy.audio.deidentify import How
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.reconcile import reconcile
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.daemon import deidentifying
from asterisk_privacy.policy.retention import UntilReviewed
from asterisk_privacy.store import version
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity

UNTIL = (NOW + timedelta(days=20)).date().isoformat()
RULE = UntilReviewed(35)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    config = (tmp_path / "config.toml").read_text().replace("[purger]", f'checkpoint_key = "{tmp_path}/none"\n[purger]')
    (tmp_path / "config.toml").write_text(config.replace('"case-closed", latest_days = 700', '"reviewed", latest_days = 35'))
    yield made
    made.registry.close()


def heard(place: Place, recording: str) -> Stereo:
    return open_recording(place.vault.path(recording), [place.identity])[0]


def voices(place: Place, part: int = 1, call: str | None = None) -> str:
    """Both sides noisy; the second part of a call when `call` is given."""
    loud = np.random.default_rng(part).integers(-8000, 8000, (16_000, 2)).astype(np.int16)
    return place.record(1, RULE, loud, call, part)


def lesson(place: Place, recording: str, how: str, code: int = 0, key: str = "identity.txt") -> dict[str, str]:
    given = ["--until", UNTIL, "--reason", "calm", "--deidentify", how, "--identity", str(place.folder / key)]
    result = place.run(recordings, "lesson", recording, *given, "--json")
    assert result.exit_code == code, result.output
    return dict(json.loads(result.stdout)) if code == 0 else {"error": result.stderr}


@pytest.mark.parametrize("how", list(How))
def test_the_customer_is_out_of_file_and_row(place: Place, how: How) -> None:
    recording = voices(place)
    before, old = heard(place, recording), place.vault.path(recording).read_bytes()
    was = place.registry.recording(recording)
    assert was is not None
    assert lesson(place, recording, how.value)["deidentified"] == how.value
    after = heard(place, recording)
    assert np.array_equal(after[:, 1], before[:, 1]) and after.shape == before.shape
    if how is How.CUSTOMER_REMOVED:
        assert not after[:, 0].any()
    else:
        assert after[:, 0].any() and abs(np.corrcoef(after[:, 0], before[:, 0])[0, 1]) < 0.1
    new = place.vault.path(recording).read_bytes()
    files = [path for path in (place.folder / "recordings").rglob("*") if path.is_file()]
    assert files == [place.vault.path(recording)] and old not in new
    row, call = place.registry.recording(recording), place.registry.call(recording)
    assert row is not None and call is not None
    assert (row.deidentified, row.size, row.state) == (how.value, len(new), "sealed") and row.sha256 != was.sha256
    assert (call.customer_hash, call.customer_sealed) == (None, None)
    assert row.circumstances.lesson is not None
    (told,) = [e for e in place.registry.audit_entries(None, recording) if e.action == "recording.deidentify"]
    assert (told.detail["sha256_before"], told.detail["sha256"], told.detail["how"]) == (was.sha256, row.sha256, how.value)
    assert how.value in place.run(recordings, "show", recording).stdout
    assert place.json(reconcile)["findings"] == 0 and place.registry.verify_audit().ok


def test_who_is_heard_in_another_part_of_the_call_is_not_forgotten(place: Place) -> None:
    first = voices(place)
    second = voices(place, 2, call=first)
    lesson(place, first, "customer-removed")
    assert (place.registry.call(first) or pytest.fail()).customer_hash == "hash"
    lesson(place, second, "voice-masked")
    assert (place.registry.call(first) or pytest.fail()).customer_hash is None


def test_what_cannot_be_done_changes_nothing(place: Place) -> None:
    recording = voices(place)
    old, row = place.vault.path(recording).read_bytes(), place.registry.recording(recording)
    (place.folder / "other.txt").write_text(Identity.generate().secret)
    lesson(place, recording, "customer-removed", 3, "other.txt")
    result = place.run(recordings, "lesson", recording, "--until", UNTIL, "--reason", "r", "--deidentify", "voice-masked")
    assert result.exit_code == 2 and "go together" in result.stderr
    past = ["--until", "2020-01-01", "--reason", "r", "--deidentify", "voice-masked", "--identity", str(place.folder / "identity.txt")]
    assert place.run(recordings, "lesson", recording, *past).exit_code == 3
    hold = place.registry.place_hold(NOW, "anna", "claim", ["anna"], recording_id=recording)
    assert "legal hold" in lesson(place, recording, "customer-removed", 3)["error"]
    place.registry.release_hold(hold.id, NOW, "anna", "settled")
    place.registry.restrict(recording, NOW, "contested")
    assert "is restricted" in lesson(place, recording, "customer-removed", 3)["error"]
    place.registry.lift_restriction(recording, NOW, "settled")
    with place.registry.only_one():
        assert "another one is running" in lesson(place, recording, "customer-removed", 3)["error"]
    assert place.vault.path(recording).read_bytes() == old and place.registry.recording(recording) == row
    assert place.vault.versions() == place.vault.half_shredded() == []


def test_a_file_that_is_not_the_rows_is_not_taken_for_it(place: Place) -> None:
    recording, other = voices(place), voices(place, 2)
    place.vault.path(recording).write_bytes(place.vault.path(other).read_bytes())
    assert "is not what was recorded" in lesson(place, recording, "customer-removed", 3)["error"]
    assert place.vault.versions() == []


class Killed(BaseException):
    pass


STEPS = ("half written", "sealed", "switched", "keep", "place")


@pytest.mark.parametrize("by", ["reconcile", "purge", "lesson"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step(place: Place, monkeypatch: pytest.MonkeyPatch, step: str, by: str) -> None:
    """Either it is as it was, row and file, or the customer is out of both; never a row that tells of another file, or none."""
    recording = voices(place)
    before = heard(place, recording)

    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        if step == "half written":
            patch.setattr(version.Writer, "seal", lambda writer: writer._close() or killed())
            patch.setattr(version, "discard", lambda *args: None)  # the dead do not tidy up
        elif step == "sealed":
            patch.setattr(type(place.registry), "deidentify", killed)
        elif step == "switched":
            patch.setattr(type(place.vault), "place_version", killed)
        else:
            patch.setattr(version, "place", lambda folder, i: next(s for s in version.steps(folder, i) if s == step) and killed())
        with pytest.raises(Killed):
            row = place.registry.recording(recording)
            assert row is not None
            deidentifying.deidentify(place.registry, place.vault, row, How.CUSTOMER_REMOVED, [place.identity], NOW)
    if step != "place":
        assert [item["kind"] for item in place.json(reconcile, code=1)["items"]][-1] == "half-replaced"
    if by == "reconcile":
        place.json(reconcile, "--settle")
    elif by == "purge":
        place.json(purge)
    else:
        lesson(place, recording, "customer-removed")
        place.json(purge)  # what a crash left half shredded
    row, after = place.registry.recording(recording), heard(place, recording)
    assert row is not None and row.size == place.vault.path(recording).stat().st_size
    done = by == "lesson" or step in ("switched", "keep", "place")
    assert row.deidentified == ("customer-removed" if done else None) and bool(after[:, 0].any()) is not done
    assert np.array_equal(after[:, 1], before[:, 1])
    assert place.vault.versions() == place.vault.half_shredded() == [] and place.json(reconcile)["findings"] == 0


def test_shredded_before_its_version_was_placed_nothing_is_lost(place: Place) -> None:
    """The daemon shreds at its start what was half shredded; here between the second name and the new version's place."""
    recording = voices(place)
    row = place.registry.recording(recording)
    assert row is not None
    new = place.vault.seal_version(recording, np.zeros((8000, 2), np.int16), 8000)
    place.registry.deidentify(recording, NOW, "customer-removed", row.sha256 or "", new.size, new.sha256, new.sealed_to)
    next(version.steps(place.folder / "recordings", recording))
    for other in place.vault.half_shredded():
        place.vault.shred(other)
    assert place.vault.path(recording).stat().st_size == 0
    place.json(reconcile, "--settle")
    assert len(heard(place, recording)) == 8000 and place.json(reconcile)["findings"] == 0


def test_a_purge_takes_a_version_that_waits_with_it(place: Place) -> None:
    recording = voices(place)
    place.vault.seal_version(recording, np.zeros((8000, 2), np.int16), 8000)
    place.vault.shred(recording)
    assert [p for p in (place.folder / "recordings").rglob("*") if p.is_file()] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming root and the recorder's user takes root")
def test_root_leaves_the_new_version_to_the_recorder(place: Place) -> None:
    recording = voices(place)
    let_pass(place.folder)
    for path in (place.folder, *place.folder.rglob("*")):
        os.chown(path, STRANGER, STRANGER)
    assert lesson(place, recording, How.CUSTOMER_REMOVED.value)["deidentified"] == "customer-removed"
    assert not heard(place, recording)[:, 0].any() and os.geteuid() == 0
    assert {path.stat().st_uid for path in place.folder.rglob("*")} == {STRANGER}
