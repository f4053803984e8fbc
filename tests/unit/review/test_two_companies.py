"""Two companies whose calls one hoster records: what each sees on its page and gets from its commands, of one customer of both."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import soundfile
from as_it_lies import open_recording
from click.testing import CliRunner, Result
from doors import Asked, commands
from registry_users import LATER, Users, users
from review_browser import Browser
from review_site import NOW
from two_companies import CALLER, COMPANIES, TwoCompanies

from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon.config import load
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.rows import State
from asterisk_privacy.review.serve import serve

__all__ = ["users"]
PAGES = ("/", "/cases", "/requests", "/holds", "/overdue", "/register", "/register?document=announcement", "/audit")
CHECK = ("--reason", "a letter", "--identity-check", "called back")


@pytest.fixture
def place(tmp_path: Path, users: Users) -> Iterator[TwoCompanies]:
    made = TwoCompanies(tmp_path, users)
    yield made
    made.registry.close()


def run(place: TwoCompanies, config: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config", str(place.folder / f"{config}.toml")])


async def test_each_page_knows_its_own_company_only(place: TwoCompanies) -> None:
    """Lists, queue, listening, case, hold, request, texts and trail; not found is all that is said of the other's."""
    for company, other in (COMPANIES, COMPANIES[::-1]):
        mine, theirs = place.ids[company], place.ids[other]
        async with place.page(company) as page, Browser(page) as rita, Browser(page) as otto:  # type: ignore[arg-type]
            await rita.sign_in("rita")
            assert mine in (await rita.get("/")).text
            audio = await rita.listen(mine, purpose="training")
            samples, _ = soundfile.read(io.BytesIO((await rita.get(audio)).body), dtype="int16")
            assert samples[100, 0] == 1000 + COMPANIES.index(company)
            with place.users.open(f"{company}_page") as officer:
                officer.open_case("complaint", "K-1", LATER, "ines", f"angry with {company}")
                officer.link_case("K-1", mine, LATER, "ines")
                officer.place_hold(NOW, "otto", f"asked by counsel of {company}", ["rita"], case="K-1")
            await otto.sign_in("otto")
            for path in PAGES:
                answer = await otto.get(path)
                assert answer.status in (200, 403), path
                for word in (theirs, f"{other}-line", f"{other.title()} BV", f"counsel of {other}", f"{other}_page", "The hoster"):
                    assert word not in answer.text, (path, word)
            assert f"{company.title()} BV" in (await otto.get("/register?document=record")).text
            assert "a part only" in (await otto.get("/audit")).text and f"counsel of {company}" in (await otto.get("/holds")).text
            for path in (f"/recordings/{theirs}", f"/recordings/{theirs}/timeline.json", f"/recordings/{theirs}/audio?token=x"):
                assert (await rita.get(path)).status == 404, path
            for act in ("listen", "reviewed", "lesson", "case", "objection"):
                assert (await rita.post(f"/recordings/{theirs}/{act}", purpose="training", reason="x", reference="K-1")).status == 404, act


@pytest.mark.parametrize("door", [one for one in commands(Asked("", "", "", "", Path())) if one != "play"])  # root may not play at all
def test_no_command_reaches_what_is_another_companys(place: TwoCompanies, door: str) -> None:
    theirs = place.ids["beta"]
    (place.folder / "identity.txt").write_text(place.identities["beta"].secret + "\n")
    before, asked = place.registry.recording(theirs), Asked(theirs, "PJSIP/of-beta", "training", "2027-01-01", place.folder)
    result = run(place, "hoster-acme", *commands(asked)[door])
    assert place.registry.recording(theirs) == before and not list(place.folder.glob(f"{theirs}.flac"))
    if door == "copy":  # by a person, of whom this company has nothing
        assert result.exit_code == 0 and "0 recordings" in result.output
    else:
        assert result.exit_code == 3 and ("recording" in result.output or "case 2026-17: is unknown" in result.output), result.output


def test_another_companys_key_opens_nothing(place: TwoCompanies) -> None:
    for company, other in (COMPANIES, COMPANIES[::-1]):
        path = place.vault.path(place.ids[company])
        assert len(open_recording(path, [place.identities[company]])[0]) == 8000
        with pytest.raises(OperatorError):
            open_recording(path, [place.identities[other]])


def test_a_number_finds_and_exports_what_the_asked_company_has_and_the_hoster_must_say_which(place: TwoCompanies) -> None:
    for company, other in (COMPANIES, COMPANIES[::-1]):
        for config in (company, f"hoster-{company}"):
            found = json.loads(run(place, config, "subject", "find", "--number", CALLER, "--json", "--reason", "asked").stdout)
            assert [row["id"] for row in found] == [place.ids[company]], config
        assert run(place, company, "recordings", "show", place.ids[other]).exit_code == 3
        to = place.folder / f"for-{company}.zip"
        options = ("--identity", str(place.folder / f"{company}.identity"), "--output", str(to))
        copied = run(place, company, "subject", "export", "--number", CALLER, *CHECK, *options)
        assert copied.exit_code == 0, copied.output
        whole = b"".join(path.read_bytes() for path in (to.rglob("*") if to.is_dir() else [to]) if path.is_file())
        assert other.encode() not in whole and f"{other.title()} BV".encode() not in whole
    refused = run(place, "hoster", "subject", "find", "--number", CALLER, "--reason", "asked")
    assert refused.exit_code == 3 and "acme, beta each answer for their own calls: set [registry] tenant" in refused.stderr


