"""`make screenshots`: docs/pictures/review-*.png, taken from the review page of an invented office."""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from playwright.async_api import Browser, async_playwright
from visitor import ARGUMENTS, CHROMIUM, DESKTOP, PHONE, ReviewSite, Visitor, visiting

from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind, passages

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
COLOURS = 256  # the most frequent ones, exactly: half of the bytes, and nobody sees it
RATE = 8000


def spans_of(*lengths: tuple[SpanKind, int]) -> tuple[Span, ...]:
    """(kind, seconds) one after the other."""
    found: list[Span] = []
    for kind, seconds in lengths:
        begin = found[-1].end_ms if found else 0
        found.append(Span(kind, begin, begin + seconds * 1000))
    return tuple(found)


CALL = spans_of(
    (SpanKind.NOTICE, 16),
    (SpanKind.WAIT, 9),
    (SpanKind.TALK, 38),
    (SpanKind.HOLD, 41),
    (SpanKind.TALK, 47),
    (SpanKind.PAUSE, 23),
    (SpanKind.TALK, 36),
    (SpanKind.OFF_RECORD, 12),
    (SpanKind.TALK, 28),
)
MARKS = (Mark(MarkKind.PAUSE, 151_000), Mark(MarkKind.RESUME, 174_000), Mark(MarkKind.OFF_RECORD, 210_000), Mark(MarkKind.RESUME, 222_000))


def talk(seconds: int, seed: int) -> npt.NDArray[np.int16]:
    """Two who take turns: syllables of a hum, loud as speech is."""
    luck = np.random.default_rng(seed)
    legs = np.zeros((seconds * RATE, 2))
    at, speaker = 0, 0
    while at < len(legs):
        length = int(luck.uniform(1.2, 6.5) * RATE)
        part = np.arange(min(length, len(legs) - at)) / RATE
        syllables = np.abs(np.sin(2 * np.pi * luck.uniform(1.6, 2.6) * part)) ** 0.7 * np.interp(
            part, np.linspace(0, length / RATE, 24), luck.uniform(0.05, 1, 24)
        )
        legs[at : at + len(part), speaker] = syllables * np.sin(2 * np.pi * (150 + 90 * speaker) * part) * luck.uniform(6000, 15000)
        at += int(length * luck.uniform(0.85, 1.15))
        speaker = 1 - speaker
    sound: npt.NDArray[np.int16] = (legs + luck.normal(0, 25, legs.shape)).astype(np.int16)
    return sound


def fill(site: ReviewSite) -> None:
    queue = [
        ("monday", ["training"], 2.15, "PJSIP/2004", "sales", 211),
        ("tuesday-1", ["training"], 1.31, "PJSIP/2011", "sales", 94),
        ("tuesday-2", ["quality"], 1.12, "PJSIP/2007", "quality", 402),
        ("wednesday", ["training"], 0.09, "PJSIP/2004", "sales", 158),
        ("last-week", ["training"], 6.2, "PJSIP/2009", "sales", 327),
        ("nearly-over", ["training"], 33.4, "PJSIP/2011", "sales", 133),
    ]
    for number, (name, purposes, days, agent, line, seconds) in enumerate(queue):
        spans = spans_of((SpanKind.NOTICE, 16), (SpanKind.TALK, seconds))
        site.record(name, purposes, days, agent, line, talk(seconds, number), spans=spans, marks=())
    seconds = passages(CALL)[-1].audio_to_ms // 1000
    site.record("shown", ["training", "complaint"], 1.87, "PJSIP/2007", "sales", talk(seconds, 42), spans=CALL, marks=MARKS)
    registry = site.registry
    late = registry.open_request("access", "number", "hash", "passport", date(2026, 8, 16), date(2026, 9, 16))
    registry.extend_request(late, date(2026, 11, 16), "a file of another department is waited for")
    registry.open_request("erasure", "number", "hash2", "called back", date(2026, 10, 22), date(2026, 11, 22))
    registry.open_request("access", "agent", "PJSIP/2004", "in person", date(2026, 11, 2), date(2026, 12, 2))
    registry.open_request("objection", "number", "hash3", "called back", date(2026, 11, 16), date(2026, 12, 16))
    for received, outcome in ((date(2026, 10, 1), "copy sent"), (date(2026, 9, 28), "erased; one recording kept for an order, told why")):
        done = registry.open_request("access" if outcome == "copy sent" else "erasure", "number", "hash4", "passport", received, received)
        registry.close_request(done, outcome)


def indexed(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    """Pillow's own palettes move the light grounds of a page, which is most of it."""
    found, which, often = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = found[np.argsort(-often)[:COLOURS]]
    nearest = np.abs(found[:, None].astype(int) - palette[None].astype(int)).sum(axis=2).argmin(axis=1)
    made = Image.frombytes("P", pixels.shape[1::-1], nearest[which.ravel()].astype(np.uint8).tobytes())
    made.putpalette(palette.tobytes())
    return made


async def take(visitor: Visitor, name: str, height: int) -> None:
    """The top of the page, as an indexed PNG."""
    width = visitor.page.viewport_size["width"] if visitor.page.viewport_size else 0
    await visitor.page.set_viewport_size({"width": width, "height": height})
    shot = Image.open(io.BytesIO(await visitor.page.screenshot())).convert("RGB")
    indexed(np.asarray(shot)).save(PICTURES / f"review-{name}.png", optimize=True)
    print(f"docs/pictures/review-{name}.png: {(PICTURES / f'review-{name}.png').stat().st_size} bytes")


async def playing(visitor: Visitor) -> None:
    """Stopped in the second stretch of talk, where a little was heard already."""
    await visitor.listen("shown")
    await visitor.page.locator("svg.call path.wave").first.wait_for(state="attached")
    await visitor.page.get_by_role("slider").focus()
    for _ in range(11):
        await visitor.page.keyboard.press("ArrowRight")
    await visitor.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")


async def every_picture(browser: Browser, site: ReviewSite) -> None:
    async with visiting(browser, site, "rita") as rita:
        await rita.home()
        await take(rita, "queue", 690)
        await playing(rita)
        await take(rita, "recording", 900)
    async with visiting(browser, site, "rita", color_scheme="dark") as rita:
        await playing(rita)
        await take(rita, "dark", 900)
    async with visiting(browser, site, "rita", viewport=PHONE) as rita:
        await playing(rita)
        await take(rita, "phone", 844)
    async with visiting(browser, site, "otto", viewport=DESKTOP) as otto:
        await otto.home()
        await take(otto, "requests", 620)


async def main() -> int:
    if CHROMIUM is None:
        print("screenshots: no chromium on PATH; on Debian: apt install chromium", file=sys.stderr)
        return 3
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        site = ReviewSite(Path(folder), bare=True)
        fill(site)
        with site:
            async with async_playwright() as driver:
                browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                await every_picture(browser, site)
                await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
