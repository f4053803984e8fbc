"""Signing in and out, the cookie, wrong passwords, the end of a session."""

from __future__ import annotations

import asyncio

import pytest
from review_browser import Browser
from review_site import PASSWORD, ReviewSite

from asterisk_privacy.review.lockout import FREE

COOKIE = "asterisk-privacy-review"


async def test_in_and_out(site: ReviewSite) -> None:
    async with Browser(site) as one:
        answer = await one.get("/")
        assert answer.path == "/sign-in" and answer.status == 200
        answer = await one.sign_in("rita")
        assert (answer.status, answer.path) == (200, "/") and "rita" in answer.text
        stolen = one.cookies[COOKIE]
        answer = await one.post("/sign-out")
        assert answer.path == "/sign-in" and COOKIE not in one.cookies
        one.plant(COOKIE, stolen)
        answer = await one.get("/")
        assert answer.path == "/sign-in"
    actions = [(e.actor, e.action) for e in site.registry.audit_entries(2)]
    assert actions == [("review:rita", "review.sign-out"), ("review:rita", "review.sign-in")]


async def test_the_cookie_is_for_this_site_and_no_script(site: ReviewSite) -> None:
    async with Browser(site) as one:
        before = (await one.get("/sign-in")).headers["Set-Cookie"]
        answer = await one.sign_in("rita", follow=False)
        assert answer.status == 303 and answer.headers["Location"] == "/"
        for cookie in (before, answer.headers["Set-Cookie"]):
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
            assert "Secure" not in cookie and "Domain" not in cookie and "expires" not in cookie.lower()  # loopback speaks no HTTPS


async def test_a_session_key_from_before_is_worth_nothing(site: ReviewSite) -> None:
    """Session fixation."""
    async with Browser(site) as one, Browser(site) as thief:
        one.plant(COOKIE, "planted")
        await one.sign_in("rita")
        assert one.cookies[COOKIE] != "planted"
        thief.plant(COOKIE, "planted")
        assert (await thief.get("/", follow=False)).status == 303


@pytest.mark.parametrize(
    ("name", "password"),
    [("rita", "wrong"), ("rita", ""), ("rita", PASSWORD + " "), ("nobody-such", PASSWORD), ("", PASSWORD), ("ri\x00ta", PASSWORD)],
)
async def test_what_is_wrong_says_one_thing_only(site: ReviewSite, name: str, password: str) -> None:
    async with Browser(site) as one:
        answer = await one.sign_in(name, password)
        assert answer.status == 401 and "do not fit" in answer.text and COOKIE not in one.cookies


async def test_a_flood_is_slowed_down_for_the_account_and_audited(site: ReviewSite) -> None:
    async with Browser(site) as flood, Browser(site, local_address="127.0.0.2") as rita:
        statuses = [(await flood.sign_in("rita", f"guess {n}")).status for n in range(FREE + 3)]
        assert statuses == [401] * FREE + [429] * 3
        answer = await rita.sign_in("rita")  # from elsewhere, with the right one: the account waits too
        assert answer.status == 429 and "1 minutes" in answer.text
        site.tick(31)
        assert (await rita.sign_in("rita")).path == "/"
        entries = [e for e in site.registry.audit_entries(50) if e.action == "review.locked-out"]
        assert sorted((e.actor, e.subject, e.detail["for"]) for e in entries) == [
            ("review", "rita", "account"),
            ("review", "rita", "address"),
        ]


async def test_a_flood_over_many_names_is_slowed_down_for_the_address(site: ReviewSite) -> None:
    async with Browser(site) as flood, Browser(site, local_address="127.0.0.2") as rita:
        statuses = [(await flood.sign_in(f"name{n}", "guess")).status for n in range(FREE + 1)]
        assert statuses == [401] * FREE + [429]
        assert (await flood.sign_in("rita")).status == 429
        assert (await rita.sign_in("rita")).path == "/"
    trail = [e for e in site.registry.audit_entries(50) if e.action == "review.locked-out"]
    assert [(e.subject, e.detail["for"]) for e in trail] == [("nobody", "address")]  # what was typed may be a password: not in the trail


async def test_many_at_once_get_no_free_guesses(site: ReviewSite) -> None:
    """The lock counts also what is under way."""
    async with Browser(site) as one:
        await one.get("/sign-in")
        answers = await asyncio.gather(*(one.post("/sign-in", name="rita", password=f"guess {n}") for n in range(12)))
        assert [a.status for a in answers].count(401) == FREE


async def test_idle_and_absolute_expiry(site: ReviewSite) -> None:
    async with Browser(site) as one:
        await one.sign_in("rita")
        site.tick(14 * 60)
        assert (await one.get("/")).path == "/"
        site.tick(15 * 60)
        answer = await one.get("/")
        assert answer.path == "/sign-in" and "signed out" in answer.text
        await one.sign_in("rita")
        for _ in range(45):
            site.tick(14 * 60)
            last = await one.get("/")
        assert last.path == "/sign-in"


async def test_a_disabled_account_is_out_at_its_next_click_and_a_new_password_ends_sessions(site: ReviewSite) -> None:
    async with Browser(site) as one, Browser(site) as two:
        await one.sign_in("rita")
        await two.sign_in("wim")
        site.change_account("rita", disabled=True)
        site.change_account("wim", password=None)
        assert (await one.get("/")).path == "/sign-in" and (await two.get("/")).path == "/sign-in"
        assert (await one.sign_in("rita")).status == 401 and (await two.sign_in("wim")).status == 401
        site.change_account("rita", disabled=False)
        assert (await one.sign_in("rita")).path == "/"


async def test_without_the_file_of_accounts_nobody_is_in(site: ReviewSite) -> None:
    async with Browser(site) as one:
        await one.sign_in("rita")
        (site.folder / "accounts.json").write_text("{ broken")
        answer = await one.get("/")
        assert answer.status == 503 and "registry or the accounts cannot be read" in answer.text and "broken" not in answer.text
        (site.folder / "accounts.json").unlink()
        async with Browser(site) as two:
            assert (await two.sign_in("rita")).status == 503
