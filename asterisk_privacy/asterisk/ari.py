"""ARI over aiohttp: requests with a time-out each, and the one websocket on which the events come.

Never `subscribeAll=true`: it brings device states, with which Asterisk 22 can deadlock all of ARI when a websocket closes (issue #2170,
reproduced; DESIGN.md). All channels and all bridges are subscribed to instead.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec

from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk import names
from asterisk_privacy.asterisk.time_limits import within
from asterisk_privacy.call.behind import is_local
from asterisk_privacy.call.pbx import has_phone, technology
from asterisk_privacy.call.read_holds import read_holds
from asterisk_privacy.errors import OperatorError

log = logging.getLogger(__name__)

REQUEST_SECONDS = 5.0
HANDSHAKE_SECONDS = 5.0
CLOSE_SECONDS = 0.2


class AriRefused(Exception):
    """Asterisk answered with an error; `status` is HTTP's."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"{what}: HTTP {status}")
        self.status = status


class AriUnreachable(Exception):
    """No answer: refused, reset or timed out."""


@dataclass(frozen=True, slots=True)
class AriAccess:
    url: str  # http://host:port
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Announced:
    """What the channel of a call that was announced remembers: PRIVACY_STATE, PRIVACY_CONSENT and PRIVACY_RECORDER, as they stand.
    `heard`: PRIVACY_HEARD, the announcements that were heard to their end or agreed in, in order. One that was both is there twice."""

    state: str
    consent: str
    recorder: str = ""  # as an older recorder leaves it
    heard: tuple[str, ...] = ()

    def consent_to(self, notice: str) -> str:
        """What was chosen, as far as it is about that announcement: a refusal is final for the call, all else is its line's. The keys were
        pressed in some announcement: in this one if there is no other, or if it is the last and there for two reasons."""
        if self.consent == "refused":
            return self.consent
        if notice not in self.heard:
            return "none"
        own = set(self.heard) == {notice} or self.heard[-2:] == (notice, notice)
        return self.consent if own or not self.consent.startswith("agreed:") else "notice"


@dataclass(frozen=True, slots=True)
class Reading:
    """The whole state of the PBX. `at`: when the reading began (monotonic seconds): news of before is in it, and must not override it when
    it comes late. `holding`: channels whose phone holds. `suspects`: channels of which it cannot
    be told; they count as holding until they move or take back a hold. `pressed`: the last of its keys that each agent's channel
    pressed, so that a pause which nobody heard of is known all the same; `pressed_at`: when, by Asterisk's clock, where an older include
    does not leave it untold; `ahead`: by how many seconds that clock is ahead of ours. `announced`: calls that a daemon announced, this one
    or an earlier one: what the caller chose when nobody heard of it. `agents`: of each PJSIP endpoint that has a channel, whether its own
    settings say that it is an agent's."""

    at: float
    channels: tuple[snap.Channel, ...]
    bridges: tuple[snap.Bridge, ...]
    holding: frozenset[str]
    suspects: frozenset[str] = frozenset()
    pressed: Mapping[str, str] = field(default_factory=dict)
    pressed_at: Mapping[str, float] = field(default_factory=dict)
    ahead: float = 0.0
    announced: Mapping[str, Announced] = field(default_factory=dict)
    agents: Mapping[str, bool] = field(default_factory=dict)


def _seconds(said: str | None) -> float | None:
    """A moment by Asterisk's clock, as the dialplan writes it."""
    return float(said) if said is not None and re.fullmatch(r"\d{1,12}\.\d{3}", said, re.ASCII) else None


