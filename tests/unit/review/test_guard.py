"""What stands before and behind every route: tokens, headers, hosts, methods, sizes, paths."""

from __future__ import annotations

import asyncio
import re

import pytest
from review_browser import Answer, Browser
from review_site import PAGES, ReviewSite

from asterisk_privacy.access.accounts import Account
from asterisk_privacy.review.app import LONGEST_BODY
from asterisk_privacy.review.passwords import hashed, password_fits
from asterisk_privacy.review.serve import only_the_place

ACTS = ("listen", "reviewed", "lesson", "case", "objection")
PLAIN = ("not found", "internal server error", "traceback")


def looks_like_ours(answer: Answer) -> bool:
    return "<main" in answer.text and not any(word in answer.text.lower() for word in PLAIN)


def check_headers(answer: Answer) -> None:
    policy = answer.headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["frame-ancestors"] == "'none'" and rules["base-uri"] == "'none'"
    assert {rules[f"{kind}-src"] for kind in ("script", "style", "img", "media", "connect")} == {"'self'"}
    assert rules["form-action"] == "'self'" and "unsafe" not in policy and "http" not in policy
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Opener-Policy"] == answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Server" not in answer.headers and "Set-Cookie2" not in answer.headers


async def test_the_headers_are_on_every_answer(shared: ReviewSite) -> None:
    where = f"/recordings/{shared.ids['sample']}"
    async with Browser(shared) as stranger:
        for path in ("/sign-in", "/healthz", "/", "/nowhere", "/static/style.css", "/static/../app.py", f"{where}/audio", "/static/"):
            check_headers(await stranger.get(path, follow=False))
        check_headers(await stranger.post("/sign-in", csrf="wrong", name="rita"))
        check_headers(await stranger.send("DELETE", "/"))
    for path, name in PAGES.items():
        async with Browser(shared) as one:
            await one.sign_in(name)
            check_headers(await one.get(path))
            check_headers(await one.get("/nowhere"))
    async with Browser(shared) as rita:
        await rita.sign_in("rita")
        for path in (where, f"{where}/timeline.json", f"{where}/audio?token=x", "/recordings/0000000000000000", "/audit"):
            check_headers(await rita.get(path))
        check_headers(await rita.post(f"{where}/listen", follow=False, purpose="proof", reason="x"))
        check_headers(await rita.get(await rita.listen("sample"), Range="bytes=0-9"))
        check_headers(await rita.get(await rita.listen("sample"), Range="bytes=99999999-"))


@pytest.mark.parametrize("token", ["", "wrong", "stale"])
@pytest.mark.parametrize("act", [*ACTS, "sign-out"])
async def test_no_form_without_its_token(shared: ReviewSite, act: str, token: str) -> None:
    path = "/sign-out" if act == "sign-out" else f"/recordings/{shared.ids['both']}/{act}"
    fields = {"purpose": "training", "reason": "x", "outcome": "x", "until": "2026-12-01", "reference": "R", "kind": "complaint"}
    async with Browser(shared) as other, Browser(shared) as one:
        await other.sign_in("wim")
        await one.sign_in("wim")
        before = shared.registry.audit_entries(1)[0].seq
        answer = await one.post(path, csrf=other.csrf if token == "stale" else token, **fields)
        assert answer.status == 403 and looks_like_ours(answer) and "formulier" in answer.text  # wim reads Dutch
        assert (await one.send("POST", path, data=fields)).status == 403
        assert shared.registry.audit_entries(1)[0].seq == before and (await one.get("/")).path == "/"


async def test_no_sign_in_without_its_token(shared: ReviewSite) -> None:
    async with Browser(shared) as one, Browser(shared) as other:
        await other.get("/sign-in")
        answer = await one.post("/sign-in", csrf=other.csrf, name="rita", password="x")
        assert answer.status == 403 and looks_like_ours(answer)
        await one.get("/sign-in")
        assert (await one.post("/sign-in", csrf=other.csrf, name="rita", password="x")).status == 403


@pytest.mark.parametrize("site_header", ["cross-site", "same-site", "nonsense"])
async def test_no_form_from_another_site(shared: ReviewSite, site_header: str) -> None:
    async with Browser(shared) as one:
        await one.sign_in("rita")
        token = {"csrf": one.csrf}
        assert (await one.send("POST", "/sign-out", data=token, headers={"Sec-Fetch-Site": site_header})).status == 403
        assert (await one.send("POST", "/sign-out", data=token, headers={"Sec-Fetch-Site": "same-origin"})).path == "/sign-in"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8480", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]:80", ""])
async def test_a_foreign_name_for_this_machine_is_turned_away(shared: ReviewSite, host: str) -> None:
    """DNS rebinding."""
    async with Browser(shared) as one:
        answer = await one.get("/sign-in", Host=host)
        assert answer.status == 421 and looks_like_ours(answer) and "csrf" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1:1", "[::1]:8480", "LOCALHOST"])
async def test_through_a_tunnel_it_has_another_port(shared: ReviewSite, host: str) -> None:
    async with Browser(shared) as one:
        assert (await one.get("/sign-in", Host=host)).status == 200


