"""Markup in every field that a caller, an agent or a colleague can fill in: it is text. And the page keeps its own strict policy."""

from __future__ import annotations

import pytest
from review_site import EVIL, PAGES, ReviewSite
from visitor import BROWSER, Visit, Visitor

pytestmark = BROWSER
FOREIGN = "document.querySelectorAll('script:not([src]), img, iframe, object, embed, base').length"


async def harmless(visitor: Visitor) -> bool:
    """Whether the markup stands there, as text. That no dialog came and no policy was needed is asked at the end of the visit."""
    assert await visitor.page.evaluate(FOREIGN) == 0
    assert await visitor.complaints() == []
    return EVIL in await visitor.page.locator("main").inner_text()


@pytest.mark.parametrize("name", ["rita", "ines", "otto", "udo"])
async def test_markup_is_text_on_every_page(hostile: ReviewSite, visit: Visit, name: str) -> None:
    async with visit(hostile, name) as visitor:
        shown = {}
        for path in [path for path, account in PAGES.items() if account == name]:
            await visitor.page.goto(hostile.url + path)
            shown[path] = await harmless(visitor)
        assert [path for path, seen in shown.items() if not seen and path not in ("/overdue", "/register")] == []


@pytest.mark.parametrize(
    ("name", "recording"),
    [("rita", "sample"), ("rita", "lesson"), ("rita", "held"), ("otto", "both"), ("otto", "gone"), ("ines", "complaint")],
)
async def test_markup_is_text_on_a_recording(hostile: ReviewSite, visit: Visit, name: str, recording: str) -> None:
    async with visit(hostile, name) as visitor:
        await visitor.open(recording)
        assert await harmless(visitor)


async def test_markup_is_text_beside_the_player_and_in_what_is_written_there(hostile: ReviewSite, visit: Visit) -> None:
    async with visit(hostile, "rita") as rita:
        await rita.listen("quality")
        assert await harmless(rita)
        await rita.page.get_by_label("Outcome", exact=True).fill(EVIL)
        await rita.page.get_by_role("button", name="Reviewed").click()
        assert await harmless(rita)


async def test_the_policy_of_the_page_would_stop_a_script(hostile: ReviewSite, visit: Visit) -> None:
    markup = "<img src=x onerror=alert(3)><b style='color:red'>x</b>"
    async with visit(hostile, "rita") as rita:
        await rita.home()
        async with (
            rita.page.expect_console_message(lambda message: "policy: style-src" in message.text),
            rita.page.expect_console_message(lambda message: "policy: script-src" in message.text),
        ):
            await rita.page.evaluate("markup => document.body.insertAdjacentHTML('beforeend', markup)", markup)
        assert [one for one in rita.said if one.startswith("dialog")] == []
        rita.said.clear()
