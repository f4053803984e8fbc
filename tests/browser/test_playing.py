"""Playing a recording: what is heard and what the page says of where that is in the call."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect
from review_site import AUDIO_MS, ReviewSite, sound
from visitor import BROWSER, Visit, Visitor

pytestmark = BROWSER
AUDIO = "document.querySelector('audio')"
GAPS = {"hold": 5.0, "pause": 9.0}  # where in the file, see SPANS of review_site.py


async def key(visitor: Visitor, *keys: str) -> None:
    await visitor.page.get_by_role("slider").focus()
    for one in keys:
        await visitor.page.keyboard.press(one)


async def test_it_plays_and_nothing_plays_by_itself(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        await rita.until(f"{AUDIO}.readyState >= 1")
        assert await rita.page.evaluate(f"{AUDIO}.paused")
        assert await rita.page.evaluate(f"{AUDIO}.duration") == pytest.approx(AUDIO_MS / 1000, abs=0.05)
        assert await rita.position() == "0:04"  # the announcement before it is not in the file
        await rita.page.get_by_role("button", name="Play").click()
        await rita.until(f"{AUDIO}.currentTime > 1.2 && !{AUDIO}.paused")
        await rita.page.get_by_role("button", name="Pause").click()
        assert await rita.page.evaluate(f"{AUDIO}.paused")
        position = await rita.position()
        assert position == f"0:{int(4 + await rita.heard()):02}"
        assert await rita.page.get_by_role("slider").get_attribute("aria-valuetext") == f"{position} of 0:26 of the call"
        assert all("as=wav" not in url for url in rita.audio)


async def test_the_keys(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        slider = rita.page.get_by_role("slider")
        for keys, position, said in (
            (["ArrowRight"], "0:14", "0:14 of 0:26 of the call"),  # five seconds of what is heard: over the hold
            (["ArrowRight"], "0:21", "0:21"),
            (["ArrowLeft"], "0:14", "0:14"),
            (["Shift+ArrowRight"], "0:23", "0:23"),
            (["Shift+ArrowLeft"], "0:04", "0:04"),
            (["End"], "0:23", "0:23"),
            (["Home"], "0:04", "0:04"),
            (["g"], "0:14", "on hold 0:05: not in the recording. 0:14"),
            (["g"], "0:20", "paused 0:02: not in the recording. 0:20"),
            (["g"], "0:20", "No more gaps that way."),
            (["G"], "0:14", "on hold 0:05"),
        ):
            await key(rita, *keys)
            assert await rita.position() == position, keys
            await expect(rita.page.locator(".said")).to_contain_text(said)
            assert await slider.get_attribute("aria-valuetext") == f"{position} of 0:26 of the call"
        await key(rita, " ")
        await rita.until(f"!{AUDIO}.paused")
        await key(rita, " ")
        await rita.until(f"{AUDIO}.paused")


async def test_speed(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        await key(rita, ">", ">")
        assert await rita.page.evaluate(f"{AUDIO}.playbackRate") == 1.5
        await expect(rita.page.get_by_label("Speed")).to_have_value("1.5")
        await key(rita, *"<<<<<<")
        assert await rita.page.evaluate(f"{AUDIO}.playbackRate") == 0.75
        await rita.page.get_by_label("Speed").select_option("2")
        await rita.page.get_by_role("button", name="Play").click()
        await rita.until(f"{AUDIO}.currentTime > 0.3")
        before, wall = await rita.page.evaluate(f"[{AUDIO}.currentTime, performance.now()]")
        await rita.until(f"{AUDIO}.currentTime > 2.5")
        after, later = await rita.page.evaluate(f"[{AUDIO}.currentTime, performance.now()]")
        assert (after - before) * 1000 / (later - wall) == pytest.approx(2, abs=0.3)


async def test_typing_elsewhere_never_moves_the_call(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        await rita.page.get_by_label("Outcome", exact=True).press_sequentially("going on > 5")
        await rita.page.get_by_label("Speed").press("ArrowDown")  # the choice moves, not the call
        assert await rita.position() == "0:04"
        assert await rita.page.evaluate(f"{AUDIO}.paused && {AUDIO}.currentTime === 0")


async def test_a_click_in_the_picture(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        await rita.until(f"{AUDIO}.readyState >= 1")
        await expect(rita.page.locator("svg.call path.wave")).to_have_count(6)
        second = await rita.box("svg.call rect.talk", 1)
        await rita.page.mouse.click(second["x"] + second["width"] / 2, second["y"] + 20)  # 14 to 18 s of the call, 5 to 9 s of the file
        assert await rita.heard() == pytest.approx(7, abs=0.1)
        assert await rita.position() in ("0:15", "0:16")
        hold = await rita.box("svg.call rect.gap.hold")
        await rita.page.mouse.click(hold["x"] + hold["width"] / 2, hold["y"] + 20)
        await expect(rita.page.locator(".said")).to_have_text("on hold 0:05: not in the recording. 0:14 of 0:26 of the call")
        assert await rita.heard() == pytest.approx(5, abs=0.05)
        head = await rita.box(".playhead")
        assert head["x"] + head["width"] / 2 == pytest.approx(second["x"], abs=1)


async def test_a_gap_stops_the_playing_for_a_moment(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        await rita.page.evaluate("window.halts = []")
        await rita.page.evaluate(f"{AUDIO}.addEventListener('pause', () => halts.push({AUDIO}.currentTime))")
        await key(rita, "ArrowRight", "ArrowLeft")  # 0 s
        await rita.page.get_by_label("Speed").select_option("2")
        await key(rita, " ")
        await rita.until("document.querySelector('.halted')")
        await expect(rita.page.locator(".said")).to_have_text("on hold 0:05: not in the recording. 0:14 of 0:26 of the call")
        await rita.until(f"{AUDIO}.currentTime > 9.2")  # it went on, and came to the pause
        halts = await rita.page.evaluate("halts")
        assert halts[:2] == pytest.approx(list(GAPS.values()), abs=0.9)  # on a busy machine a screen frame comes late


async def test_gaps_can_be_skipped_and_are_drawn_narrow(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        wide = await rita.box("svg.call rect.gap.hold")
        await rita.page.get_by_label("skip, drawn narrow").check()
        narrow = await rita.box("svg.call rect.gap.hold")
        assert 10 <= narrow["width"] < wide["width"] / 2
        await rita.page.evaluate("window.halts = 0")
        await rita.page.evaluate(f"{AUDIO}.addEventListener('pause', () => halts++)")
        await rita.page.get_by_label("Speed").select_option("2")
        await rita.page.get_by_role("button", name="Play").click()
        await rita.until(f"{AUDIO}.currentTime > 5.5")
        assert await rita.page.evaluate("halts") == 0
        assert "0:14" <= await rita.position() <= "0:17"


async def test_every_kind_of_gap_has_a_pattern_of_its_own(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        legend = rita.page.locator(".with .legend li")
        assert await legend.all_inner_texts() == ["conversation", "announcement", "waiting", "on hold", "paused", "off the record"]
        drawn = await rita.page.locator("svg.call rect[fill^=url]").evaluate_all("all => all.map((one) => one.getAttribute('fill'))")
        assert drawn == ["url(#p-notice)", "url(#p-hold)", "url(#p-pause)", "url(#p-off-record)", "url(#p-wait)"]
        paths = await rita.page.locator("pattern path").evaluate_all("all => all.map((one) => one.getAttribute('d'))")
        assert len(set(paths)) == len(paths) == 10
        for leg in ("customer", "agent"):
            await expect(rita.page.locator(f"svg.call path.wave.{leg}")).to_have_count(3)


async def test_the_customer_is_above_and_the_agents_below(fresh: ReviewSite, visit: Visit) -> None:
    samples = sound()
    samples[:, 1] = 0  # only the customer spoke
    fresh.record("one voice", ["training"], samples=samples)
    async with visit(fresh, "rita") as rita:
        await rita.listen("one voice")
        await expect(rita.page.locator("svg.call path.wave")).to_have_count(6)
        boxes = [await rita.box(f"svg.call path.wave.{leg}") for leg in ("customer", "agent")]
        names = [await rita.box("svg.call text.leg", number) for number in (0, 1)]
        assert await rita.page.locator("svg.call text.leg").all_text_contents() == ["Customer", "Agents"]
        for box, name in zip(boxes, names, strict=True):
            assert abs(box["y"] + box["height"] / 2 - name["y"] - name["height"] / 2) < 5
        assert boxes[0]["height"] > 30 and boxes[1]["height"] < 3
        assert boxes[0]["y"] + boxes[0]["height"] < boxes[1]["y"]


async def test_a_browser_without_flac_gets_wav(office: ReviewSite, visit: Visit) -> None:
    no_flac = "const can = HTMLMediaElement.prototype.canPlayType;"
    no_flac += "HTMLMediaElement.prototype.canPlayType = function (kind) { return /flac/.test(kind) ? '' : can.call(this, kind); };"
    async with visit(office, "rita", script=no_flac) as rita:
        await rita.listen()
        await rita.page.get_by_role("button", name="Play").click()
        await rita.until(f"{AUDIO}.currentTime > 0.3")
        assert await rita.page.evaluate(f"{AUDIO}.duration") == pytest.approx(AUDIO_MS / 1000, abs=0.01)
        assert rita.audio and all("as=wav" in url for url in rita.audio)


async def test_a_recording_that_is_deleted_while_it_is_heard(fresh: ReviewSite, visit: Visit) -> None:
    fresh.record("long", ["training"], samples=sound(300_000, noise=True))  # more than a browser fetches ahead
    async with visit(fresh, "rita") as rita:
        await rita.listen("long")
        await rita.until(f"{AUDIO}.readyState >= 1")
        fresh.registry.mark_purging(fresh.ids["long"], fresh.site.now(), "due")
        await rita.page.evaluate(f"{AUDIO}.currentTime = 280")
        await expect(rita.page.get_by_role("alert")).to_contain_text("cannot be fetched any more")
        await rita.page.get_by_role("link", name="Look again").click()
        await expect(rita.page.locator("#listen")).to_contain_text("This recording was deleted.")
        assert set(rita.statuses) <= {403, 410}


async def test_nothing_stays_in_the_browser(office: ReviewSite, visit: Visit) -> None:
    async with visit(office, "rita") as rita:
        await rita.listen()
        await key(rita, ">", "g", " ")
        await rita.until(f"{AUDIO}.currentTime > 5.1")
        kept = "[localStorage.length, sessionStorage.length, document.cookie, (await indexedDB.databases()).length]"
        assert await rita.page.evaluate(f"async () => {kept}") == [0, 0, "", 0]
        names = [cookie["name"] for cookie in await rita.page.context.cookies()]
        assert len(names) == 1 and re.search("review", names[0])
