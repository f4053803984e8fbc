"""Every route for every role; what the pages tell to whom."""

from __future__ import annotations

import re

import pytest
from review_browser import Browser
from review_site import ACCOUNTS, ReviewSite

REC = "/recordings/"
ALLOWED = {  # path: who gets 200; everybody else 403, or 404 where he may not know
    "/": {"rita", "anna", "ines", "otto", "udo", "wim"},
    "/cases": {"ines", "wim"},
    "/cases/1": {"ines", "wim"},
    "/requests": {"otto"},
    "/holds": {"otto"},
    "/overdue": {"otto"},
    "/register": {"otto", "udo"},
    "/audit": {"otto", "udo"},
    "sample": {"rita", "anna", "otto", "wim"},
    "own": {"rita", "otto", "wim"},
    "passed-on": {"rita", "otto", "wim"},
    "complaint": {"ines", "otto", "wim"},
    "both": {"rita", "anna", "ines", "otto", "wim"},
    "proof": {"otto"},
    "gone": {"rita", "anna", "otto", "wim"},
    "writing": {"rita", "otto", "wim"},  # nobody knows yet whose call it is: it may be anna's
}


@pytest.mark.parametrize("name", ACCOUNTS)
async def test_the_matrix(shared: ReviewSite, name: str) -> None:
    async with Browser(shared) as one:
        await one.sign_in(name)
        for what, who in ALLOWED.items():
            path = what if what.startswith("/") else REC + shared.ids[what]
            answer = await one.get(path)
            refused = 403 if what.startswith("/") else 404
            assert answer.status == (200 if name in who else refused), path
            if not what.startswith("/"):
                timeline = await one.get(f"{path}/timeline.json")
                assert timeline.status == (200 if name in who else 404)


@pytest.mark.parametrize("path", [*(p for p in ALLOWED if p.startswith("/")), REC + "0123456789abcdef"])
async def test_a_stranger_gets_the_form(shared: ReviewSite, path: str) -> None:
    async with Browser(shared) as one:
        answer = await one.get(path)
        assert answer.path == "/sign-in" and answer.status == 200 and "password" in answer.text


@pytest.mark.parametrize(
    ("name", "home"), [("rita", "/"), ("ines", "/cases"), ("otto", "/requests"), ("udo", "/register"), ("wim", "/"), ("nobody", "/")]
)
async def test_each_roles_home(shared: ReviewSite, name: str, home: str) -> None:
    async with Browser(shared) as one:
        answer = await one.sign_in(name)
        assert answer.path == home and answer.status == (403 if name == "nobody" else 200)


def listed(text: str, site: ReviewSite) -> set[str]:
    known = {recording: name for name, recording in site.ids.items()}
    return {known[one] for one in re.findall(r'href="/recordings/([0-9a-f]+)', text)}


async def test_the_queue_is_what_awaits_review_and_nobodys_own(shared: ReviewSite) -> None:
    waiting = {"sample", "earlier", "quality", "noise", "own", "passed-on", "both", "held", "restricted", "lesson", "foreign"}
    async with Browser(shared) as rita, Browser(shared) as anna:
        await rita.sign_in("rita")
        await anna.sign_in("anna")
        assert listed((await rita.get("/")).text, shared) == waiting
        assert listed((await anna.get("/")).text, shared) == waiting - {"own", "passed-on"}
        text = (await rita.get("/")).text
        week, earlier = text.index("This week"), text.index("Earlier, still waiting")
        assert week < text.index(shared.ids["sample"]) < earlier < text.index(shared.ids["earlier"])


async def test_the_cases_page_shows_cases_and_what_has_none(shared: ReviewSite) -> None:
    async with Browser(shared) as ines:
        await ines.sign_in("ines")
        text = (await ines.get("/cases")).text
        assert "2026-17" in text and listed(text, shared) == {"complaint-waiting", "both", "held"}
        assert listed((await ines.get("/cases/1")).text, shared) == {"complaint"}
        assert (await ines.get("/cases/2")).status == 404


