"""Somebody at the review page: cookies, forms with their token, and what came back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import aiohttp
from multidict import CIMultiDict
from review_site import PASSWORD, ReviewSite
from yarl import URL

CSRF = re.compile(r'name="csrf" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str  # after redirects

    @property
    def text(self) -> str:
        return self.body.decode()


class Browser:
    """`follow`: redirects, as browsers do."""

    def __init__(self, site: ReviewSite, *, headers: Mapping[str, str] | None = None, local_address: str = "127.0.0.1") -> None:
        self._site = site
        self._client = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            headers=headers,
            connector=aiohttp.TCPConnector(local_addr=(local_address, 0)),
        )
        self.csrf = ""

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        await self._client.close()

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self._client.cookie_jar}

    def plant(self, name: str, value: str) -> None:
        self._client.cookie_jar.update_cookies({name: value}, URL(self._site.url))

    async def get(self, path: str, *, follow: bool = True, **headers: str) -> Answer:
        return await self.send("GET", path, follow=follow, headers=headers)

    async def post(self, path: str, *, follow: bool = True, csrf: str | None = None, **fields: str) -> Answer:
        data = {"csrf": self.csrf if csrf is None else csrf, **fields}
        return await self.send("POST", path, follow=follow, data=data)

    async def send(
        self,
        method: str,
        path: str,
        *,
        follow: bool = True,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
    ) -> Answer:
        sent = CIMultiDict((name.replace("_", "-"), value) for name, value in (headers or {}).items())
        url = self._site.url + path
        async with self._client.request(method, url, headers=sent, data=data, allow_redirects=follow) as response:
            body = await response.read()
            answer = Answer(response.status, response.headers.copy(), body, response.url.path)
        if answer.headers.get("Content-Type", "").startswith("text/html") and (found := CSRF.search(answer.text)):
            self.csrf = found[1]
        return answer

    async def sign_in(self, name: str, password: str = PASSWORD, *, follow: bool = True) -> Answer:
        await self.get("/sign-in")
        return await self.post("/sign-in", name=name, password=password, follow=follow)

    async def listen(self, recording: str, purpose: str = "training", reason: str = "weekly review") -> str:
        """Where the audio is, with its token; "" when there was none."""
        where = f"/recordings/{self._site.ids.get(recording, recording)}"
        await self.get(where)
        answer = await self.post(f"{where}/listen", purpose=purpose, reason=reason)
        found = re.search(r'src="(/recordings/[0-9a-f]+/audio\?token=[^"&]+)"', answer.text)
        return found[1] if found else ""
