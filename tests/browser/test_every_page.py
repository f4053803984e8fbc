"""Every page as everybody gets it: desktop and phone, light and dark, without JavaScript, in both languages, and with nothing to show."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from review_site import PAGES, ReviewSite
from visitor import BROWSER, DESKTOP, PHONE, Visit, Visitor

pytestmark = BROWSER
RECORDINGS = {"rita": ("sample", "held", "restricted", "lesson"), "ines": ("complaint",), "otto": ("proof", "gone", "overdue")}


async def every_page(visitor: Visitor, name: str) -> dict[str, list[str]]:
    """Its complaints, by path."""
    found = {}
    for path in [path for path, account in PAGES.items() if account == name]:
        await visitor.page.goto(visitor.site.url + path)
        found[path] = await visitor.complaints()
    for one in RECORDINGS.get(name, ()):
        await visitor.open(one)
        for summary in await visitor.page.locator("summary").all():
            await summary.click()
        found[one] = await visitor.complaints()
    return found


@pytest.mark.parametrize("name", ["rita", "ines", "otto", "udo"])
@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
async def test_labels_contrast_headings_and_width(
    office: ReviewSite, visit: Visit, name: str, viewport: dict[str, int], scheme: str
) -> None:
    async with visit(office, name, viewport=viewport, color_scheme=scheme) as visitor:
        found = await every_page(visitor, name)
        assert len(found) >= 1
        assert {path: complaints for path, complaints in found.items() if complaints} == {}


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "dark"), (PHONE, "light")])
async def test_the_player_and_the_form_of_sign_in_too(office: ReviewSite, visit: Visit, viewport: dict[str, int], scheme: str) -> None:
    async with visit(office, viewport=viewport, color_scheme=scheme) as rita:
        await rita.sign_in("rita", "wrong horse battery")
        await expect(rita.page.get_by_role("alert")).to_be_visible()
        assert await rita.complaints() == []
        await rita.sign_in("rita")
        await expect(rita.page.get_by_role("heading", level=1)).to_have_text("To review")
        await rita.listen()
        await rita.page.get_by_text("Keys", exact=True).click()
        assert await rita.complaints() == []
        await rita.page.goto(office.url + "/nothing")
        assert await rita.complaints() == []
        await expect(rita.page.get_by_role("alert")).to_have_text("There is no such page.")


async def test_dark_is_dark(office: ReviewSite, visit: Visit) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    async with visit(office, "rita", color_scheme="dark") as rita:
        await rita.home()
        assert await rita.page.evaluate(ground) == "rgb(17, 22, 27)"
        await rita.page.emulate_media(color_scheme="light")
        assert await rita.page.evaluate(ground) == "rgb(244, 246, 248)"


async def test_on_a_phone_a_row_is_a_card(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "otto", viewport=PHONE) as otto:
        await otto.page.goto(office.url + "/requests")
        cells = otto.page.locator("tbody tr").first.locator("td")
        assert len({(await otto.box("tbody tr td", number))["x"] for number in range(await cells.count())}) == 1
        label = await cells.first.evaluate("cell => getComputedStyle(cell, '::before').content")
        assert label == '"Clock"'


async def test_it_works_without_javascript(fresh: ReviewSite, visit: Visit) -> None:
    async with visit(fresh, "rita", java_script_enabled=False) as rita:
        await rita.home()
        await rita.page.locator(f"a[href='/recordings/{fresh.ids['sample']}']").click()
        await rita.page.get_by_label("Reason", exact=True).first.fill("weekly sample")
        await rita.page.get_by_role("button", name="Listen").click()
        await expect(rita.page.get_by_text("need JavaScript")).to_be_visible()
        player = rita.page.locator("audio[controls]")
        await expect(player).to_be_visible()
        await expect(rita.page.locator("svg.strip")).to_be_visible()
        await expect(rita.page.get_by_role("slider")).to_have_count(0)
        for kind, start in (("audio/flac", b"fLaC"), ("audio/wav", b"RIFF")):
            address = await player.locator(f"source[type='{kind}']").get_attribute("src")
            answer = await rita.page.request.get(f"{fresh.url}{address}")
            assert (await answer.body()).startswith(start)
        await rita.page.get_by_label("Outcome", exact=True).fill("good opening")
        await rita.page.get_by_role("button", name="Reviewed").click()
        await expect(rita.page.locator(".note.good").first).to_have_text("Noted: reviewed.")


async def test_the_clock_of_a_request_is_said_in_words(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "otto") as otto:
        await otto.page.goto(office.url + "/requests")
        clocks = otto.page.locator("section").first.locator("td[data-label=Clock]")
        assert await clocks.all_inner_texts() == ["overdue by 6 days", "due soon: 4 days left", "14 days left"]


async def test_dutch(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "wim", viewport=PHONE) as wim:
        await wim.open("both")
        assert await wim.complaints() == []
        await expect(wim.page.get_by_role("button", name="Luisteren")).to_be_visible()
        await wim.page.locator("#listen-reason").fill("steekproef")
        await wim.page.get_by_role("button", name="Luisteren").click()
        await expect(wim.page.get_by_role("button", name="Afspelen")).to_be_visible()
        assert await wim.complaints() == []


async def test_with_nothing_to_show_a_page_says_so(bare: ReviewSite, visit: Visit) -> None:
    for name, path, words in (
        ("rita", "/", "Nothing waits for you."),
        ("ines", "/cases", "No open case."),
        ("otto", "/requests", "Nobody has asked for anything"),
        ("otto", "/holds", "No legal hold is in force"),
        ("otto", "/overdue", "Nothing is overdue."),
    ):
        async with visit(bare, name) as visitor:
            await visitor.page.goto(bare.url + path)
            await expect(visitor.page.locator("main")).to_contain_text(words)
            assert await visitor.complaints() == []