async def test_too_long_and_odd_bodies(shared: ReviewSite) -> None:
    async with Browser(shared) as one:
        await one.sign_in("rita")
        where = f"/recordings/{shared.ids['sample']}/reviewed"
        answer = await one.post(where, outcome="x" * (LONGEST_BODY + 1))
        assert answer.status == 413 and looks_like_ours(answer)
        for body in (b"\xff\xfe", b"csrf", b"csrf=%ZZ&csrf=%00", b"&" * 5000):
            answer = await one.send("POST", where, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
            assert answer.status in (400, 403, 413) and looks_like_ours(answer)
        urlencoded = "application/x-www-form-urlencoded; charset=klingon"
        for kind in ("multipart/form-data; boundary=x", "text/plain", "application/json", urlencoded):
            assert (await one.send("POST", where, data=b"--x\r\n", headers={"Content-Type": kind})).status == 400


TRICKS = (
    "/recordings/../../../etc/passwd",
    "/recordings/..%2f..%2f..%2fetc%2fpasswd/audio",
    "/recordings/%2e%2e/audio",
    "/recordings/{id}%00/audio",
    "/recordings/{id}/../{id}/audio",
    "/recordings/{ID}/audio",
    "/recordings/{id}.flac.age/audio",
    "/recordings/{id}%2faudio",
    "/recordings/0031612345678/audio",
    "/recordings/" + "a" * 65,
    "/recordings//audio",
    "/recordings/%E2%80%AE/audio",
    "/static/..%2f..%2fapp.py",
    "/static/../../app.py",
    "/static/%2e%2e/%2e%2e/app.py",
    "/static//etc/passwd",
    "/cases/1e3",
    "/cases/-1",
    "/cases/99999999999999999999",
    "/register?document=../../etc/passwd",
)


@pytest.mark.parametrize("trick", TRICKS)
async def test_paths_that_lead_nowhere(shared: ReviewSite, trick: str) -> None:
    one_id = shared.ids["sample"]
    path = trick.format(id=one_id, ID=one_id.upper()) + ("&token=x" if "?" in trick else "?token=x")
    _, _, rest = shared.url.partition("//")
    host, _, port = rest.partition(":")
    async with Browser(shared) as browser:
        await browser.sign_in("otto" if "register" in trick else "wim")
        cookie = f"asterisk-privacy-review={browser.cookies['asterisk-privacy-review']}"
        reader, writer = await asyncio.open_connection(host, int(port))  # a client library would tidy the path up
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
    status = int(answer.split()[1])
    body = answer.decode("utf-8", "replace")
    assert status in (403, 404) or (status == 400 and "null" in body.lower()), body[:200]
    assert "root:" not in body and "import annotations" not in body and "Traceback" not in body


WAYS_ROUND = ("/static/../", "/static/%2e%2e/", "/static/..%2f", "/static//../", "/sign-in/../", "/healthz/..%2f", "//", "/./")


@pytest.mark.parametrize("prefix", WAYS_ROUND)
async def test_no_way_past_the_sign_in(shared: ReviewSite, prefix: str) -> None:
    _, _, port = shared.url.rpartition(":")
    for where in (f"recordings/{shared.ids['sample']}", f"recordings/{shared.ids['sample']}/timeline.json", "audit", "requests", ""):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(f"GET {prefix}{where} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.split()[1] in (b"303", b"401", b"403", b"404"), head
        assert b"spans" not in body and b"training our staff" not in body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
async def test_other_methods(shared: ReviewSite, method: str) -> None:
    if method == "CONNECT":
        return
    async with Browser(shared) as one:
        await one.sign_in("rita")
        assert (await one.send(method, "/")).status == 405
        assert (await one.send(method, f"/recordings/{shared.ids['sample']}/audio")).status == 405


async def test_healthz_tells_nothing(site: ReviewSite) -> None:
    async with Browser(site) as one:
        answer = await one.get("/healthz")
        assert (answer.status, answer.text) == (200, "ok\n")
        (site.folder / "accounts.json").unlink()
        assert (await one.get("/healthz")).status == 503


def test_a_guess_costs_as_much_for_a_name_that_nobody_has() -> None:
    from time import perf_counter

    account = Account("anna", frozenset(), hashed("correct horse battery"))

    def quickest(of: Account | None) -> float:
        times = []
        for _ in range(3):
            begun = perf_counter()
            assert not password_fits(of, "wrong")
            times.append(perf_counter() - begun)
        return min(times)

    known, unknown = quickest(account), quickest(None)
    assert 0.5 < unknown / known < 2
    assert password_fits(account, "correct horse battery") and not password_fits(account, "correct horse battery ")
    assert re.match(r"\$argon2id\$v=19\$m=65536,t=3,p=4\$", account.password or "")


async def test_a_mistake_of_ours_tells_nothing_and_has_the_headers(site: ReviewSite, caplog: pytest.LogCaptureFixture) -> None:
    site.site.roles = None  # type: ignore[assignment]
    with caplog.filtering(only_the_place):
        async with Browser(site) as one:
            answer = await one.sign_in("rita")
    assert answer.status == 500 and "NoneType" not in answer.text and "Traceback" not in answer.text
    check_headers(answer)
    [told] = [record.getMessage() for record in caplog.records if record.name == "aiohttp.server"]
    assert re.fullmatch(r"AttributeError at site\.py:\d+ in \S+", told)
    assert "Traceback" not in caplog.text
