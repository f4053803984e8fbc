"""An ARI server that behaves, or misbehaves as told, on a real socket with a real websocket."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import TracebackType

from aiohttp import WSCloseCode, WSMsgType, web


class ToyAri:
    """Set the attributes to misbehave. `sockets`: the websockets that are open, oldest first; `apps`: app name of each handshake."""

    def __init__(self) -> None:
        self.status = 200
        self.taken: list[bool] = []  # answers of GET /applications/X, one after the other; then 404
        self.owner_answers = True  # whoever has the name that is taken
        self.hang_handshakes = 0
        self.pongs = True
        self.hang_state = False
        self.state_gate: asyncio.Event | None = None
        self.subscribe_status = 200
        self.channels: list[dict[str, object]] = []
        self.bridges: list[dict[str, object]] = []
        self.variables: dict[tuple[str, str], str | int] = {}  # a number is an HTTP status
        self.continued: list[dict[str, str]] = []  # what channels were sent to the dialplan with
        self.old_include = False  # the dialplan lacks the label that is asked for
        self.gone = False  # every channel
        self.sockets: list[web.WebSocketResponse] = []
        self.apps: list[str] = []
        self.requests: list[str] = []
        self.clock_ahead: float | None = None  # seconds; tells its clock who asks for it
        self.reading = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> ToyAri:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{path:.*}", self._request)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for one in self.sockets:
            await one.close()
        assert self._runner is not None
        await self._runner.cleanup()

    async def send(self, event: dict[str, object] | str) -> None:
        await self.sockets[-1].send_str(event if isinstance(event, str) else json.dumps(event))

    def stamp(self, seconds_ago: float = 0.0) -> str:
        """By this Asterisk's clock."""
        at = datetime.now(UTC) + timedelta(seconds=(self.clock_ahead or 0.0) - seconds_ago)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}+0000"

    async def drop(self) -> None:
        await self.sockets[-1].close(code=WSCloseCode.GOING_AWAY)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.apps.append(request.query["app"])
        if self.hang_handshakes:
            self.hang_handshakes -= 1
            await asyncio.sleep(30)
        one = web.WebSocketResponse(autoping=False)
        await one.prepare(request)
        self.sockets.append(one)
        async for message in one:
            if message.type is WSMsgType.PING and self.pongs:
                await one.pong(message.data)
        return one

    async def _request(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        self.requests.append(f"{request.method} {path}")
        if self.status != 200:
            return web.Response(status=self.status)
        if path == "asterisk/info":
            return web.json_response({"system": {"version": "22"}})
        if path.startswith("events/user/PrivacyAlive-") and self.owner_answers:
            self.variables["variable", "PRIVACY_ALIVE"] = path.rpartition("-")[2]
        if path.startswith("events/user/PrivacyClock-") and self.clock_ahead is not None:
            event = {"type": "ChannelUserevent", "eventname": path.rpartition("/")[2], "userevent": {"eventname": path.rpartition("/")[2]}}
            await self.send({**event, "timestamp": self.stamp()})
        if path == "asterisk/variable" and request.method == "POST":
            self.variables["variable", request.query["variable"]] = request.query.get("value", "")
        if path.endswith("/variable") and path.startswith("channels/") and request.method == "POST":
            return web.Response(status=409)  # no channel of ours is in Stasis
        if path.endswith("/continue"):
            self.continued.append(dict(request.query))
            return web.Response(status=404 if self.gone or (self.old_include and "label" in request.query) else 204)
        if request.method == "POST":
            return web.Response(status=self.subscribe_status)
        if path.startswith("applications/"):
            return web.Response(status=200 if self.taken and self.taken.pop(0) else 404)
        if path.endswith("/variable"):
            unset = "" if request.query["variable"].startswith("PRIVACY_STATE_") else "0"
            value = self.variables.get((path.split("/")[1], request.query["variable"]), unset)
            return web.Response(status=value) if isinstance(value, int) else web.json_response({"value": value})
        self.reading.set()
        if self.hang_state:
            await asyncio.sleep(30)
        if self.state_gate is not None:
            await self.state_gate.wait()
        return web.json_response(self.channels if path == "channels" else self.bridges)


def channel(number: str, name: str = "PJSIP/agent-1") -> dict[str, object]:
    return {"id": number, "name": name, "state": "Up", "dialplan": {"context": "c", "app_name": "", "app_data": ""}}


def hold(number: str) -> dict[str, object]:
    return {"type": "ChannelHold", "timestamp": "2026-11-22T06:17:23.123+0000", "channel": channel(number)}
