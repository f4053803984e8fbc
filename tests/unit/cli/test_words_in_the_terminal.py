"""Free text of officers, names of phones, and what is in the registry whoever wrote it: in no command's output does anything of it work."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from cli_samples import NOW
from rich.console import Console
from subject_samples import ANNA, House

from asterisk_privacy.cli import status
from asterisk_privacy.cli.audit import audit
from asterisk_privacy.cli.case import case
from asterisk_privacy.cli.hold import hold
from asterisk_privacy.cli.purge import purge
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.policy.cases import CaseKind
from asterisk_privacy.policy.retention import Milestone

TRICKY = "\x1b[2J\x9b31m\u202e\u2066X\nforged"
"""It clears a terminal, colours it, turns the text round and begins a line that tells something else."""
SHOWN = r"\x1b[2J\x9b31m\u202e\u2066X\nforged"


def works(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("COLUMNS", "600")  # no cell is torn
    made = House(tmp_path)
    one = made.one = made.call(ANNA, agent=f"PJSIP/{TRICKY}")  # type: ignore[attr-defined]
    registry = made.registry
    registry.milestone(one, Milestone.REVIEWED, NOW, f"cli:{TRICKY}", TRICKY)
    registry.open_case(CaseKind.COMPLAINT, "K-1", NOW, f"cli:{TRICKY}", TRICKY)
    registry.link_case("K-1", one, NOW, f"cli:{TRICKY}")
    registry.place_hold(NOW, f"cli:{TRICKY}", TRICKY, (TRICKY,), recording_id=one)
    registry.audit(f"cli:{TRICKY}", "recording.listen", one, {"purpose": TRICKY, "reason": TRICKY, "via": TRICKY})
    registry.restrict(one, NOW, TRICKY, ("complaint",))
    yield made
    registry.close()


COMMANDS: tuple[tuple[click.Command, tuple[str, ...]], ...] = (
    (recordings, ("list",)),
    (recordings, ("show", "ID")),
    (case, ("list",)),
    (case, ("show", "K-1")),
    (hold, ("list",)),
    (subject, ("find", "--number", ANNA)),
    (audit, ("list",)),
    (purge, ("--dry-run",)),
)
NAMELESS = {("recordings", "list"), ("case", "list"), ("purge", "--dry-run")}  # they show nobody's words


@pytest.mark.parametrize("as_json", [False, True], ids=["table", "json"])
@pytest.mark.parametrize(("command", "arguments"), COMMANDS, ids=[" ".join((str(c.name), *a[:1])) for c, a in COMMANDS])
def test_nothing_works_that_a_command_prints(house: House, command: click.Command, arguments: tuple[str, ...], as_json: bool) -> None:
    given = [house.one if word == "ID" else word for word in arguments]  # type: ignore[attr-defined]
    result = house.run(command, *given, *(["--json"] if as_json else []))
    assert result.exit_code in (0, 1), result.output
    assert not works(result.output), works(result.output)
    if as_json:
        json.loads(result.stdout)
    elif (command.name, *arguments) not in NAMELESS:
        assert SHOWN in result.output and not [line for line in result.output.splitlines() if line.startswith("forged")]


def test_the_timeline_and_the_notes_show_it(house: House) -> None:
    shown = house.run(recordings, "show", house.one).output  # type: ignore[attr-defined]
    assert shown.count(SHOWN) >= 4, shown


def test_errors_and_names_that_are_typed(house: House) -> None:
    result = house.run(case, "show", TRICKY)
    assert result.exit_code != 0 and not works(result.output) and SHOWN in result.output


def test_status_shows_what_peers_call_themselves() -> None:
    report = {
        "calls": {"outsiders": {f"PJSIP/{TRICKY}": 2}, "colleagues": {f"PJSIP/{TRICKY}": 1}, "notices_failed": {TRICKY: 1}},
        "capture": {"silent_holds": {f"PJSIP/{TRICKY}": 1}},
        "ari": {"connected": True, "app": TRICKY},
        "draining": {"on": True, "words": TRICKY},
        "uploads": {"error": TRICKY},
        "advice": [TRICKY],
        "alarms": {TRICKY: 1},
        "config": {"restart": [TRICKY]},
    }
    out = io.StringIO()
    status._print(report, Console(file=out, width=600))
    assert not works(out.getvalue()) and out.getvalue().count(SHOWN) >= 6, out.getvalue()


def test_the_copy_for_a_person_has_nothing_that_works(house: House, tmp_path: Path) -> None:
    output = tmp_path / "copy.zip"
    house.registry.release_hold(house.registry.holds()[0].id, NOW, "cli", TRICKY)
    result = house.run(subject, "export", "--number", ANNA, "--identity", house.identity_file, "--output", str(output))
    assert result.exit_code == 0, result.output
    with zipfile.ZipFile(output) as copy:
        for name in copy.namelist():
            if name.endswith((".txt", ".json")):
                assert not works(copy.read(name).decode()), name
