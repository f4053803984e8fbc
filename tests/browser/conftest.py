"""A real Chromium for all tests here, one process with a fresh profile; each visitor has a context of his own in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect
from visitor import ARGUMENTS, CHROMIUM, ReviewSite, Visit, Visitor, visiting

expect.set_options(timeout=60_000)  # for a busy machine; who passes does not wait
HERE = Path(__file__).parent
collect_ignore = [] if CHROMIUM else [path.name for path in HERE.glob("test_*.py") if path.name != "test_colours.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if collect_ignore:
        terminalreporter.write_line("SKIPPED tests/browser: no chromium on PATH; on Debian: apt install chromium")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewSite]:
    """For tests that change nothing but who listened."""
    with ReviewSite(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[ReviewSite]:
    with ReviewSite(tmp_path) as made:
        yield made


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[ReviewSite]:
    """An office on its first day."""
    with ReviewSite(tmp_path, bare=True) as made:
        yield made


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReviewSite]:
    """Markup in every field that somebody else can fill in."""
    with ReviewSite(tmp_path_factory.mktemp("hostile"), xss=True) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> Visit:
    """visit(site, "rita", **options of a browser context): signed in, and at the end nothing was complained of in the console."""

    def opening(site: ReviewSite, name: str | None = None, **options: object) -> AbstractAsyncContextManager[Visitor]:
        return visiting(browser, site, name, **options)

    return opening
