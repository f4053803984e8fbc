"""`case` and `hold`: what they tell, what they refuse, and that a legal hold stops the purger and other listeners."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from cli_samples import NOW, Days, Place
from click.testing import CliRunner

from asterisk_privacy.cli.case import case
from asterisk_privacy.cli.hold import hold
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.recordings import recordings


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.registry.close()


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def refused(place: Place, command: click.Command, *arguments: str) -> str:
    result = place.run(command, *arguments)
    assert result.exit_code == 3 and result.stderr.count("\n") == 1, result.output
    return result.stderr


def test_a_case_from_opening_to_closing(place: Place) -> None:
    recording = place.record(20)
    told = place.json(case, "open", "K-1", "--kind", "complaint", "--recording", recording, "--at", ago(10), "--note", "angry")
    assert told["recordings"] == [recording] and told["outlook"][0]["due"] is False
    assert "until its case is closed" in told["outlook"][0]["reason"]
    assert place.json(recordings, "show", recording)["cases"] == ["K-1"]
    assert [c["reference"] for c in place.json(case, "list")] == ["K-1"]
    place.json(case, "event", "K-1", "discussed", "--at", ago(5))
    closed = place.json(case, "close", "K-1", "--at", ago(4))
    assert closed["outlook"][0]["due"] is True and closed["closed_at"] is not None
    assert place.json(case, "list") == [] and len(place.json(case, "list", "--all")) == 1
    assert "is closed since" in refused(place, case, "close", "K-1")
    assert "reopen it" in refused(place, case, "link", "K-1", recording)
    assert "is closed since" in refused(place, case, "event", "K-1", "discussed")
    assert "before it was closed" in refused(place, case, "reopen", "K-1", "--at", ago(6))
    assert place.json(case, "reopen", "K-1")["outlook"][0]["due"] is False
    assert "is open already" in refused(place, case, "reopen", "K-1")
    shown = place.run(case, "show", "K-1", "--language", "nl").stdout
    assert "reopened" in shown and "bewaard tot de zaak is gesloten" in shown


def test_bad_input_is_one_line_that_names_the_case(place: Place) -> None:
    recording = place.record(20)
    for command in (("link", "K-9", recording), ("event", "K-9", "discussed"), ("close", "K-9"), ("reopen", "K-9"), ("show", "K-9")):
        assert "case K-9: is unknown" in refused(place, case, *command)
    place.json(case, "open", "K-1", "--kind", "complaint", "--at", ago(3))
    assert "exists already" in refused(place, case, "open", "K-1", "--kind", "court")
    assert "does not exist" in refused(place, case, "open", "K-2", "--kind", "court", "--recording", "0" * 32)
    assert place.registry.cases("K-2") == []  # nothing was opened
    assert "still to come" in refused(place, case, "close", "K-1", "--at", ago(-2))
    assert "still to come" in refused(place, case, "open", "K-3", "--kind", "court", "--at", ago(-2))
    assert "before it was opened" in refused(place, case, "close", "K-1", "--at", ago(4))
    assert "of a court case" in refused(place, case, "event", "K-1", "judgment")
    assert "not linked" in refused(place, case, "unlink", "K-1", recording, "--reason", "x")
    assert "printable" in refused(place, case, "open", "a\nb", "--kind", "court")
    place.registry.mark_purging(recording, NOW, "x")
    assert "is purging" in refused(place, case, "link", "K-1", recording)
    assert place.run(case, "open", "K-4").exit_code == 2


def test_court_until_final(place: Place) -> None:
    recording = place.record(200)
    place.json(case, "open", "C-1", "--kind", "court", "--recording", recording, "--at", ago(190))
    assert "no judgment" in refused(place, case, "event", "C-1", "appeal", "--at", ago(150))
    place.json(case, "event", "C-1", "judgment", "--at", ago(150))
    place.json(case, "event", "C-1", "appeal", "--at", ago(100))
    place.json(case, "event", "C-1", "final", "--at", ago(10))
    assert "is final" in refused(place, case, "reopen", "C-1")
    assert "is final" in refused(place, case, "event", "C-1", "appeal")
    assert place.json(case, "show", "C-1")["closed_at"] is not None


def test_unlinked_it_waits_no_longer(place: Place) -> None:
    recording = place.record(40)
    place.json(case, "open", "K-1", "--kind", "escalation", "--recording", recording)
    told = place.json(case, "unlink", "K-1", recording, "--reason", "another customer")
    assert told["recordings"] == [] and told["outlook"][0]["due"] is True
    assert {"case.opened", "case.link", "case.unlink"} <= {e.action for e in place.registry.audit_entries(None)}
    assert "another customer" not in repr(place.registry.audit_entries(None)) and place.registry.verify_audit().ok


@pytest.mark.parametrize("on_case", [False, True])
def test_a_hold_stops_the_purger_whatever_is_due(place: Place, on_case: bool) -> None:
    held, other = place.record(50, Days(30)), place.record(50, Days(30))
    place.json(case, "open", "K-1", "--kind", "court", "--recording", held)
    target = ("--case", "K-1") if on_case else (held,)
    told = place.json(hold, "place", *target, "--reason", "claim", "--listeners", "nobody-else")
    assert told["covers"] == [held] and told["listeners"] == ["nobody-else"]
    explained = place.json(purge, "--dry-run", "--explain", code=1)
    assert explained["overdue"] == [other]  # what is held is not overdue
    [item] = [i for i in explained["items"] if i["id"] == held]
    assert item["held"] and not item["delete"] and "legal hold by cli:" in item["reason"]
    result = place.run(purge, "--explain")
    assert result.exit_code == 0 and "1 deleted, 0 failed, 1 kept" in result.stdout and "held" in result.stdout
    assert place.vault.path(held).exists() and not place.vault.path(other).exists()
    assert "held" in place.run(recordings, "list").stdout and "legal hold 1" in place.run(recordings, "show", held).stdout
    if on_case:
        assert "under legal hold 1" in refused(place, case, "unlink", "K-1", held, "--reason", "x")
    assert [h["id"] for h in place.json(hold, "list")] == [1]
    assert place.json(hold, "release", "1", "--reason", "settled")["released_at"] is not None
    assert place.json(purge)["deleted"] == [held]
    assert place.json(hold, "list") == [] and len(place.json(hold, "list", "--all")) == 1


def test_only_named_listeners_export_what_is_held(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    recording, output = place.record(1), place.folder / "call.flac"
    place.json(hold, "place", recording, "--reason", "claim", "--listeners", "anna, piet")
    arguments = ["export", recording, "--identity", str(place.folder / "identity.txt"), "--output", str(output)]
    arguments += ["--purpose", "complaint", "--reason", "look"]
    monkeypatch.setenv("SUDO_USER", "mallory")
    assert "only anna, piet may listen" in refused(place, recordings, *arguments) and not output.exists()
    [entry] = [e for e in place.registry.audit_entries(None) if e.action == "recording.export-refused"]
    assert (entry.actor, entry.detail["hold"]) == ("cli:mallory, no account", "1")
    monkeypatch.setenv("SUDO_USER", "piet")
    place.json(hold, "place", recording, "--reason", "another", "--listeners", "anna")  # both must allow it
    assert "legal hold 2" in refused(place, recordings, *arguments)
    place.json(hold, "release", "2", "--reason", "over")
    assert place.run(recordings, *arguments).exit_code == 0 and output.exists()


def test_without_listeners_it_is_who_placed_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    assert place.json(hold, "place", place.record(1), "--reason", "claim")["listeners"] == ["anna"]


def test_bad_holds(place: Place) -> None:
    recording = place.record(1)
    assert "is unknown" in refused(place, hold, "place", "--case", "K-9", "--reason", "x")
    assert "does not exist" in refused(place, hold, "place", "0" * 32, "--reason", "x")
    assert "hold 7: is unknown" in refused(place, hold, "release", "7", "--reason", "x")
    assert place.run(hold, "place", "--reason", "x").exit_code == 2
    assert place.run(hold, "place", recording, "--case", "K", "--reason", "x").exit_code == 2
    assert place.run(hold, "place", recording, "--reason", " ").exit_code == 2
    assert place.run(hold, "place", recording, "--reason", "x", "--listeners", " ,").exit_code == 2
    place.json(hold, "place", recording, "--reason", "x")
    place.json(hold, "release", "1", "--reason", "x")
    assert "released on" in refused(place, hold, "release", "1", "--reason", "x")
    place.registry.mark_purging(recording, NOW, "x")
    place.registry.mark_purged(recording, NOW, "x", "{}")
    assert "is purged; what is gone cannot be held" in refused(place, hold, "place", recording, "--reason", "x")


def test_every_help_teaches_with_an_example() -> None:
    for group in (case, hold):
        for name in group.commands:
            text = CliRunner().invoke(group, [name, "--help"]).output
            assert f"asterisk-privacy {group.name} {name}" in text, name
