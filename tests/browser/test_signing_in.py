"""Signing in and out, and sessions that end."""

from __future__ import annotations

import re

from playwright.async_api import expect
from review_site import ReviewSite
from visitor import BROWSER, Visit

pytestmark = BROWSER


async def test_in_and_out(office: ReviewSite, visit: Visit) -> None:
    async with visit(office) as rita:
        await rita.page.goto(office.url)
        await expect(rita.page).to_have_url(re.compile("/sign-in$"))
        await rita.sign_in("rita")
        await expect(rita.page.get_by_role("heading", level=1)).to_have_text("To review")
        await rita.page.get_by_role("button", name="Sign out").click()
        await expect(rita.page.get_by_label("Password")).to_be_visible()
        await rita.page.go_back()
        await rita.page.reload()
        await expect(rita.page.get_by_label("Password")).to_be_visible()


async def test_a_wrong_password_is_said_beside_the_fields(office: ReviewSite, visit: Visit) -> None:
    async with visit(office) as somebody:
        await somebody.sign_in("rita", "wrong horse battery")
        await expect(somebody.page.get_by_role("alert")).to_have_text("Name and password do not fit. Try again.")
        for label in ("Name", "Password"):
            await expect(somebody.page.get_by_label(label)).to_have_accessible_description("Name and password do not fit. Try again.")
        assert await somebody.page.get_by_label("Password").input_value() == ""
        assert somebody.statuses == [401]


async def test_a_session_that_is_over_leads_back_to_the_form(fresh: ReviewSite, visit: Visit) -> None:
    async with visit(fresh, "rita") as rita:
        await rita.listen()
        fresh.tick(16 * 60)
        await rita.page.get_by_role("button", name="Play").click()  # its metadata may be there; what it lacks it cannot fetch any more
        await rita.page.get_by_role("link", name="Recordings", exact=True).click()
        await expect(rita.page.get_by_role("alert")).to_contain_text("signed out because nothing happened")
        await expect(rita.page.get_by_label("Password")).to_be_visible()


async def test_who_listens_is_not_idle(fresh: ReviewSite, visit: Visit) -> None:
    async with visit(fresh, "rita") as rita:
        await rita.page.clock.install()
        await rita.listen()
        await rita.page.get_by_role("button", name="Play").click()
        await rita.until("!document.querySelector('audio').paused")
        fresh.tick(14 * 60)
        async with rita.page.expect_response(re.compile("/timeline.json$")) as told:
            await rita.page.clock.fast_forward(60_000)
        assert (await told.value).status == 200
        fresh.tick(14 * 60)
        await rita.page.get_by_label("Outcome", exact=True).fill("good opening")
        await rita.page.get_by_role("button", name="Reviewed").click()
        await expect(rita.page.get_by_role("status").first).to_have_text("Noted: reviewed.")


async def test_an_agent_reads_it_in_his_own_language(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "wim") as wim:
        await wim.home()
        await expect(wim.page.locator("html")).to_have_attribute("lang", "nl")
        await expect(wim.page.get_by_role("heading", level=1)).to_have_text("Te beoordelen")
