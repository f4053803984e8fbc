"""What somebody typed, or a browser says of itself: it is text, in the audit trail whatever it is made of, and works on no screen."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlencode

import pytest
from review_browser import Browser
from review_site import PAGES, ReviewSite

FORM = "application/x-www-form-urlencoded"
TRICKY = "\x1b[2J\x9b31m\u202e\u2066gone\x00"
"""It clears a terminal, colours it, turns the text round, and holds what PostgreSQL cannot keep."""


def refusals(site: ReviewSite, name: str) -> list[dict[str, str]]:
    found = site.registry.audit_entries(None, subject=site.ids[name])
    return [dict(e.detail) for e in found if e.action == "recording.listen-refused"]


@pytest.mark.parametrize("charset", ["raw_unicode_escape", "unicode-escape", "utf-16", "utf-7", "latin-1", "idna", "cp037", "klingon"])
async def test_a_form_is_utf_8_and_nothing_else(site: ReviewSite, charset: str) -> None:
    """What another one makes of the bytes may be such that no registry can write that he tried."""
    async with Browser(site) as otto:
        await otto.sign_in("otto")
        await otto.get("/requests")
        data = f"csrf={otto.csrf}&purpose=\\ud800&reason=\\ud800".encode()
        where = f"/recordings/{site.ids['sample']}/listen"
        answer = await otto.send("POST", where, data=data, headers={"Content-Type": f"{FORM}; charset={charset}"})
        assert answer.status == 400


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8", f'{FORM}; charset="utf-8"'])
@pytest.mark.parametrize("words", [TRICKY, "\ud800", "a\r\nb", "plain"])
async def test_a_refused_listen_is_in_the_trail_whatever_was_typed(site: ReviewSite, kind: str, words: str) -> None:
    async with Browser(site) as otto:
        await otto.sign_in("otto")
        await otto.get("/requests")
        data = urlencode({"csrf": otto.csrf, "purpose": words, "reason": words}, errors="surrogatepass").encode()
        await otto.send("POST", f"/recordings/{site.ids['sample']}/listen", data=data, headers={"Content-Type": kind})
    (told,) = refusals(site, "sample")
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for value in told.values() for c in value)
    assert words != "plain" or told["reason"] == "plain"


async def test_no_page_has_characters_that_work(site: ReviewSite) -> None:
    registry = site.registry
    registry.place_hold(site.now, f"cli:{TRICKY}", f"reason {TRICKY}", ("otto",), recording_id=site.ids["proof"])
    registry.audit(f"cli:{TRICKY}", "recording.listen", site.ids["sample"], {"purpose": TRICKY, "reason": TRICKY})
    seen = ""
    for path, name in {**PAGES, f"/recordings/{site.ids['sample']}": "rita", f"/recordings/{site.ids['proof']}": "rita"}.items():
        async with Browser(site) as one:
            await one.sign_in(name)
            text = (await one.get(path)).text
            seen += text
            works = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c not in "\r\n\t"}
            assert not works, (path, works)
    assert r"\x1b[2J\x9b31m\u202e\u2066gone" in seen