class Ari:
    """One application's requests. Every method raises AriRefused or AriUnreachable and nothing else."""

    def __init__(
        self, access: AriAccess, app: str, *, request_seconds: float = REQUEST_SECONDS, handshake_seconds: float = HANDSHAKE_SECONDS
    ) -> None:
        self._access = access
        self._request_seconds = request_seconds
        self._handshake_seconds = handshake_seconds
        self._base_app = app
        self.app = app
        self._session: aiohttp.ClientSession | None = None
        self.requests = 0

    async def open(self) -> None:
        token = base64.b64encode(f"{self._access.user}:{self._access.password}".encode()).decode()
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Basic {token}"},  # aiohttp 3.14 deprecates BasicAuth, earlier ones know nothing else
            timeout=aiohttp.ClientTimeout(total=None),  # aiohttp's would run on while this process stands still
            connector=aiohttp.TCPConnector(limit=32),
        )

    async def close(self) -> None:
        session, self._session = self._session, None  # first: whoever asks meanwhile is told that there is no connection
        if session is not None:
            await session.close()

    async def request(self, method: str, path: str, params: Mapping[str, str] | None = None) -> bytes:
        """`path` below /ari/. Returns the body."""
        if self._session is None:
            raise AriUnreachable("not connected")
        self.requests += 1
        url = f"{self._access.url}/ari/{path}"
        try:
            async with within(self._request_seconds), self._session.request(method, url, params=params) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AriUnreachable(f"{method} {path.split('/', maxsplit=1)[0]}: {str(error) or 'timed out'}") from error
        if answer.status >= 400:
            raise AriRefused(answer.status, f"{method} {path.split('/', maxsplit=1)[0]}")
        return body

    async def websocket(self) -> aiohttp.ClientWebSocketResponse:
        """The event stream. A handshake that hangs (the ARI lock-up) raises AriUnreachable."""
        if self._session is None:
            raise AriUnreachable("not connected")
        url = f"{self._access.url}/ari/events".replace("http", "ws", 1)
        try:
            async with within(self._handshake_seconds):
                # autoping off: pongs are how the link proves that it lives. A close is not waited for: the peer may be gone
                return await self._session.ws_connect(
                    url, params={"app": self.app}, autoping=False, heartbeat=None, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS)
                )
        except aiohttp.WSServerHandshakeError as error:
            raise AriRefused(error.status, "websocket handshake") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AriUnreachable(f"websocket handshake: {str(error) or 'timed out'}") from error

    async def subscribe(self) -> None:
        await self.request("POST", f"applications/{self.app}/subscription", {"eventSource": "channel:,bridge:"})

    def take_fresh_app(self, number: int) -> None:
        """A name that hung once can hang for ever (DESIGN.md, ARI): go on under another, which no configuration can have written."""
        self.app = f"{self._base_app}~{number}"

    def is_our_app(self, name: str) -> bool:
        """The configured name, or a fresh one made of it by this daemon or by one that died."""
        rest = name.removeprefix(self._base_app)
        return rest == "" or (rest != name and rest[0] == "~" and rest[1:].isdecimal())

    async def is_taken(self) -> bool:
        """Whether another live websocket holds this application name."""
        try:
            await self.request("GET", f"applications/{self.app}")
        except AriRefused as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def ask_alive(self, question: str) -> None:
        """Whoever listens under this application's name answers."""
        await self.request("POST", f"events/user/{names.EVENT_ALIVE}-{question}", {"application": self.app})

    async def ask_clock(self, question: str) -> None:
        """Comes back on the event stream, with the moment on Asterisk's clock."""
        await self.request("POST", f"events/user/{names.EVENT_CLOCK}-{question}", {"application": self.app})

    async def answer_alive(self, question: str) -> None:
        for variable in (names.alive_of(self.app), names.ALIVE_VARIABLE):  # the second for who asks in an earlier version
            await self.set_global_variable(variable, question)

    async def is_answered(self, question: str) -> bool:
        return question in [await self.global_variable(variable) for variable in (names.alive_of(self.app), names.ALIVE_VARIABLE)]

    async def check_access(self) -> str:
        """Asterisk's version. Raises OperatorError where only a person can help."""
        try:
            body = await self.request("GET", "asterisk/info")
        except AriRefused as refused:
            if refused.status in (401, 403):
                raise OperatorError(
                    f"Asterisk at {self._access.url} refuses ARI user '{self._access.user}': "
                    "make the password in ari.conf and in asterisk.ari_password_file the same"
                ) from refused
            raise
        try:
            return str(msgspec.json.decode(body)["system"]["version"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return "unknown"

    async def read_state(self) -> Reading:
        began = time.monotonic()
        channels = tuple(snap.parse_channels(await self.request("GET", "channels")))
        bridges = tuple(snap.parse_bridges(await self.request("GET", "bridges")))
        mixing = [b for b in bridges if b.mixing]
        called = {c.id: c.name for c in channels}
        members = sorted({c for b in mixing for c in b.channels if c in called})
        told = dict(zip(members, await asyncio.gather(*(self._is_told_to_hold(c) for c in members)), strict=True))
        asked = sorted({*members, *(c.id for c in channels if has_phone(c.name))})  # who holds in a queue still holds once it is answered
        holds = dict(zip(asked, await asyncio.gather(*(self._phone_holds(c, called[c]) for c in asked)), strict=True))
        moments = dict(zip(members, await asyncio.gather(*(self.variable(c, names.HUSH_AT_VARIABLE) for c in members)), strict=True))
        pressed = dict(zip(members, await asyncio.gather(*(self.variable(c, names.HUSH_VARIABLE) for c in members)), strict=True))
        found = read_holds([b.channels for b in mixing], called, told, holds)
        announced = await self._announced(channels)
        presses = {c: cmd for c, cmd in pressed.items() if cmd}
        at = {c: moment for c in presses if (moment := _seconds(moments[c])) is not None}
        return Reading(began, channels, bridges, found.holding, found.suspects, presses, at, announced=announced)

    async def _announced(self, channels: Iterable[snap.Channel]) -> Mapping[str, Announced]:
        callers = [c.id for c in channels if has_phone(c.name) or is_local(c.name)]  # on half of a Local channel a notice can play too
        states = await asyncio.gather(*(self._state(c) for c in callers))
        # consent is read after the state: what the customer chose in between counts
        return {
            channel: Announced(
                state,
                await self.variable(channel, names.CONSENT_VARIABLE) or "none",
                await self.variable(channel, names.RECORDER_VARIABLE) or "",
                tuple(one for one in (await self.variable(channel, names.HEARD_VARIABLE) or "").split("-") if one),
            )
            for channel, state in zip(callers, states, strict=True)
            if state
        }

    async def _state(self, channel: str) -> str | None:
        """The global one may stand alone: the notice was played on half of a Local channel, and heard on this one."""
        return await self.global_variable(names.later_state(channel)) or await self.variable(channel, names.STATE_VARIABLE)

    async def _is_told_to_hold(self, channel: str) -> bool:
        """CHANNEL(onhold): its peer holds. 0 for everybody in a ConfBridge, whoever holds (seen on 22.10.1)."""
        return await self.variable(channel, "CHANNEL(onhold)") == "1"

    async def _phone_holds(self, channel: str, name: str) -> bool | None:
        """CHANNEL(rtp,hold): the phone itself holds, by sendonly, inactive or c=0.0.0.0 (seen on 22.10.1). PJSIP only; None: not known."""
        if technology(name) != "PJSIP":
            return None if has_phone(name) else False
        value = await self.variable(channel, "CHANNEL(rtp,hold)")
        return {"0": False, "1": True}.get(value or "")

    async def variable(self, channel: str, name: str) -> str | None:
        """A channel's variable or function; None if there is none, or no such channel."""
        return await self._value(f"channels/{channel}/variable", name)

    async def application(self, channel: str) -> str | None:
        """The dialplan application that the channel is in, such as Dial or ConfBridge. None: Asterisk does not say."""
        try:
            return snap.parse_channel(await self.request("GET", f"channels/{channel}")).dialplan.app_name
        except msgspec.DecodeError:
            return None

    async def global_variable(self, name: str) -> str | None:
        return await self._value("asterisk/variable", name)

    async def _value(self, path: str, name: str) -> str | None:
        try:
            body = await self.request("GET", path, {"variable": name})
        except AriRefused as refused:
            if refused.status in (404, 409, 500):  # 500: a function that this kind of channel does not have
                return None
            raise
        try:
            return str(msgspec.json.decode(body, type=dict[str, str]).get("value"))
        except msgspec.DecodeError:
            return None

    async def set_global_variable(self, name: str, value: str | None) -> None:
        """None takes it away."""
        await self.request("POST", "asterisk/variable", {"variable": name} if value is None else {"variable": name, "value": value})

    async def hang_up(self, channel: str) -> None:
        """Deletes a channel; that it is gone already is fine."""
        try:
            await self.request("DELETE", f"channels/{channel}")
        except AriRefused as refused:
            if refused.status != 404:
                raise

    async def snoop(self, channel: str, snoop_id: str, *, spy: str | None = None, whisper: str | None = None) -> None:
        """A snoop on `channel` with the given channel id. It takes further requests only after its StasisStart."""
        params = {"app": self.app, "snoopId": snoop_id}
        if spy is not None:
            params["spy"] = spy
        if whisper is not None:
            params["whisper"] = whisper
        await self.request("POST", f"channels/{channel}/snoop", params)

    async def move_to_dialplan(self, channel: str, context: str, extension: str = "s", label: str | None = None) -> None:
        """With a `label` Asterisk looks first, and answers 404 where the dialplan has none such; without one it takes the channel down."""
        where = {"priority": "1"} if label is None else {"label": label}
        await self.request("POST", f"channels/{channel}/continue", {"context": context, "extension": extension, **where})

    async def play(self, channel: str, media: str, playback_id: str) -> None:
        await self.request("POST", f"channels/{channel}/play", {"media": media, "playbackId": playback_id})
