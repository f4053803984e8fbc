"""A real Chromium for all tests here, one process with a fresh profile; each visitor has a context of his own in it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "review"))

from review_site import ReviewSite
from visitor import Visitor, visiting

expect.set_options(timeout=15_000)  # for a busy machine; who passes does not wait
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH; on Debian: apt install chromium")
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


Visit = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser) -> Visit:
    """visit(site, "rita", **options of a browser context): signed in, and at the end nothing was complained of in the console."""

    def opening(site: ReviewSite, name: str | None = None, **options: object) -> AbstractAsyncContextManager[Visitor]:
        return visiting(browser, site, name, **options)

    return opening
