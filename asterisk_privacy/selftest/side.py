"""The test's own ARI application: hears the events of the two test channels, and moves them."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from asterisk_privacy.asterisk.ari import Ari, AriAccess, AriRefused, AriUnreachable

APP = "asterisk-privacy-selftest"
CONTEXT = "privacy-selftest"
Event = dict[str, Any]  # as ARI sends it; looked into at once, and by this room only


class Channels:
    """Use as an async context manager: the application exists while it is open, and its channels are hung up at the end."""

    def __init__(self, access: AriAccess) -> None:
        self.ari = Ari(access, APP)
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._made: set[str] = set()

    async def __aenter__(self) -> Channels:
        await self.ari.open()
        return self

    async def listen(self) -> None:
        """From here on events are heard. Raises AriRefused or AriUnreachable."""
        self._socket = await self.ari.websocket()
        self._reader = asyncio.create_task(self._read(self._socket))

    async def __aexit__(self, *_error: object) -> None:
        for channel in self._made:
            with contextlib.suppress(AriRefused, AriUnreachable):
                await self.ari.hang_up(channel)
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
        await self.ari.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._events.append(msgspec.json.decode(message.data))
                self._news.set()

    async def wait_for(self, wanted: Callable[[Event], bool], seconds: float) -> Event | None:
        """The first event that fits, of those that came and those to come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    found = next((event for event in self._events if wanted(event)), None)
                    if found is not None:
                        return found
                    self._news.clear()
                    await self._news.wait()
        return None

    # ---- channels

    async def probe(self) -> str:
        """A channel that calls nobody: what the dialplan has can be asked of a channel only (seen on 22.10.1)."""
        channel = f"{APP}-probe-{uuid.uuid4().hex}"
        await self.ari.request("POST", "channels/create", {"endpoint": f"Local/customer@{CONTEXT}", "app": APP, "channelId": channel})
        self._made.add(channel)
        return channel

    async def has_extension(self, channel: str, context: str, extension: str = "s") -> bool:
        function = f"DIALPLAN_EXISTS({context},{extension},1)"
        body = await self.ari.request("GET", f"channels/{channel}/variable", {"variable": function})
        return msgspec.json.decode(body, type=dict[str, str]).get("value") == "1"

    async def call(self) -> tuple[str, str]:
        """The test's customer: the half that goes through the dialplan, and the half behind which the tone is. None of them moves yet."""
        near, far = (f"{APP}-{uuid.uuid4().hex}" for _ in range(2))
        self._made |= {near, far}
        where = {"endpoint": f"Local/customer@{CONTEXT}/n", "app": APP, "channelId": near, "otherChannelId": far}
        await self.ari.request("POST", "channels", where)
        return near, far

    async def room(self) -> tuple[str, str]:
        """Who is alone in the test's conference: the half behind which we are, and the half that is in it."""
        near, far = (f"{APP}-{uuid.uuid4().hex}" for _ in range(2))
        self._made |= {near, far}
        where = {"endpoint": f"Local/room@{CONTEXT}/n", "app": APP, "channelId": near, "otherChannelId": far}
        await self.ari.request("POST", "channels", where)
        await self.hear(far)
        return near, far

    async def in_application(self, channel: str, application: str, seconds: float) -> bool:
        """Whether the dialplan brings it there."""
        deadline = asyncio.get_running_loop().time() + seconds
        while await self.ari.application(channel) != application:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.1)
        return True

    async def entered(self, channel: str, seconds: float) -> bool:
        """Whether it came under our hand."""
        return await self.wait_for(lambda e: e["type"] == "StasisStart" and e["channel"]["id"] == channel, seconds) is not None

    async def agent(self, seconds: float) -> str | None:
        """The half of the test's agent behind which the tone is."""

        def is_agent(event: Event) -> bool:
            return event["type"] == "StasisStart" and str(event["channel"]["name"]).startswith(f"Local/agent@{CONTEXT}-")

        event = await self.wait_for(is_agent, seconds)
        return None if event is None else str(event["channel"]["id"])

    async def other_half(self, channel: str) -> str | None:
        """Of a Local channel: ;1 of ;2."""
        body = await self.ari.request("GET", "channels")
        names = {str(one["id"]): str(one["name"]) for one in msgspec.json.decode(body)}
        wanted = names.get(channel, "").removesuffix(";2") + ";1"
        return next((one for one, name in names.items() if name == wanted), None)

    async def hear(self, channel: str) -> None:
        """Its events, also while it is not under our hand."""
        await self.ari.request("POST", f"applications/{APP}/subscription", {"eventSource": f"channel:{channel}"})

    async def into_the_dialplan(self, channel: str, extension: str) -> None:
        await self.hear(channel)
        where = {"context": CONTEXT, "extension": extension, "priority": "1"}
        await self.ari.request("POST", f"channels/{channel}/continue", where)

    async def say(self, channel: str, hz: int) -> None:
        """Another tone, from now on. (ARI's own playing of a tone would keep the channel from anything else.)"""
        self._events = [event for event in self._events if event["type"] != "StasisStart"]
        await self.into_the_dialplan(channel, f"say{hz}")
        await self.entered(channel, 2.0)

    async def hold(self, channel: str) -> None:
        await self.ari.request("POST", f"channels/{channel}/hold")

    async def resume(self, channel: str) -> None:
        await self.ari.request("DELETE", f"channels/{channel}/hold")

    async def press(self, channel: str, digits: str) -> None:
        await self.ari.request("POST", f"channels/{channel}/dtmf", {"dtmf": digits, "duration": "120", "between": "120"})

    async def hang_up(self, channel: str) -> None:
        await self.ari.hang_up(channel)