async def test_a_recording_tells_each_role_what_is_its_own(shared: ReviewSite) -> None:
    where = REC + shared.ids["both"]
    async with Browser(shared) as rita, Browser(shared) as ines, Browser(shared) as otto:
        for browser, name in ((rita, "rita"), (ines, "ines"), (otto, "otto")):
            await browser.sign_in(name)
        training, complaint = "training our staff", "handling your complaint"
        texts = {"rita": (await rita.get(where)).text, "ines": (await ines.get(where)).text, "otto": (await otto.get(where)).text}
        assert training in texts["rita"] and complaint not in texts["rita"]
        assert complaint in texts["ines"] and training not in texts["ines"]
        assert complaint in texts["otto"] and training in texts["otto"]
        assert "a purpose of another role" in texts["rita"]
        reviewed = REC + shared.ids["reviewed"]
        assert (await rita.get(reviewed)).status == 404, "its purpose has ended"
        assert "good opening" in (await otto.get(reviewed)).text
        held = REC + shared.ids["held"]
        assert "good opening" not in (await ines.get(held)).text


async def test_why_it_is_kept_is_what_the_purger_says(shared: ReviewSite) -> None:
    async with Browser(shared) as rita, Browser(shared) as wim, Browser(shared) as otto:
        await rita.sign_in("rita")
        await wim.sign_in("wim")
        await otto.sign_in("otto")
        text = (await rita.get(REC + shared.ids["sample"])).text
        assert "at the latest on <time>2026-12-22</time>" in text  # 35 days after the 17th
        assert "uiterlijk op 22 december 2026" in (dutch := (await wim.get(REC + shared.ids["sample"])).text) or "2026-12-22" in dutch
        held = (await rita.get(REC + shared.ids["held"])).text
        assert "piet, wim" in held and "counsel" not in held  # who may listen is told to all, why to few
        assert "due" in (await otto.get(REC + shared.ids["overdue"])).text.lower()
        assert "calm" in (await rita.get(REC + shared.ids["lesson"])).text


async def test_the_officers_pages(shared: ReviewSite) -> None:
    async with Browser(shared) as otto:
        await otto.sign_in("otto")
        requests = (await otto.get("/requests")).text
        assert "14 days left" in requests and "overdue by 6 days" in requests and "due soon: 4 days left" in requests
        assert "passport" not in requests and "hash" not in requests  # who asked is nobody's business here
        holds = (await otto.get("/holds")).text
        assert "asked by counsel" in holds and "piet" in holds
        overdue = (await otto.get("/overdue")).text
        assert listed(overdue, shared) == {"overdue", "gone"} and "2 deleted, 1 failed" in overdue
        for kind in ("record", "statement", "council", "dpia", "table", "announcement"):
            answer = await otto.get(f"/register?document={kind}")
            assert answer.status == 200 and "proof of your order" in answer.text
        assert (await otto.get("/register?document=x")).status == 404
        assert "sound" in (await otto.get("/audit")).text


async def test_dutch_by_account_or_browser(shared: ReviewSite) -> None:
    async with Browser(shared) as wim, Browser(shared) as rita, Browser(shared) as stranger:
        assert "Aangemeld als wim" in (await wim.sign_in("wim")).text
        assert '<html lang="nl"' in (await wim.get("/cases")).text
        await rita.sign_in("rita")
        assert '<html lang="en"' in (await rita.get("/", Accept_Language="nl")).text  # his account says so
        for header, language in (("nl-NL,nl;q=0.9,en;q=0.8", "nl"), ("de, en;q=0.5", "en"), ("fr", "en"), ("", "en"), ("x" * 5000, "en")):
            assert f'<html lang="{language}"' in (await stranger.get("/sign-in", Accept_Language=header)).text
