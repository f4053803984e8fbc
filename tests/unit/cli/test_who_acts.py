"""Commands that open or judge a recording ask what the review page asks: which role, and whether it is an own call."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_samples import NOW
from subject_samples import ANNA, COMPLAINT, ORDER, TRAINING, Days, House

from asterisk_privacy.access import actor as who_acts
from asterisk_privacy.access.accounts import Account, save
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.cli.common import actor
from asterisk_privacy.cli.recordings import recordings
from asterisk_privacy.cli.subject import subject
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.policy.retention import UntilReviewed

ACCOUNTS = {
    "rita": ({Role.REVIEWER}, ()),
    "ines": ({Role.INCIDENT_HANDLER}, ()),
    "piet": ({Role.PRIVACY_OFFICER}, ()),
    "otto": ({Role.AUDITOR}, ()),
    "anna": (set(Role), ("PJSIP/anna",)),
    "bert": (set(Role), ("bert",)),  # the call was passed on to him
}
SAMPLE = Purpose("training", TRAINING.title, TRAINING.basis, "practice", TRAINING.trigger, UntilReviewed(300, lesson_days=350), one_in=20)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    table = (
        '[purposes.training]\ntitle = "training our staff"\ntitles = { nl = "trainen" }\nbasis = "legitimate-interest"\n'
        'reasoning = "practice"\ntrigger = "sample"\none_in = 20\n'
        'retention = { until = "reviewed", latest_days = 300, lesson_days = 350 }\n'
    )
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + table + f'[review]\naccounts = "{tmp_path}/accounts.json"\n')
    save(tmp_path / "accounts.json", {n: Account(n, frozenset(r), None, frozenset(a), "en") for n, (r, a) in ACCOUNTS.items()})
    yield made
    made.registry.close()


def call(house: House, *purposes: Purpose) -> str:
    return house.call(ANNA, *purposes, people=[Participant.agent("PJSIP/anna", 0, 500), Participant.agent("PJSIP/bert", 500, 1000)])


def asked(house: House, what: str, recording: str) -> tuple[str, ...]:
    copy = ("--identity", house.identity_file, "--output", str(house.folder / f"{len(list(house.folder.iterdir()))}.flac"))
    return {
        "export": ("export", recording, *copy, "--purpose", "training", "--reason", "coaching"),
        "reviewed": ("reviewed", recording, "--outcome", "good"),
        "lesson": ("lesson", recording, "--until", (NOW.replace(year=NOW.year + 1)).isoformat()[:10], "--reason", "calm"),
    }[what]


ACTIONS = {"export": "recording.export", "reviewed": "milestone.reviewed", "lesson": "recording.lesson"}


@pytest.mark.parametrize("what", ACTIONS)
@pytest.mark.parametrize(
    ("who", "why"),
    [("otto", "unknown"), ("ines", "unknown"), ("piet", "not-yours"), ("anna", "own"), ("bert", "own"), ("stranger", "no-account")],
)
def test_who_may_not_on_the_page_may_not_here(house: House, monkeypatch: pytest.MonkeyPatch, what: str, who: str, why: str) -> None:
    recording = call(house, SAMPLE)
    monkeypatch.setattr(who_acts, "is_root", lambda: who != "stranger")  # an account counts for root too
    monkeypatch.setattr(who_acts, "user", lambda: who)
    before = sorted(house.folder.iterdir())
    result = house.run(recordings, *asked(house, what, recording))
    assert result.exit_code == 3 and result.stderr.count("\n") == 1 and sorted(house.folder.iterdir()) == before
    [entry] = [e for e in house.registry.audit_entries(None, subject=recording) if e.action.endswith("-refused")]
    expected = "not-your-act" if (who, what) in {("piet", "reviewed"), ("piet", "lesson")} else why
    assert (entry.action, entry.actor, entry.detail["why"]) == (f"recording.{what}-refused", f"cli:{who}", expected)
    assert ACTIONS[what] not in house.actions(recording)


@pytest.mark.parametrize("what", ["export", "reviewed"])
def test_the_reviewer_may(house: House, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    recording = call(house, SAMPLE)
    monkeypatch.setattr(who_acts, "is_root", lambda: False)
    monkeypatch.setattr(who_acts, "user", lambda: "rita")
    assert house.run(recordings, *asked(house, what, recording)).exit_code == 0
    assert ACTIONS[what] in house.actions(recording) and not any("root" in action for action in house.actions(recording))


def test_root_without_an_account_may_and_the_trail_says_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = call(house, SAMPLE)
    monkeypatch.setenv("SUDO_USER", "kees")
    assert house.run(recordings, *asked(house, "export", recording)).exit_code == 0
    [entry] = [e for e in house.registry.audit_entries(None, subject=recording) if e.action == "recording.export"]
    assert (entry.actor, entry.detail["reason"]) == ("cli:kees, no account", "coaching")
    assert house.run(recordings, *asked(house, "reviewed", recording)).exit_code == 0
    assert "recording.reviewed-by-root" in house.actions(recording)


def test_a_disabled_account_is_no_way_round_for_root(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = call(house, SAMPLE)
    save(house.folder / "accounts.json", {"rita": Account("rita", frozenset(Role), None, frozenset(), "en", disabled=True)})
    monkeypatch.setenv("SUDO_USER", "rita")
    assert house.run(recordings, *asked(house, "export", recording)).exit_code == 3


def test_a_purpose_that_has_ended_is_not_exported_to_root_either(house: House) -> None:
    short = Purpose("training", SAMPLE.title, SAMPLE.basis, "practice", SAMPLE.trigger, Days(5), one_in=20)
    recording = house.call(ANNA, short, ORDER, days_ago=6)
    result = house.run(recordings, *asked(house, "export", recording))
    assert result.exit_code == 3 and "has ended" in result.stderr
    assert house.run(recordings, *("order" if word == "training" else word for word in asked(house, "export", recording))).exit_code == 0


@pytest.mark.parametrize(("who", "code"), [("piet", 0), ("rita", 3), ("otto", 3), ("anna", 3), ("bert", 3)])
def test_the_persons_copy_is_the_privacy_officers(house: House, monkeypatch: pytest.MonkeyPatch, who: str, code: int) -> None:
    recording = call(house, COMPLAINT)
    monkeypatch.setenv("SUDO_USER", who)
    output = house.folder / "copy.zip"
    result = house.run(subject, "export", "--number", ANNA, "--identity", house.identity_file, "--output", str(output))
    assert (result.exit_code, output.exists()) == (code, code == 0)
    assert ("recording.export-refused" in house.actions(recording)) == (code == 3)


@pytest.mark.parametrize("variable", ["LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"])
def test_nobody_is_root_or_another_by_a_variable(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.undo()
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 64_007)
    for name in ("root", "anna"):
        monkeypatch.setenv(variable, name)
        assert not who_acts.is_root() and actor() == "cli:uid 64007"
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    assert actor() == "cli:daemon"


def test_who_stands_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("LOGNAME", "anna")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert actor() == "cli:root"
    monkeypatch.setenv("SUDO_USER", "kees")
    assert who_acts.is_root() and actor() == "cli:kees"
