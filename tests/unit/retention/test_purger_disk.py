"""The purger and a disk that is full, or read-only: what is due goes as soon as it can, and until then its row says that it is going."""

from __future__ import annotations

from pathlib import Path

from retention_samples import DUE, Place
from small_disk import small_disk


def test_a_full_disk_is_no_reason_to_keep(tmp_path: Path) -> None:
    """Deleting makes room: it must not need any first, not even for the directory of what is being shredded."""
    with small_disk(tmp_path / "recordings") as disk:
        place = Place(tmp_path)
        due = [place.record() for _ in range(3)]
        disk.fill()
        report = place.purger().run(DUE, dry_run=False, override_brake=True)
        assert sorted(report.deleted) == sorted(due)
        assert [place.state(one) for one in due] == ["purged"] * 3
        assert [place.traces(one) for one in due] == [[]] * 3
        place.registry.close()


def test_on_a_disk_that_is_read_only_it_goes_with_the_next_run(tmp_path: Path) -> None:
    with small_disk(tmp_path / "recordings") as disk:
        place = Place(tmp_path)
        due = place.record()
        with disk.read_only():
            report = place.purger().run(DUE, dry_run=False, override_brake=True)
        assert [failure.item_id for failure in report.failed] == [due]
        assert "\n" not in report.failed[0].why and "read-only" in report.failed[0].why.lower()
        assert place.state(due) == "purging"
        assert len(place.traces(due)) == 1
        report = place.purger().run(DUE, dry_run=False, override_brake=True)
        assert report.finished == (due,)
        assert place.state(due) == "purged"
        assert place.traces(due) == []
        row = place.registry.recording(due)
        assert row is not None and row.evidence is not None and '"found": true' in row.evidence
        place.registry.close()


def test_with_no_room_for_the_row_the_file_stays_whole(tmp_path: Path) -> None:
    """Registry and recordings on one full disk: the file is never gone without a row that says so."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        place = Place(tmp_path / "disk")
        due = place.record()
        place.registry._engine.fold()
        disk.fill()
        report = place.purger().run(DUE, dry_run=False, override_brake=True)
        state = place.state(due)
        assert (state, len(place.traces(due))) in (("sealed", 1), ("purged", 0))
        assert state == "purged" or "\n" not in report.failed[0].why
        disk.empty()
        place.purger().run(DUE, dry_run=False, override_brake=True)
        assert place.state(due) == "purged"
        assert place.registry.verify_audit().ok
        place.registry.close()
