"""Somebody with a browser at the review page. What it says on the console, in dialogs or about its policy is kept, and must be nothing."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Dialog, Page, Request

from asterisk_privacy.review.guard import proof_of

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "review"))

from review_site import PASSWORD, ReviewSite

BROWSER = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
ARGUMENTS = [
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # a container's is too small for it
    *(["--no-sandbox"] if os.geteuid() == 0 else []),  # root gets no Chromium otherwise
]
DESKTOP = {"width": 1100, "height": 760}
PHONE = {"width": 390, "height": 760}
# behind the comment at its head
ACCESSIBILITY = (Path(__file__).parent / "accessibility.js").read_text(encoding="utf-8").partition("\n")[2].strip().rstrip(";")
VIOLATIONS = (
    'addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));'
)
ANSWER = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
UNTIL = """async ([seconds]) => {
  const end = performance.now() + seconds * 1000;
  while (!(%s)) {
    if (performance.now() > end) throw new Error("it never came: " + %r);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}"""


@dataclass
class Visitor:
    page: Page
    site: ReviewSite
    said: list[str] = field(default_factory=list)  # errors, warnings, dialogs, violations of the policy
    statuses: list[int] = field(default_factory=list)  # of answers that the browser calls failed
    audio: list[str] = field(default_factory=list)  # urls of requests for audio

    async def sign_in(self, name: str, password: str = PASSWORD) -> None:
        await self.page.goto(f"{self.site.url}/sign-in")
        await self.page.get_by_label(re.compile("^(Name|Naam)$")).fill(name)
        await self.page.get_by_label(re.compile("^(Password|Wachtwoord)$")).fill(password)
        await self.page.locator("main button[type=submit]").click()

    async def enter(self, name: str) -> None:
        """Signed in without the form, whose password hash takes its time on purpose; test_signing_in.py goes through it."""
        site = self.site.site
        key, _ = site.sessions.begin(name, proof_of(self.site.accounts[name]))
        await self.page.context.add_cookies(
            [{"name": site.cookie, "value": key, "url": self.site.url, "httpOnly": True, "sameSite": "Strict"}]
        )

    async def home(self) -> None:
        await self.page.goto(self.site.url)

    async def open(self, name: str) -> None:
        """A recording of the site, by its name there."""
        await self.page.goto(f"{self.site.url}/recordings/{self.site.ids[name]}")

    async def listen(self, name: str = "sample") -> None:
        """With purpose and reason said, and the player ready."""
        await self.open(name)
        if await self.page.locator("#listen-reason").count():
            await self.page.get_by_label("Reason", exact=True).first.fill("weekly sample")
            await self.page.get_by_role("button", name="Listen").click()
        await self.page.locator("svg.call .playhead").wait_for(state="attached")

    async def until(self, condition: str, seconds: float = 15) -> None:
        """Playwright's own wait_for_function evaluates text, which the page's policy forbids."""
        await self.page.evaluate(UNTIL % (condition, condition), [seconds])

    async def box(self, selector: str, number: int = 0) -> dict[str, float]:
        """x, y, width and height, in one step: the picture is drawn anew whenever its width changes."""
        measure = "([selector, number]) => document.querySelectorAll(selector)[number].getBoundingClientRect().toJSON()"
        found: dict[str, float] = await self.page.evaluate(measure, [selector, number])
        return found

    async def position(self) -> str:
        """What the page says, as m:ss of the call."""
        return await self.page.locator(".position .at").inner_text()

    async def heard(self) -> float:
        """Seconds of the file."""
        found: float = await self.page.evaluate("document.querySelector('audio').currentTime")
        return found

    async def complaints(self) -> list[str]:
        """Of accessibility.js: what a page owes to everybody."""
        await self.page.wait_for_load_state("load")  # before it, the style sheet may not be there
        found: list[str] = await self.page.evaluate(ACCESSIBILITY)
        return found

    def on_console(self, message: ConsoleMessage) -> None:
        answer = ANSWER.match(message.text)
        if answer:
            self.statuses.append(int(answer[1]))
        elif message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    async def on_dialog(self, dialog: Dialog) -> None:
        self.said.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def on_request(self, request: Request) -> None:
        if "/audio?" in request.url:
            self.audio.append(request.url)
        if not request.url.startswith(self.site.url):
            self.said.append(f"asked elsewhere: {request.url}")


@asynccontextmanager
async def visiting(
    browser: Browser, site: ReviewSite, name: str | None = None, script: str = "", **options: object
) -> AsyncIterator[Visitor]:
    """`script`: runs in each page before its own. `options`: of the browser's context."""
    context = await browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", **options})  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    await context.add_init_script(VIOLATIONS + script)
    visitor = Visitor(await context.new_page(), site)
    visitor.page.on("console", visitor.on_console)
    visitor.page.on("pageerror", lambda error: visitor.said.append(f"error: {error}"))
    visitor.page.on("dialog", visitor.on_dialog)
    visitor.page.on("request", visitor.on_request)
    try:
        if name is not None:
            await visitor.enter(name)
        yield visitor
        assert visitor.said == []
    finally:
        await context.close()


Visit = Callable[..., AbstractAsyncContextManager[Visitor]]
