from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from retention_samples import DUE, T0, Days, Place, UntilCaseClosed, purpose

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.retention.purger import Purger
from asterisk_privacy.retention.reconcile import Kind
from asterisk_privacy.store import shred


def test_what_is_due_goes_with_evidence_and_the_rest_stays(place: Place) -> None:
    due, kept = place.record(), place.record(Days(90))
    report = place.purger().run(DUE, dry_run=False)
    assert report.deleted == (due,) and report.clean and report.brake is None
    assert (place.state(due), place.state(kept)) == ("purged", "sealed")
    assert place.traces(due) == [] and len(place.traces(kept)) == 1
    row = place.registry.recording(due)
    assert row is not None and row.state_reason == report.plan.deletions[0].reason and "Purpose: 30 days" in row.state_reason
    evidence = json.loads(row.evidence or "")
    assert evidence["found"] is True and evidence["size"] == 36 and len(evidence["sha256_before"]) == 64
    last = place.registry.last_purge()
    assert last is not None and (last.at, last.planned, last.deleted, last.failed) == (DUE, 1, 1, 0)
    assert place.registry.verify_audit().ok


def test_a_dry_run_changes_nothing_but_tells_all(place: Place) -> None:
    due, kept = place.record(), place.record(Days(90))
    report = place.purger().run(DUE, dry_run=True, explain=True)
    assert [p.item_id for p in report.plan.deletions] == [due] and {p.item_id for p in report.plan.items} == {due, kept}
    assert report.deleted == () and place.state(due) == "sealed" and len(place.traces(due)) == 1
    assert place.registry.last_purge() is None


def test_a_second_run_finds_nothing_to_do(place: Place) -> None:
    place.record()
    place.purger().run(DUE, dry_run=False)
    entries = place.registry.verify_audit().entries
    report = place.purger().run(DUE, dry_run=False)
    assert report.clean and report.deleted == () and place.registry.verify_audit().entries == entries + 1  # the run itself


def test_the_brake_deletes_nothing_and_says_how_to_go_on(place: Place) -> None:
    purger = Purger(RegistryRows(place.registry), place.vault, brake_percent=50, brake_at_least=2)
    due = [place.record(), place.record()]
    leftover = place.record()
    place.registry.mark_purging(leftover, T0, "why")
    report = purger.run(DUE + timedelta(days=3), dry_run=False)
    assert report.brake is not None and "2 of 2" in report.brake and "purge --override-brake" in report.brake
    assert report.deleted == () and [place.state(d) for d in due] == ["sealed", "sealed"] and not report.clean
    assert {p.item_id for p in report.overdue} == set(due)
    assert report.finished == (leftover,) and place.state(leftover) == "purged"  # its deletion was decided before
    report = purger.run(DUE, dry_run=False, override_brake=True)
    assert set(report.deleted) == set(due) and report.clean


def test_an_unmounted_store_is_not_taken_for_an_empty_one(place: Place) -> None:
    due = place.record()
    leftover = place.record()
    place.registry.mark_purging(leftover, T0, "why")
    store, away = place.folder / "recordings", place.folder / "elsewhere"
    store.rename(away)
    store.mkdir(mode=0o700)
    report = place.purger().run(DUE, dry_run=False)
    assert report.brake is not None and "mounted" in report.brake and not report.clean
    assert (place.state(due), place.state(leftover)) == ("sealed", "purging")
    shutil.rmtree(store)
    away.rename(store)
    report = place.purger().run(DUE, dry_run=False)
    assert report.deleted == (due,) and report.finished == (leftover,) and report.clean


def test_a_lost_file_does_not_keep_its_row_for_ever(place: Place) -> None:
    lost, kept = place.record(file=False), [place.record(Days(90)) for _ in range(4)]
    before = place.purger().run(T0, dry_run=False)
    assert [(f.kind, f.recording_id) for f in before.findings] == [(Kind.ROW_WITHOUT_FILE, lost)]
    report = place.purger().run(DUE, dry_run=False)
    assert report.deleted == (lost,) and report.clean
    row = place.registry.recording(lost)
    assert row is not None and json.loads(row.evidence or "")["found"] is False
    assert {place.state(k) for k in kept} == {"sealed"}


def test_one_failure_does_not_stop_the_rest(place: Place) -> None:
    first, second, third = sorted(place.record() for _ in range(3))
    place.vault.path(second).unlink()
    folder = place.vault.path(second)
    folder.mkdir(parents=True)  # a directory in its place cannot be shredded as a file
    (folder / "x").write_bytes(b"x")
    report = place.purger().run(DUE + timedelta(days=2), dry_run=False)
    assert set(report.deleted) == {first, third}
    assert [f.item_id for f in report.failed] == [second] and place.state(second) == "purging"
    assert [p.item_id for p in report.overdue] == [second] and not report.clean
    last = place.registry.last_purge()
    assert last is not None and (last.planned, last.deleted, last.failed) == (3, 2, 1)


def test_overdue_means_more_than_a_day(place: Place) -> None:
    due = place.record()
    exact = T0 + timedelta(days=31)
    assert place.purger().run(exact, dry_run=True).overdue == ()
    assert [p.item_id for p in place.purger().run(exact + timedelta(seconds=1), dry_run=True).overdue] == [due]


