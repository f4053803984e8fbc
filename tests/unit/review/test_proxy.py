"""Signed in by a reverse proxy: its header counts from its own address only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from multidict import CIMultiDict
from review_browser import Browser
from review_site import ACCOUNTS, ReviewSite

PROXY = "127.0.0.9"
SETTINGS = f"""
behind_proxy = true
proxy_header = "X-Remote-User"
proxy_addresses = ["{PROXY}", "10.0.0.0/8"]
"""
COOKIE = "__Host-asterisk-privacy-review"


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[ReviewSite]:
    with ReviewSite(tmp_path, review=SETTINGS) as site:
        yield site


def key_in(answer_headers: object) -> str:
    assert isinstance(answer_headers, CIMultiDict)
    cookie = answer_headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}=") and "Secure" in cookie and "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert "Path=/" in cookie and "Domain" not in cookie  # else a browser refuses __Host-
    return str(cookie.partition("=")[2].partition(";")[0])


async def test_the_proxy_signs_in(proxied: ReviewSite) -> None:
    async with Browser(proxied, local_address=PROXY) as rita:
        answer = await rita.get("/", X_Remote_User="rita", Host="reviews.example.org")
        assert answer.status == 200 and "To review" in answer.text
        carried = {"X-Remote-User": "rita", "Cookie": f"{COOKIE}={key_in(answer.headers)}"}
        where = f"/recordings/{proxied.ids['sample']}"
        await rita.send("GET", where, headers=carried)
        form = {"csrf": rita.csrf, "purpose": "training", "reason": "weekly"}
        answer = await rita.send("POST", f"{where}/listen", data=form, headers=carried, follow=False)
        assert answer.status == 303
        answer = await rita.send("GET", where, headers=carried)
        assert "audio?token=" in answer.text
        assert (await rita.send("POST", f"{where}/listen", data={**form, "csrf": "x"}, headers=carried)).status == 403


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("127.0.0.1", {"X-Remote-User": "rita"}),
        ("127.0.0.1", {"X-Remote-User": "rita", "X-Forwarded-For": PROXY}),
        (PROXY, {}),
        (PROXY, {"X-Remote-User": ""}),
        (PROXY, {"X-Remote-User": "stranger"}),
        (PROXY, {"X-Remote-User": "rita, otto"}),
        (PROXY, {"X-Remote-Username": "rita"}),
    ],
)
async def test_nobody_else_does(proxied: ReviewSite, address: str, header: dict[str, str]) -> None:
    async with Browser(proxied, local_address=address) as one:
        for path in ("/", f"/recordings/{proxied.ids['sample']}", "/audit", "/sign-in"):
            answer = await one.send("GET", path, headers=header)
            assert answer.status == 403 and "organisation" in answer.text
            assert "Set-Cookie" not in answer.headers


async def test_two_headers_are_none(proxied: ReviewSite) -> None:
    """One that a browser sent and one that the proxy added: which is true nobody knows."""
    async with Browser(proxied, local_address=PROXY) as one:
        from multidict import CIMultiDict

        headers = CIMultiDict([("X-Remote-User", "otto"), ("X-Remote-User", "rita")])
        async with one._client.get(proxied.url + "/", headers=headers) as response:
            assert response.status == 403


async def test_no_password_is_asked(proxied: ReviewSite) -> None:
    async with Browser(proxied, local_address=PROXY) as one:
        assert (await one.post("/sign-in", name="rita", password="correct horse battery")).status == 403


async def test_a_session_is_not_another_persons(proxied: ReviewSite) -> None:
    async with Browser(proxied, local_address=PROXY) as one, Browser(proxied, local_address="127.0.0.1") as thief:
        key = key_in((await one.get("/", X_Remote_User="rita")).headers)
        answer = await one.get("/requests", X_Remote_User="otto", Cookie=f"{COOKIE}={key}")
        assert answer.status == 200 and key_in(answer.headers) != key
        assert (await thief.get("/", X_Remote_User="rita", Cookie=f"{COOKIE}={key}")).status == 403
        assert (await one.get("/", Cookie=f"{COOKIE}={key}")).status == 403
        proxied.change_account("rita", disabled=True)
        assert (await one.get("/", X_Remote_User="rita", Cookie=f"{COOKIE}={key}")).status == 403


async def test_behind_a_proxy_with_passwords(tmp_path: Path) -> None:
    """The lock counts browsers, not the proxy; nobody but the proxy says where a browser is."""
    with ReviewSite(tmp_path, review=f'behind_proxy = true\nproxy_addresses = ["{PROXY}"]\n') as site:

        async def guess(address: str, forwarded: str | list[str], name: str) -> int:
            lines = [forwarded] if isinstance(forwarded, str) else forwarded
            async with Browser(site, local_address=address) as one:
                answer = await one.send("GET", "/sign-in")
                cookie = answer.headers["Set-Cookie"].partition(";")[0]
                assert cookie.startswith(f"{COOKIE}-sign-in=") and "Secure" in answer.headers["Set-Cookie"]
                form = {"csrf": one.csrf, "name": name, "password": "guess"}
                sent = CIMultiDict([("Cookie", cookie), *(("X-Forwarded-For", line) for line in lines)])
                return (await one.send("POST", "/sign-in", data=form, headers=sent)).status

        names = list(ACCOUNTS)[:6]
        assert [await guess(PROXY, "198.51.100.7", name) for name in names] == [401] * 5 + [429]
        assert await guess(PROXY, "192.0.2.1, 198.51.100.7", "wim") == 429  # what the browser itself wrote in front does not count
        assert await guess(PROXY, ["192.0.2.1", "198.51.100.7"], "wim") == 429  # nor in a line of its own, before the proxy's
        assert await guess(PROXY, ["192.0.2.1, 192.0.2.2", "192.0.2.3, 198.51.100.7"], "wim") == 429
        assert await guess(PROXY, ["198.51.100.7", "198.51.100.8"], "wim") == 401
        assert [await guess("127.0.0.1", f"198.51.100.{n}", name) for n, name in enumerate(names)] == [401] * 5 + [429]
