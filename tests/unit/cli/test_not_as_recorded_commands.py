"""No command copies, hands over or changes a file that is not what was recorded, and each says so in one line and in the trail."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cli_samples import SECOND
from subject_samples import ANNA, BEN, House

from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.daemon.contents_watch import give_pieces

OTHER = SECOND[::-1].copy()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.registry.close()


def met(house: House) -> list[tuple[str, str]]:
    return [(e.subject, e.detail["where"]) for e in house.registry.audit_entries(None) if e.action == "recording.not-as-recorded"]


def swap(house: House, one: str, other: str) -> None:
    """As a restore that mixed up its files would."""
    here, there = house.vault.path(one), house.vault.path(other)
    os.rename(here, here.with_name("x"))
    os.rename(there, here)
    os.rename(here.with_name("x"), there)


def export(house: House, one: str, to: Path, code: int) -> str:
    asked = ("--identity", house.identity_file, "--output", str(to), "--purpose", "complaint", "--reason", "case 7")
    result = house.run(recordings, "export", one, *asked)
    assert result.exit_code == code, result.output
    return result.stderr


def older(house: House) -> None:
    house.registry._engine.db.execute_sql("UPDATE recordings SET pieces = NULL")


@pytest.mark.parametrize("before", [lambda house: None, older], ids=["", "older than pieces"])
def test_of_two_swapped_files_neither_is_exported(house: House, tmp_path: Path, before: object) -> None:
    anna, ben = house.call(ANNA), house.call(BEN, days_ago=2)
    before(house)
    swap(house, anna, ben)
    for one in (anna, ben):
        said = export(house, one, tmp_path / "copy.flac", 3)
        assert "is not what was recorded" in said and said.count("\n") == 1 and "reconcile" in said
        assert not (tmp_path / "copy.flac").exists()
        assert house.actions(one)[-3:] == ["recording.export", "recording.not-as-recorded", "recording.export-failed"]
    swap(house, anna, ben)
    export(house, anna, tmp_path / "copy.flac", 0)
    assert met(house) == [(ben, "export"), (anna, "export")]


def test_a_person_is_not_handed_the_call_of_another(house: House, tmp_path: Path) -> None:
    anna, ben = house.call(ANNA), house.call(BEN, days_ago=2)
    swap(house, anna, ben)
    copy = tmp_path / "copy.zip"
    result = house.run(subject, "export", "--number", ANNA, "--identity", house.identity_file, "--output", str(copy))
    assert result.exit_code == 3 and "is not what was recorded" in result.stderr and not copy.exists()
    assert met(house) == [(anna, "copy for the person")]


def test_a_file_forged_with_the_public_key_is_nobodys(house: House, tmp_path: Path) -> None:
    one = house.call(ANNA)
    writer = house.vault.create("f" * 32)
    writer.write(OTHER)
    writer.seal()
    shutil.copy(house.vault.path("f" * 32), house.vault.path(one))
    assert "is not what was recorded" in export(house, one, tmp_path / "copy.wav", 3)


def test_what_is_decrypted_is_what_was_compared(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is another one as soon as somebody has looked: the copy has what was recorded, or there is none."""
    from asterisk_privacy.store import age

    one, path = house.call(ANNA), None
    path, real = house.vault.path(one), age.age_header.parse

    def change_then_parse(data: bytes) -> object:
        path.write_bytes(os.urandom(path.stat().st_size))
        return real(data)

    monkeypatch.setattr(age.age_header, "parse", change_then_parse)
    export(house, one, tmp_path / "copy.wav", 0)
    import soundfile

    assert np.array_equal(soundfile.read(tmp_path / "copy.wav", dtype="int16")[0][:, 0], np.arange(8000))


def test_a_night_gives_pieces_to_what_lacks_them(house: House) -> None:
    good, bad, gone = (house.call(ANNA, days_ago=day) for day in (1, 2, 3))
    older(house)
    house.vault.path(gone).unlink()
    house.vault.path(bad).write_bytes(house.vault.path(good).read_bytes())
    assert give_pieces(house.registry, house.vault) == 1
    content = house.registry.contents.of(good)
    assert content == house.vault.measure(good)
    assert [one.recording_id for one in house.registry.contents.lacking()] == sorted((bad, gone))
    assert met(house) == [(bad, "the nightly run")]
    assert give_pieces(house.registry, house.vault) == 0 and house.actions(good).count("recording.pieces") == 1
    assert house.registry.verify_audit().ok


def test_a_night_ends_where_its_time_is_over(house: House) -> None:
    for day in range(3):
        house.call(ANNA, days_ago=day + 1)
    older(house)
    moments = iter([0.0, 1.0, 2000.0])
    assert give_pieces(house.registry, house.vault, lambda: next(moments)) == 1


def test_a_deleted_recordings_pieces_go(house: House) -> None:
    one = house.call(ANNA, days_ago=3)
    house.registry.mark_purging(one, *(house.registry._engine.clock(), "due"))
    house.vault.shred(one)
    house.registry.mark_purged(one, house.registry._engine.clock(), "due", "{}")
    assert house.registry._engine.db.execute_sql("SELECT pieces FROM recordings WHERE id = ?", (one,)).fetchone() == (None,)
    assert house.registry.contents.of(one) is None


def test_a_recording_restored_from_before_it_was_de_identified_is_not_heard(house: House, tmp_path: Path) -> None:
    """Row and file of an older day fit each other; the trail knows that a later version took their place."""
    one = house.call(ANNA)
    old, row = house.vault.path(one).read_bytes(), house.registry.contents.of(one)
    new = house.vault.seal_version(one, OTHER, 8000)
    now = house.registry._engine.clock()
    house.registry.deidentify(one, now, "customer-removed", row.sha256, new.size, new.sha256, None, new.content.pieces)
    house.vault.place_version(one)
    export(house, one, tmp_path / "new.flac", 0)
    house.vault.path(one).write_bytes(old)
    back = (row.size, row.sha256, row.pieces, one)
    house.registry._engine.db.execute_sql("UPDATE recordings SET size = ?, sha256 = ?, pieces = ? WHERE id = ?", back)
    assert "its row is not what the audit trail tells" in export(house, one, tmp_path / "old.flac", 3)
