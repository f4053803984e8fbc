"""A reviewer is sent to a recording that was not made for his purpose: what he sees, chooses, hears and cannot do."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect
from review_site import ReviewSite
from visitor import BROWSER, DESKTOP, PHONE, Visit

pytestmark = BROWSER
BECAUSE = (
    "A complaint is what there is most to learn from; it stays with the people who review anyway, nobody is judged by it, and the caller "
    "hears of it in the privacy statement and may object."
)
LISTED = {"complaint": {"training": BECAUSE}}


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
async def test_the_choice_is_plain_and_nothing_is_chosen_for_him(
    tmp_path: Path, visit: Visit, viewport: dict[str, int], scheme: str
) -> None:
    with ReviewSite(tmp_path, compatible=LISTED) as site:
        async with visit(site, "rita", viewport=viewport, color_scheme=scheme) as rita:
            await rita.home()
            await expect(rita.page.locator(f"a[href='/recordings/{site.ids['complaint']}']")).to_have_count(0)
            await rita.open("complaint")
            choice = rita.page.get_by_label("Purpose", exact=True).first
            assert await choice.input_value() == ""
            await expect(choice.locator("optgroup")).to_have_attribute("label", "Not made for, but compatible")
            await expect(rita.page.locator("#listen-further")).to_have_text(
                f"Also for “training our staff”: it was made for “handling your complaint”, and the policy calls that compatible. {BECAUSE}"
            )
            assert await rita.complaints() == []
            await rita.page.get_by_label("Reason", exact=True).first.fill("what to learn from it")
            await rita.page.get_by_role("button", name="Listen").click()
            assert await choice.evaluate("field => field.validity.valueMissing")  # the browser asks for it
            await choice.select_option("training")
            await rita.page.get_by_role("button", name="Listen").click()
            await rita.page.locator("svg.call .playhead").wait_for(state="attached")
            await expect(rita.page.locator("#listen .note.warn")).to_contain_text(
                "It was not made for that, but for “handling your complaint”. The policy calls it compatible"
            )
            await expect(rita.page.get_by_label("Outcome", exact=True)).to_have_count(0)
            await expect(rita.page.locator("#listens ~ ul")).to_contain_text("training (compatible with complaint)")
            assert await rita.complaints() == []
        [row] = [e for e in site.registry.audit_entries(None, subject=site.ids["complaint"]) if e.action == "recording.listen"]
        assert (row.actor, row.detail["purpose"], row.detail["compatible_with"], row.detail["because"]) == (
            *("review:rita", "training", "complaint", BECAUSE),
        )


async def test_in_dutch_beside_what_it_was_made_for(tmp_path: Path, visit: Visit) -> None:
    """wim has both roles: the first choice stays what it was made for, and listening for the other is no review."""
    with ReviewSite(tmp_path, compatible={"training": {"complaint": BECAUSE}}) as site:
        async with visit(site, "wim") as wim:
            await wim.open("sample")
            choice = wim.page.get_by_label("Doel", exact=True).first
            assert await choice.input_value() == "training"
            assert await choice.locator("optgroup").evaluate_all("all => all.map((one) => one.label)") == [
                "Gemaakt voor",
                "Niet gemaakt voor, wel verenigbaar",
            ]
            await expect(wim.page.get_by_label("Uitkomst", exact=True)).to_have_count(1)
            await choice.select_option("complaint")
            await wim.page.get_by_label("Reden", exact=True).first.fill("zaak 17")
            await wim.page.get_by_role("button", name="Luisteren").click()
            await wim.page.locator("svg.call .playhead").wait_for(state="attached")
            await expect(wim.page.locator("main")).to_contain_text("Daarmee is zij niet beoordeeld")
            await expect(wim.page.get_by_label("Uitkomst", exact=True)).to_have_count(0)
            assert await wim.complaints() == []
            await wim.page.get_by_label("Reden", exact=True).first.fill("steekproef")  # and now for the review
            await wim.page.get_by_role("button", name="Luisteren").click()
            await expect(wim.page.get_by_label("Uitkomst", exact=True)).to_have_count(1)
            await expect(wim.page.locator("main")).not_to_contain_text("Daarmee is zij niet beoordeeld")
