from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_samples import Place

from asterisk_privacy.cli.audit import audit


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.registry.close()


def test_a_sound_trail_and_a_broken_one(place: Place) -> None:
    recording = place.record(1)
    result = place.run(audit, "verify")
    assert result.exit_code == 0 and result.stdout.startswith("sound: 4 entries")
    assert place.json(audit, "verify")["ok"] is True
    with sqlite3.connect(place.folder / "registry.sqlite") as db:
        db.execute("DROP TRIGGER audit_update")
        db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    told = place.json(audit, "verify", code=1)
    assert (told["ok"], told["first_bad"], told["entries"]) == (False, 2, 4)
    assert place.run(audit, "verify").exit_code == 1
    assert recording in place.run(audit, "list").stdout  # the rest can still be read


def test_list_shows_the_newest_last(place: Place) -> None:
    recording = place.record(1)
    other = place.record(2)
    entries = place.json(audit, "list", "--limit", "3")
    assert [e["seq"] for e in entries] == [6, 7, 8] and entries[-1]["action"] == "call.end"
    assert {e["subject"] for e in place.json(audit, "list", "--subject", recording)} == {recording}
    table = place.run(audit, "list").stdout
    assert "recording.seal" in table and "daemon" in table and other in table