def test_each_erases_its_own_and_the_hosters_purger_deletes_for_all(place: TwoCompanies) -> None:
    erased = run(place, "hoster-acme", "subject", "erase", "--number", CALLER, *CHECK, "--json")
    assert erased.exit_code == 0, erased.output
    states = {name: place.registry.recording(id_) for name, id_ in place.ids.items()}
    assert {name: row and row.state for name, row in states.items()} == {"acme": State.PURGED, "beta": State.SEALED}
    again = place.call("acme")
    purged = run(place, "hoster", "purge", "--at", f"{NOW + timedelta(days=900):%Y-%m-%d}", "--yes", "--override-brake", "--json")
    assert set(json.loads(purged.stdout)["deleted"]) == {again, place.ids["beta"]} and not list(place.folder.glob("recordings/**/*.age"))
    assert run(place, "hoster", "audit", "verify").stdout.startswith("sound: ")
    part = run(place, "beta", "audit", "verify")
    assert part.exit_code == 0 and part.stdout.startswith("sound: a part only") and "checkpoint" not in part.stdout


def test_a_company_that_left_the_policy_keeps_its_recordings_until_they_end(place: TwoCompanies) -> None:
    text = place.hoster.read_text()
    gone = text[: text.index("[tenants.beta]")] + text[text.index("[profiles.acme-line]") : text.index("[profiles.beta-line]")]
    place.hoster.write_text(gone)
    told = run(place, "hoster", "registry", "tenants")
    assert told.exit_code == 1 and "tenant beta is not in the configuration, and has 1 recordings" in told.stderr
    assert json.loads(run(place, "hoster", "registry", "tenants", "--json").stdout)[1] == {
        "tenant": "beta",
        "users": ["beta_page"],
        "recordings": 1,
    }
    asked = run(place, "hoster", "check-config", "--ask")
    assert "tenant beta is not in the configuration" in asked.stderr
    purged = run(place, "hoster", "purge", "--at", f"{NOW + timedelta(days=900):%Y-%m-%d}", "--yes", "--override-brake", "--json")
    assert set(json.loads(purged.stdout)["deleted"]) == set(place.ids.values())


async def test_a_page_whose_user_is_listed_for_nobody_or_for_another_does_not_start(place: TwoCompanies) -> None:
    place.config("wrong.toml", "pbx", 'tenant = "acme"')
    place.config("other.toml", "beta_page", 'tenant = "acme"')
    place.config("untold.toml", "acme_page", "")
    words = "its user is not listed for tenant acme"
    for name, told in (("wrong", words), ("other", words), ("untold", 'set .registry. tenant = "acme"')):
        text = (place.folder / f"{name}.toml").read_text().replace("[review]\n", f'[review]\nidentity = "{place.folder}/acme.identity"\n')
        (place.folder / f"{name}.toml").write_text(text)
        with pytest.raises(OperatorError, match=told):
            await serve(load(place.folder / f"{name}.toml"))


def test_grants_warn_of_a_reviewer_who_would_see_all(place: TwoCompanies) -> None:
    warned = run(place, "hoster", "registry", "grant", "reviewer", "someone")
    assert warned.exit_code == 0 and "Warning: someone will see the rows of acme, beta" in warned.stderr
    told = run(place, "hoster", "registry", "grant", "reviewer", "someone", "--tenant", "acme")
    assert told.stderr == "" and told.stdout.startswith("BEGIN;\nINSERT INTO tenant_users (db_user, tenant) VALUES ('someone', 'acme')")
    assert "names no tenant gamma" in run(place, "hoster", "registry", "grant", "reviewer", "someone", "--tenant", "gamma").stderr
    for wrong in (("recorder", "someone", "--tenant", "acme"), ("reviewer", "someone", "--tenant", "a'b")):
        assert run(place, "hoster", "registry", "grant", *wrong).exit_code == 2


def test_a_campaign_is_of_one_company(place: TwoCompanies) -> None:
    place.hoster.write_text(place.hoster.read_text().replace('trigger = "always"', 'trigger = "campaign"'))
    given = ("--from", "2026-11-01", "--to", "2036-11-01", "--count", "2", "--provider", "Telco", "--reason", "echo")
    both = run(place, "hoster", "campaign", "open", "--extensions", "anna", *given)
    assert both.exit_code == 2 and "takes the calls of one tenant only" in both.stderr
