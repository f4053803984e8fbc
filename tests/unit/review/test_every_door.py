"""Who may do what, from one table, tried at every door: the page, the terminal and the commands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from doors import FORMS, Asked, commands
from review_browser import Browser
from review_site import ReviewSite, password_hash, sound

from asterisk_privacy.access import actor
from asterisk_privacy.access.accounts import Account
from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon.review_settings import Role

TODAY = datetime.now(UTC)
ROLES = {"rev": Role.REVIEWER, "inc": Role.INCIDENT_HANDLER, "off": Role.PRIVACY_OFFICER, "aud": Role.AUDITOR}
WITHOUT_ACCOUNT = ("root", "user", "gone")
"""user: of the machine, such as the recorder's own; gone: somebody whose account was disabled, with sudo."""
PURPOSE = {"inc": "complaint"}  # of all others: training


def row(theirs: str, own: str, ended: str, held: str, restricted: str) -> dict[str, set[str]]:
    """Who may, by the recording: of others; of whoever asks; no purpose lives any more; under a legal hold that names others; under a
    restriction (GDPR art. 18). Root has no phone, so no call is root's own."""
    columns = {"theirs": theirs, "own": own, "ended": ended, "held": held, "restricted": restricted}
    return {name: set(who.split()) for name, who in columns.items()}


ALL, OFFICER = "rev inc off root user", "off root"
MAY = {
    "know": row(ALL, "root user", "off root user", ALL, ALL),
    "hear": row("rev inc root", "root", "", "", ""),
    "reviewed": row("rev root", "root", "root", "rev root", "rev root"),
    "lesson": row("rev root", "root", "root", "rev root", "rev root"),
    "date": row("rev inc off root", "root", OFFICER, "rev inc off root", "rev inc off root"),
    "case": row("inc root", "root", "root", "inc root", "inc root"),
    "objection": row("rev inc off root", "root", OFFICER, "rev inc off root", "rev inc off root"),
    "copy": row(OFFICER, "root", OFFICER, "", OFFICER),
    "erase": row(OFFICER, "root", OFFICER, OFFICER, OFFICER),
    "restrict": row(OFFICER, "root", OFFICER, OFFICER, OFFICER),
    "hold": row(OFFICER, "root", OFFICER, OFFICER, OFFICER),
}
DOORS = {"export": "hear", "play": "hear", "listen": "hear"}  # of all others the door is called as the act
REASON_IN_THE_ROW = {"lesson", "hold"}  # of the recording or the hold, which go when it goes
NOT_ROOTS = {"play"}  # listening in a terminal is as on the page: it takes an account


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[ReviewSite]:
    with ReviewSite(tmp_path, now=TODAY) as site:
        for name, role in ROLES.items():
            for own in ("", "-own"):
                agents = frozenset({"PJSIP/me"} if own else ())
                site.accounts[name + own] = Account(name + own, frozenset({role}), password_hash(), agents, "en")
        site.accounts["gone"] = Account("gone", frozenset(Role), password_hash(), frozenset(), "en", disabled=True)
        site.save_accounts()
        (tmp_path / "identity.txt").write_text(site.identity.secret + "\n")
        yield site


def made(site: ReviewSite, whose: str, who: str, number: int) -> Asked:
    """A recording of its own for each try, since what is allowed changes it."""
    agent = "PJSIP/me" if whose == "own" else f"PJSIP/{whose}{number}"
    one = site.record(f"{whose}-{who}-{number}", ["training", "complaint"], 800 if whose == "ended" else 1, agent, samples=sound(100))
    if whose == "held":
        site.registry.place_hold(TODAY, "cli:kim", "a claim", ["kim"], recording_id=one)
    if whose == "restricted":
        site.registry.restrict(one, TODAY, "contested", [])
    until = f"{TODAY + timedelta(days=10):%Y-%m-%d}"
    return Asked(one, agent, PURPOSE.get(who, "training"), until, site.folder)


def name_of(who: str, whose: str) -> str:
    return f"{who}-own" if whose == "own" and who in ROLES else who


def everybody() -> Iterator[tuple[str, str]]:
    return itertools.product((*ROLES, *WITHOUT_ACCOUNT), MAY["know"])


def refusals(site: ReviewSite) -> int:
    """By who asked; what the law refuses to everybody is another matter."""
    told = site.registry.audit_entries(None)
    return sum(one.action.startswith("recording.") and one.action.endswith("-refused") for one in told)


@pytest.mark.parametrize("door", commands(Asked("", "", "", "", Path())))
def test_a_command(doors: ReviewSite, monkeypatch: pytest.MonkeyPatch, door: str) -> None:
    act = DOORS.get(door, door)
    for number, (who, whose) in enumerate(everybody()):
        asked, name = made(doors, whose, who, number), name_of(who, whose)
        monkeypatch.setattr(actor, "user", lambda name=name: name)
        monkeypatch.setattr(actor, "is_root", lambda root=who in ("root", "gone"): root)
        before, told = doors.registry.recording(asked.recording), refusals(doors)
        result = CliRunner().invoke(main, [*commands(asked)[door], "--config", str(doors.folder / "config.toml")])
        refused = result.exit_code == 3 if door == "know" else refusals(doors) > told
        may = who in MAY[act][whose] and not (door in NOT_ROOTS and who == "root")
        assert refused == (not may), (who, whose, result.output)
        if refused:
            assert result.exit_code in (1, 3) and doors.registry.recording(asked.recording) == before, (who, whose)
            assert not list(doors.folder.glob(f"{asked.recording}.*")), (who, whose)
        elif who == "root" and door != "know":
            mine = [one for one in doors.registry.audit_entries(None) if one.actor == "cli:root, no account"]
            assert door == "date" or (mine and (door in REASON_IN_THE_ROW or any(one.detail.get("reason") for one in mine))), (who, whose)


@pytest.mark.parametrize("form", ["", *FORMS])
async def test_the_page(doors: ReviewSite, form: str) -> None:
    act = DOORS.get(form, form or "know")
    for name, whose in itertools.product(ROLES, MAY["know"]):
        asked = made(doors, whose, name, len(form))
        async with Browser(doors) as browser:
            await browser.sign_in(name_of(name, whose))
            where = f"/recordings/{asked.recording}"
            if form:
                answer = await browser.post(f"{where}/{form}", **FORMS[form], purpose=asked.purpose, until=asked.until)
            else:
                answer = await browser.get(where)
        assert (answer.status in (403, 404)) == (name not in MAY[act][whose]), (name, whose, answer.status)
