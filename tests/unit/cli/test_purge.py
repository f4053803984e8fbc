from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cli_samples import NOW, Days, Place

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.cli.purge import purge


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.registry.close()


def test_dry_run_explains_and_the_real_run_deletes(place: Place) -> None:
    due, kept = place.record(31, Days(30)), place.record(1, Days(30))
    told = place.json(purge, "--dry-run", "--explain", code=1)  # overdue: that is worth a look
    assert {(i["id"], i["delete"]) for i in told["items"]} == {(due, True), (kept, False)}
    assert told["overdue"] == [due] and told["deleted"] == [] and all("handling your complaint" in i["reason"] for i in told["items"])
    assert place.vault.has(due)
    assert [i["id"] for i in place.json(purge, "--dry-run", code=1)["items"]] == [due]
    result = place.run(purge)
    assert result.exit_code == 0 and "1 deleted, 0 failed, 1 kept" in result.stdout and kept not in result.stdout
    assert not place.vault.has(due) and place.vault.has(kept)
    assert any(e.actor.startswith("cli:") and e.action == "recording.purged" for e in place.registry.audit_entries(None))


def test_at_a_later_date_needs_a_word_to_delete(place: Place) -> None:
    recording = place.record(1, Days(30))
    later = (NOW + timedelta(days=60)).isoformat()
    assert place.json(purge, "--dry-run", "--at", later)["due"] == 1  # nothing is overdue in a future that is only asked about
    refused = place.run(purge, "--at", later)
    assert refused.exit_code == 2 and "--yes" in refused.stderr and place.vault.has(recording)
    assert place.json(purge, "--at", later, "--yes")["deleted"] == [recording]
    assert place.run(purge, "--at", "tomorrow", "--dry-run").exit_code == 2


def test_the_brake_is_exit_code_1_and_says_how_to_go_on(place: Place) -> None:
    due = {place.record(31, Days(30)) for _ in range(3)}
    result = place.run(purge)
    assert result.exit_code == 1 and "purge --override-brake" in result.stderr and all(place.vault.has(d) for d in due)
    assert set(place.json(purge, "--override-brake")["deleted"]) == due


def test_findings_are_exit_code_1(place: Place) -> None:
    keep = [place.record(1, Days(30)) for _ in range(4)]
    place.vault.path(keep[0]).unlink()
    assert [(f["kind"], f["id"]) for f in place.json(purge, code=1)["findings"]] == [("row-without-file", keep[0])]


def test_what_cannot_work_now_is_one_line_and_exit_code_3(place: Place) -> None:
    place.registry.close()
    (place.folder / "registry.sqlite").unlink()
    result = place.run(purge)
    assert result.exit_code == 3 and "no such file" in result.stderr and result.stderr.count("\n") == 1
    sqlite3.connect(place.folder / "registry.sqlite").execute("CREATE TABLE other (x)")
    result = place.run(purge)
    assert result.exit_code == 3 and "another program" in result.stderr
    (place.folder / "config.toml").write_text("[purger]\nbreak = 1\n")
    result = place.run(purge)
    assert result.exit_code == 2 and result.stderr.count("\n") >= 1


def test_rows_of_calls_that_were_not_kept_are_counted_and_go(place: Place) -> None:
    old, new = NOW - timedelta(days=31), NOW - timedelta(days=29)
    for name, at in (("old", old), ("new", new)):
        place.registry.begin_call(name, "sales", at, None, None, "in")
        place.registry.end_call(name, at, "not-kept", [Participant.agent("PJSIP/anna")], (), ())
    told = place.json(purge, "--dry-run")
    assert told["rows"] == {"unkept": 1, "reduced": 0, "evidence": 0, "cases": 0} and place.registry.call("old") is not None
    assert "rows due: 1 calls that were not kept" in place.run(purge, "--dry-run").stdout
    config = (place.folder / "config.toml").read_text()
    (place.folder / "config.toml").write_text(config.replace("[registry]", "[registry]\nunkept_calls_days = 7"))
    assert place.json(purge, "--dry-run")["rows"]["unkept"] == 2
    (place.folder / "config.toml").write_text(config)
    assert "rows deleted: 1 calls that were not kept" in place.run(purge).stdout
    assert place.registry.call("old") is None and place.registry.call("new") is not None


def test_when_the_brake_holds_rows_stay_too(place: Place) -> None:
    """A clock that is years ahead must not take the evidence."""
    for _ in range(3):
        place.record(1, Days(30))
    place.registry.begin_call("c", "sales", NOW, None, None, "in")
    place.registry.end_call("c", NOW, "not-kept", (), (), ())
    later = (NOW + timedelta(days=1000)).isoformat()
    assert place.json(purge, "--at", later, "--yes", code=1)["rows"]["unkept"] == 0
    assert place.registry.call("c") is not None