def test_a_case_opened_after_the_plan_was_made_spares_it(place: Place) -> None:
    recording = place.record(UntilCaseClosed(700, 0, 20))

    class Meanwhile(RegistryRows):
        def item(self, item_id: str):  # type: ignore[no-untyped-def]
            place.registry.open_case("complaint", "K-1", DUE, "anna")
            place.registry.link_case("K-1", item_id, DUE, "anna")
            return super().item(item_id)

    report = Purger(Meanwhile(place.registry), place.vault, 25, 20).run(DUE, dry_run=False)
    assert [s.item_id for s in report.spared] == [recording] and "case" in report.spared[0].why
    assert report.deleted == () and report.clean
    assert place.state(recording) == "sealed" and len(place.traces(recording)) == 1


@pytest.mark.parametrize("forbidden", ["hold", "restriction"])
def test_what_forbids_it_after_it_was_judged_again_spares_it_and_is_no_failure(place: Place, forbidden: str) -> None:
    """The last moment at which anything can happen: between the second judgement and the row that says purging."""
    recording = place.record()

    class LastMoment(RegistryRows):
        def mark_purging(self, item_id: str, at: datetime, reason: str) -> None:
            if forbidden == "hold":
                place.registry.place_hold(DUE, "anna", "claim", ["anna"], recording_id=item_id)
            else:
                place.registry.restrict(item_id, DUE, "contested")
            super().mark_purging(item_id, at, reason)

    report = Purger(LastMoment(place.registry), place.vault, 25, 20).run(DUE + timedelta(days=3), dry_run=False)
    assert [s.item_id for s in report.spared] == [recording] and "so it is not deleted" in report.spared[0].why
    assert (report.deleted, report.failed, report.overdue) == ((), (), ()) and report.clean
    assert place.state(recording) == "sealed" and len(place.traces(recording)) == 1
    last = place.registry.last_purge()
    assert last is not None and (last.planned, last.deleted, last.failed) == (1, 0, 0)


def test_a_file_that_survives_its_shredding_keeps_the_row_open(place: Place) -> None:
    recording = place.record()

    class Stubborn:
        def __getattr__(self, name: str) -> object:
            return getattr(place.vault, name)

        def shred(self, recording_id: str) -> object:
            evidence = place.vault.shred(recording_id)
            place.put(recording_id)
            return evidence

    report = Purger(RegistryRows(place.registry), Stubborn(), 25, 20).run(DUE, dry_run=False)  # type: ignore[arg-type]
    assert place.state(recording) == "purging" and "still there" in report.failed[0].why


def test_files_and_rows_are_compared_both_ways(place: Place) -> None:
    kept = [place.record(Days(90)) for _ in range(4)]
    orphan, lost = place.record(row=False), place.record(Days(90), file=False)
    back = place.record()
    place.purger().run(DUE, dry_run=False)
    place.put(back)  # a backup brought it back
    writing = place.record(row=False)
    place.registry.begin_call("c", "sales", T0, None, None, "in")
    place.registry.begin_recording(writing, "c", T0, [purpose(Days(30))], 1)  # sealed at this very moment
    report = place.purger().run(DUE, dry_run=False)
    assert {(f.kind, f.recording_id) for f in report.findings} == {
        (Kind.ORPHAN_FILE, orphan),
        (Kind.ROW_WITHOUT_FILE, lost),
        (Kind.FILE_OF_THE_GONE, back),
    }
    assert not report.clean and all(len(place.traces(r)) == 1 for r in (*kept, orphan, back))  # it reports, it does not delete


def test_what_was_made_between_two_looks_is_no_finding(place: Place) -> None:
    """Rows are read before files, page by page, while calls are sealed: neither a file without a row nor a row without a file is one."""
    earlier_rows, earlier_files = list(RegistryRows(place.registry).states()), list(place.vault.sealed())
    place.record(Days(90))

    class Earlier(RegistryRows):
        def states(self) -> Iterator[tuple[str, str]]:
            return iter(earlier_rows)

    class EarlierFiles:
        def __getattr__(self, name: str) -> object:
            return getattr(place.vault, name)

        def sealed(self) -> Iterator[str]:
            return iter(earlier_files)

    assert list(Purger(Earlier(place.registry), place.vault, 25, 20).findings()) == []
    assert list(Purger(RegistryRows(place.registry), EarlierFiles(), 25, 20).findings()) == []  # type: ignore[arg-type]


def test_a_shredding_that_was_cut_off_is_finished_even_without_a_row(place: Place) -> None:
    for known in (False, True):
        recording = place.record(row=False)
        if known:  # erased while it was written, and the machine died before the file was gone
            place.registry.begin_call("c", "sales", T0, None, None, "in")
            place.registry.begin_recording(recording, "c", T0, [purpose(Days(30))], 1)
            place.registry.erase_recording(recording, T0, "refused")
        for step in shred.steps(place.folder / "recordings", recording):
            if step == "label":
                break
        assert place.traces(recording) != [] and place.vault.half_shredded() == [recording]
        assert place.purger().run(DUE, dry_run=True).clean and place.traces(recording) != []
        assert place.purger().run(DUE, dry_run=False).clean and place.traces(recording) == []


def test_only_one_purger_at_a_time(place: Place) -> None:
    recording = place.record()
    other = os.open(place.folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(OperatorError, match="another one is running"):
        place.purger().run(DUE, dry_run=False)
    assert place.state(recording) == "sealed"
    assert place.purger().run(DUE, dry_run=True).plan.deletions
    os.close(other)
    assert place.purger().run(DUE, dry_run=False).deleted == (recording,)


def test_now_must_have_a_timezone(place: Place) -> None:
    recording = place.record()
    with pytest.raises(ValueError):
        place.purger().run(datetime(2027, 1, 1), dry_run=False)
    assert place.state(recording) == "sealed"
