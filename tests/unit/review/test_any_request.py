"""Whatever is sent to the review page, by a stranger or by somebody who signed in: no mistake of ours shows, and no byte of audio goes to
who has not said why he listens."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing, suppress
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from review_browser import Browser
from review_site import PAGES, ReviewSite

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ACTS = ("", "/listen", "/reviewed", "/lesson", "/case", "/objection", "/audio", "/timeline.json", "/../audio", "/audio/")
FIELDS = ("csrf", "purpose", "reason", "outcome", "note", "until", "reference", "name", "password", "next", "token", "page", "q", "week")

odd = st.text(max_size=30) | st.sampled_from(
    ["", "0", "-1", "9" * 30, "2026-11-22", "../../etc/passwd", "<script>", "\x00", "%00", "training"]
)
fields = st.lists(st.tuples(st.sampled_from(FIELDS) | odd, odd), max_size=6)
methods = st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "XYZZY"])
visitors = st.sampled_from(["", "rita", *sorted(set(PAGES.values()))])


@pytest.fixture(scope="module")
def cookies(shared: ReviewSite) -> dict[str, tuple[str, str]]:
    """Of each account: its session's cookie, and the token of its forms."""

    async def sign_in(name: str) -> tuple[str, str]:
        async with Browser(shared) as one:
            await one.sign_in(name)
            await one.get("/")
            assert one.cookies and one.csrf
            return "; ".join(f"{key}={value}" for key, value in one.cookies.items()), one.csrf

    async def all_of_them() -> dict[str, tuple[str, str]]:
        return {name: await sign_in(name) for name in {"rita", *PAGES.values()}}

    return {"": ("", ""), **asyncio.run(all_of_them())}


def answered(site: ReviewSite, request: bytes) -> bytes:
    """All that comes back until the connection ends, or nothing comes for a while."""
    with closing(socket.create_connection((urlsplit(site.url).hostname, urlsplit(site.url).port or 0), timeout=2)) as one:
        got = b""
        with suppress(OSError):
            one.sendall(request)
            one.shutdown(socket.SHUT_WR)
            while piece := one.recv(65536):
                got += piece
        return got


def nothing_shows(got: bytes) -> None:
    head, _, _ = got.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else 400
    assert status < 500, got[:2000]
    assert b"content-type: audio" not in head.lower()
    assert b"fLaC" not in got and b"Traceback" not in got


@pytest.mark.parametrize("encoding", ["form", "junk"])
def test_any_path_field_and_header(shared: ReviewSite, cookies: dict[str, tuple[str, str]], encoding: str) -> None:
    recordings = [f"/recordings/{one}{act}" for one in (*shared.ids.values(), "0" * 32, "x") for act in ACTS]
    paths = st.sampled_from([*recordings, *PAGES, "/sign-in", "/sign-out", "/healthz", "/static/style.css", "/static/"]) | odd.map(quote)
    headers = st.dictionaries(
        st.sampled_from(
            ["Range", "If-None-Match", "Content-Type", "Accept-Language", "X-Forwarded-For", "Origin", "Referer", "Transfer-Encoding"]
        ),
        odd.map(lambda text: quote(text, safe=" =-;,/"))
        | st.sampled_from(["bytes=0-", "bytes=9-1", "chunked", "multipart/form-data", "de;q=x"]),
        max_size=3,
    )

    @QUICK
    @given(methods, paths, fields, fields, headers, visitors, st.booleans(), st.binary(max_size=200))
    def any_request(
        method: str,
        path: str,
        query: list[tuple[str, str]],
        form: list[tuple[str, str]],
        more: dict[str, str],
        visitor: str,
        knows_token: bool,
        junk: bytes,
    ) -> None:
        cookie, csrf = cookies[visitor]
        # with the token of his forms, but not with what a form asks for: a purpose and a reason
        filled = [(name, value) for name, value in form if name not in ("csrf", "reason")] + ([("csrf", csrf)] if knows_token else [])
        body = urlencode(filled, errors="replace").encode() if encoding == "form" else junk
        told = {"Host": urlsplit(shared.url).netloc, "Cookie": cookie, "Content-Length": str(len(body)), "Connection": "close"}
        if encoding == "form":
            told["Content-Type"] = "application/x-www-form-urlencoded"
        lines = "".join(f"{name}: {value}\r\n" for name, value in {**told, **more}.items())
        where = path + ("?" + urlencode(query, errors="replace") if query else "")
        nothing_shows(answered(shared, f"{method} {where} HTTP/1.1\r\n{lines}\r\n".encode("utf-8", "replace") + body))

    any_request()


@QUICK
@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from([b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", b"0\r\n", b"A: " + b"b" * 300, b"\xff", b" "])).map(
        b"".join
    )
)
def test_any_bytes(shared: ReviewSite, request_bytes: bytes) -> None:
    nothing_shows(answered(shared, request_bytes))


async def test_after_all_that_it_answers_as_before(shared: ReviewSite) -> None:
    async with Browser(shared) as rita:
        await rita.sign_in("rita")
        assert (await rita.get("/")).status == 200
