"""What people write down on the page, and what they are refused."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from review_site import ReviewSite
from visitor import BROWSER, Visit

pytestmark = BROWSER


async def test_the_queue_leads_to_the_outcome_and_the_outcome_ends_the_keeping(fresh: ReviewSite, visit: Visit) -> None:
    async with visit(fresh, "rita") as rita:
        await rita.home()
        link = rita.page.locator(f"a[href='/recordings/{fresh.ids['sample']}']")
        await link.click()
        await expect(rita.page.locator("#why + p")).to_contain_text("at the latest")
        await rita.page.get_by_label("Outcome", exact=True).fill("good opening, discussed with Bert")
        await rita.page.get_by_role("button", name="Reviewed").click()
        await expect(rita.page.get_by_role("status").first).to_have_text("Noted: reviewed.")
        await expect(rita.page.get_by_role("heading", level=1)).to_have_text("To review")
        await expect(link).to_have_count(0)
    row = fresh.registry.recording(fresh.ids["sample"])
    assert row is not None and [note.by for note in row.history] == ["review:rita"]


async def test_an_empty_outcome_is_not_sent(fresh: ReviewSite, visit: Visit) -> None:
    async with visit(fresh, "rita") as rita:
        await rita.open("sample")
        await rita.page.get_by_role("button", name="Reviewed").click()
        assert await rita.page.get_by_label("Outcome", exact=True).evaluate("field => field.validity.valueMissing")
        await rita.page.get_by_label("Outcome", exact=True).fill("   ")
        await rita.page.get_by_role("button", name="Reviewed").click()
        await expect(rita.page.get_by_role("alert").first).to_have_text("Write the outcome in a few words.")


async def test_a_lesson_a_case_and_an_objection(fresh: ReviewSite, visit: Visit) -> None:
    async with visit(fresh, "wim") as wim:
        await wim.open("both")
        await wim.page.locator("summary", has_text="les").click()
        await wim.page.locator("#lesson-until").fill("2027-01-15")
        await wim.page.locator("#lesson-reason").fill("rustig gebleven")
        await wim.page.locator("form[action$=lesson] button").click()
        await expect(wim.page.get_by_role("status").first).to_contain_text("2027-01-15")
        await wim.page.locator("#case-reference").fill("2026-99")
        await wim.page.locator("#case-kind").select_option("complaint")
        await wim.page.locator("form[action$=case] button").click()
        await expect(wim.page.get_by_role("status").first).to_contain_text("2026-99")
        await wim.page.locator("details.card", has=wim.page.locator("form[action$=objection]")).locator("summary").click()
        await wim.page.locator("#objection-purpose").select_option("training")
        await wim.page.locator("#objection-reason").fill("zei het aan het einde")
        await wim.page.locator("form[action$=objection] button").click()
        await expect(wim.page.get_by_role("status").first).to_be_visible()
    row = fresh.registry.recording(fresh.ids["both"])
    assert row is not None and [purpose.name for purpose in row.purposes] == ["complaint"]
    assert row.circumstances.cases == ("2026-99",)


@pytest.mark.parametrize(
    ("name", "recording", "words"),
    [
        ("anna", "own", "There is no such recording, or it is not for you."),  # her own call: she must not even see that it was drawn
        ("ines", "sample", "There is no such recording, or it is not for you."),
        ("rita", "complaint", "There is no such recording, or it is not for you."),
        ("rita", "held", "A legal hold names those who may listen, and you are not among them."),
        ("rita", "restricted", "The recording is restricted (GDPR art. 18): it is only stored."),
        ("otto", "sample", "Your role does not listen for this purpose."),
        ("rita", "gone", "This recording was deleted."),
    ],
)
async def test_what_is_refused(office: ReviewSite, visit: Visit, name: str, recording: str, words: str) -> None:
    async with visit(office, name) as visitor:
        await visitor.open(recording)
        await expect(visitor.page.locator("main")).to_contain_text(words)
        await expect(visitor.page.get_by_role("button", name="Listen")).to_have_count(0)
        await expect(visitor.page.locator("audio")).to_have_count(0)


async def test_a_page_of_another_role_is_refused(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.home()
        await expect(rita.page.get_by_role("link", name="To review")).to_have_count(1)
        await expect(rita.page.get_by_role("link", name="Requests")).to_have_count(0)
        await rita.page.goto(office.url + "/requests")
        await expect(rita.page.get_by_role("alert")).to_have_text("This page is not for your role.")
        assert rita.statuses == [403]


async def test_a_key_that_does_not_fit_is_said(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.open("foreign")
        await rita.page.get_by_label("Reason", exact=True).first.fill("weekly sample")
        await rita.page.get_by_role("button", name="Listen").click()
        await expect(rita.page.get_by_role("alert").first).to_contain_text("sealed to other keys than those of this page")
