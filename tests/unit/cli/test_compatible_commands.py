"""Compatible purposes at the command line: copies, objections, the person's letter, and what check-config says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_samples import NOW
from subject_samples import ANNA, BEN, CHECK, COMPLAINT, ORDER, TRAINING, House

from asterisk_privacy.access.accounts import Account, save
from asterisk_privacy.cli.check_config import check_config
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.daemon.review_settings import Role

BECAUSE = "Calls that went wrong are those to learn from; the same few people hear them."
TRAINING_TABLE = """[purposes.training]
title = "training our staff"
titles = { nl = "het trainen van onze medewerkers" }
basis = "legitimate-interest"
reasoning = "practice"
trigger = "sample"
one_in = 20
retention = { until = "days", latest_days = 400 }
[profiles.sales]
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path)
    config = tmp_path / "config.toml"
    text = config.read_text().replace("[profiles.sales]\n", TRAINING_TABLE)
    text = text.replace("[purposes.complaint]\n", f'[purposes.complaint]\ncompatible = {{ training = "{BECAUSE}" }}\n')
    config.write_text(text + f'[review]\naccounts = "{tmp_path}/accounts.json"\n')
    roles = {"rita": {Role.REVIEWER}, "ines": {Role.INCIDENT_HANDLER}, "anna": {Role.REVIEWER}}
    agents = {"anna": frozenset({"PJSIP/anna"})}
    save(tmp_path / "accounts.json", {n: Account(n, frozenset(r), None, agents.get(n, frozenset()), "en") for n, r in roles.items()})
    monkeypatch.setenv("SUDO_USER", "rita")
    yield made
    made.registry.close()


def export(house: House, recording: str, purpose: str = "training") -> tuple[int, str]:
    output = house.folder / f"{len(list(house.folder.iterdir()))}.flac"
    files = ("--identity", house.identity_file, "--output", str(output))
    result = house.run(recordings, "export", recording, *files, "--purpose", purpose, "--reason", "to learn from")
    assert output.exists() == (result.exit_code == 0)
    return result.exit_code, result.stderr


def test_a_copy_names_what_it_is_compatible_with(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = house.call(ANNA, COMPLAINT)
    assert export(house, recording) == (0, "")
    [entry] = [e for e in house.registry.audit_entries(None, subject=recording) if e.action == "recording.export"]
    assert entry.detail == {
        "purpose": "training", "reason": "to learn from", "format": "FLAC", "compatible_with": "complaint", "because": BECAUSE
    }  # fmt: skip
    [listen] = house.registry.listens(recording)
    assert (listen.by, listen.purpose, listen.compatible_with) == ("cli:rita", "training", "complaint")
    monkeypatch.setenv("SUDO_USER", "kees")  # root: a reviewer looks nobody up
    [told] = house.json(subject, "find", "--agent", "PJSIP/anna")  # to the employee
    assert (told["listened"][0]["purpose"], told["listened"][0]["compatible_with"]) == ("training", "complaint")
    assert "training (compatible with complaint)" in house.run(subject, "find", "--agent", "PJSIP/anna").stdout


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("ines", "Your role does not listen for this purpose"),
        ("anna", "Nobody reviews his own calls"),
        ("stranger", "has no account for listening"),
    ],
)
def test_only_by_whom_the_page_would_let_hear_it(house: House, monkeypatch: pytest.MonkeyPatch, who: str, said: str) -> None:
    recording = house.call(ANNA, COMPLAINT)
    monkeypatch.setenv("SUDO_USER", who)
    code, why = export(house, recording)
    assert code == 3 and said in why and why.count("\n") == 1
    assert ("recording.export-refused" in house.actions(recording)) and "recording.export" not in house.actions(recording)
    assert export(house, recording, "complaint")[0] == (3 if who == "anna" else 0)  # for what it was made for, but not his own


