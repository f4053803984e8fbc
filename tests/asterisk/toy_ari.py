"""Listens to ARI: user events with their time of arrival, and a few requests."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp

from asterisk_privacy.lab.pbx import Pbx


@dataclass(frozen=True)
class Told:
    """A user event: when it arrived (monotonic seconds), its name, its fields, the channel's name ("" if none)."""

    at: float
    name: str
    fields: dict[str, str]
    channel: str


class ToyAri:
    """One application on one Pbx. Asterisk sends the events of all channels; `told` holds the user events so far."""

    def __init__(self, pbx: Pbx, app: str = "toy") -> None:
        self.pbx = pbx
        self.app = app
        self.told: list[Told] = []
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> ToyAri:
        self._session = aiohttp.ClientSession(
            f"{self.pbx.ari_url}/ari/", headers={"Authorization": aiohttp.encode_basic_auth(self.pbx.ari_user, self.pbx.ari_password)}
        )
        self._socket = await self._session.ws_connect(f"events?app={self.app}")
        self._task = asyncio.create_task(self._listen())
        await self.post(f"applications/{self.app}/subscription", eventSource="channel:")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._socket.close()
        await self._session.close()

    async def _listen(self) -> None:
        async for message in self._socket:
            event = message.json()
            self.events.append(event)
            if event["type"] == "ChannelUserevent":
                fields = {key: value for key, value in event["userevent"].items() if key != "eventname"}
                self.told.append(Told(time.monotonic(), event["eventname"], fields, event.get("channel", {}).get("name", "")))
            self._news.set()

    async def post(self, path: str, **query: str) -> Any:
        async with self._session.post(path, params=query) as answer:
            assert answer.status < 300, f"{path} {query}: {answer.status} {await answer.text()}"
            return await answer.json() if answer.content_type == "application/json" and answer.status == 200 else None

    async def delete(self, path: str) -> None:
        async with self._session.delete(path) as answer:
            assert answer.status < 300, await answer.text()

    async def until(self, happened: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
        try:
            async with asyncio.timeout(timeout):
                while not happened():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{what} did not come within {timeout} s; user events: {self.told}") from None

    async def until_told(self, name: str, timeout: float = 10.0, **fields: str) -> Told:
        """The first user event of that name with these fields, waited for."""

        def find() -> Told | None:
            return next((t for t in self.told if t.name == name and fields.items() <= t.fields.items()), None)

        await self.until(lambda: find() is not None, f"{name} {fields}", timeout)
        found = find()
        assert found
        return found

    async def until_event(self, kind: str, timeout: float = 10.0, **top: Any) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            return next((e for e in self.events if e["type"] == kind and top.items() <= e.items()), None)

        await self.until(lambda: find() is not None, f"{kind} {top}", timeout)
        found = find()
        assert found
        return found

    def names(self) -> list[str]:
        """What was told, short: "begin", "end yes", "key 3", "unavailable TIMEOUT", other events by name."""
        return [self._short(told) for told in self.told]

    @staticmethod
    def _short(told: Told) -> str:
        fields = told.fields
        if told.name == "PrivacyNotice":
            return f"{fields['Stage']} {fields.get('Heard', '')}".strip()
        if told.name == "PrivacyChoice":
            return f"key {fields['Key']}"
        return f"unavailable {fields['Why']}" if told.name == "PrivacyUnavailable" else told.name

    async def pbx_quiet(self) -> None:
        """Hang up everything and wait until nothing is left."""
        self.pbx.cli("channel request hangup all")
        await self.until(lambda: "0 active channels" in self.pbx.cli("core show channels"), "the end of all calls")

    def forget(self) -> None:
        self.told.clear()
        self.events.clear()
