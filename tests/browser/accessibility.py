"""What a page owes to everybody (WCAG 2.2 AA as far as a program can tell), measured in the browser: see accessibility.js."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page

# behind the comment at its head
SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8").partition("\n")[2].strip().rstrip(";")


async def complaints(page: Page) -> list[str]:
    found: list[str] = await page.evaluate(SCRIPT)
    return found