@pytest.mark.parametrize("stands_in_the_way", ["hold", "restriction", "objection", "consent", "direction", "gone"])
def test_no_copy(house: House, stands_in_the_way: str) -> None:
    recording = house.call(ANNA, ORDER if stands_in_the_way == "direction" else COMPLAINT)
    match stands_in_the_way:
        case "hold":
            house.registry.place_hold(NOW, "cli:kim", "court", ["piet"], recording_id=recording)
        case "restriction":
            house.registry.restrict(recording, NOW, "contested", ["complaint"])
        case "objection":
            house.registry.note_consent(recording, NOW, "objected", None, "training")
        case "consent":
            house.registry.withdraw_purpose(recording, "complaint", NOW, "x")
        case "gone":
            house.registry.mark_purging(recording, NOW, "x")
    code, why = export(house, recording)
    assert code == 3 and why.count("\n") == 1
    assert "recording.export" not in house.actions(recording)


def test_an_objection_to_the_other_use_ends_that_and_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, order, both, other = house.call(ANNA), house.call(ANNA, ORDER), house.call(ANNA, COMPLAINT, TRAINING), house.call(BEN)
    monkeypatch.setenv("SUDO_USER", "kees")
    answers = house.json(subject, "object", "--number", ANNA, "--purpose", "training", *CHECK)
    assert {(a["id"], a["outcome"]) for a in answers} == {(mine, "done"), (both, "done")}
    assert all("no longer used for 'training our staff'" in a["answer"] for a in answers)
    kept = {one: house.registry.recording(one) for one in (mine, order, both, other)}
    assert [[p.name for p in row.purposes] for row in kept.values() if row] == [["complaint"], ["order"], ["complaint"], ["complaint"]]
    monkeypatch.setenv("SUDO_USER", "rita")
    assert export(house, mine)[0] == 3 and export(house, both)[0] == 3 and export(house, other)[0] == 0
    monkeypatch.setenv("SUDO_USER", "kees")
    assert house.run(subject, "object", "--number", ANNA, "--purpose", "training", *CHECK).stdout.startswith("None of this")


def test_the_person_is_told_what_else_it_may_be_heard_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = house.call(ANNA, COMPLAINT, days_ago=3)
    assert export(house, recording)[0] == 0
    monkeypatch.setenv("SUDO_USER", "kees")  # root: a reviewer makes no person's copy

    def letter(language: str) -> tuple[str, list[dict[str, object]]]:
        to = house.folder / f"copy-{language}-{len(list(house.folder.iterdir()))}"
        arguments = ("--number", ANNA, "--identity", house.identity_file, "--output", str(to), "--language", language)
        assert house.run(subject, "export", *arguments).exit_code == 0
        return (to / "facts.txt").read_text(), json.loads((to / "facts.json").read_text())["recordings"]

    english, facts = letter("en")
    assert f"also be listened to for: training our staff. That is compatible (GDPR art. 6(4)): {BECAUSE} You may object" in english
    assert ", for: training our staff" in english  # who listened
    [kept] = facts[0]["purposes"]  # type: ignore[misc]
    assert kept["also_listened_to_for"] == [{"title": "training our staff", "because": BECAUSE}]
    assert "ook beluisterd worden voor: het trainen van onze medewerkers" in letter("nl")[0] and "vereinbar" in letter("de")[0]
    house.registry.note_consent(recording, NOW, "objected", None, "training")
    english, facts = letter("en")
    assert "also be listened to" not in english and facts[0]["purposes"][0]["also_listened_to_for"] == []  # type: ignore[index]


def test_check_config_shows_it_and_warns_where_no_role_can_use_it(house: House) -> None:
    shown = house.run(check_config, "--file-only")
    assert shown.exit_code == 0 and f"complaint may also be heard for training (compatible): {BECAUSE}" in " ".join(shown.stdout.split())
    told = house.json(check_config, "--file-only")["profiles"]["sales"]["purposes"]
    assert [p["compatible"] for p in told] == [{"training": BECAUSE}] and "no role listens" not in shown.stderr
    config = house.folder / "config.toml"
    config.write_text(config.read_text() + '[review.roles.reviewer]\npurposes = ["complaint"]\n')
    assert "[purposes.complaint] compatible.training: no role listens for training" in house.run(check_config, "--file-only").stderr
