"""A small AMI client: asks one Asterisk to begin and end a MixMonitor, and to tell and set channel variables. No events.

AMI is lines of "Key: value" with an empty one behind each message. Each action has an ActionID of ours, and only a reply with that id is
its reply; what else comes (a greeting, the odd event that ignores `Events: off`) is skipped. A line break in a value would be the next
header, or the next action: such a value is refused before anything is sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

log = logging.getLogger(__name__)

ASK_SECONDS = 2.0
"""An answer takes a millisecond or two. Asterisk that does not answer for so long is taken for lost."""
BACKOFF = (0.2, 0.5, 1.0, 2.0, 5.0)
LINE_BYTES = 8192
MOST_LINES = 256  # of one message


class AmiUnreachable(Exception):
    """No connection, or no answer in time: whether Asterisk did it is not known."""


class AmiRefused(Exception):
    """Asterisk answered, and did not do it."""


@dataclass(frozen=True, slots=True)
class AmiAccess:
    host: str
    port: int
    user: str
    password: str


class Ami:
    """`run` keeps the connection; each request raises AmiRefused or AmiUnreachable. `lost` counts connections that ended."""

    def __init__(self, access: AmiAccess, ask_seconds: float = ASK_SECONDS, backoff: tuple[float, ...] = BACKOFF) -> None:
        self._access = access
        self._ask_seconds = ask_seconds
        self._backoff = backoff
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[str, asyncio.Future[Mapping[str, str]]] = {}
        self._count = 0
        self._told = ""
        self.ready = asyncio.Event()
        self.connections = 0
        self.lost = 0

    @property
    def up(self) -> bool:
        return self.ready.is_set()

    async def run(self) -> None:
        """For ever."""
        tries = 0
        while True:
            before = self.connections
            why = await self._one_connection()
            if self.connections > before:
                self.lost += 1
                tries = 0
            if why != self._told:  # once, not each few seconds
                log.warning("AMI at %s:%d: %s; trying again", self._access.host, self._access.port, why)
                self._told = why
            await asyncio.sleep(self._backoff[min(tries, len(self._backoff) - 1)])
            tries += 1

    # ---- what can be asked

    async def begin_mix(self, channel: str, options: str) -> str:
        """MixMonitor on `channel` without a mixed file. Returns its id, without which AMI could only stop all of the channel's."""
        reply = await self.ask("MixMonitor", {"Channel": channel, "File": "", "Options": options})
        mix = reply.get("mixmonitorid", "")
        if not mix:
            raise AmiRefused("MixMonitor was begun, but Asterisk told no id")
        return mix

    async def end_mix(self, channel: str, mix: str) -> None:
        """That one, and never another: an administrator's own must go on."""
        if not mix:
            raise AmiRefused("a MixMonitor without an id")
        await self.ask("StopMixMonitor", {"Channel": channel, "MixMonitorID": mix})

    async def variable(self, channel: str, name: str) -> str:
        """Empty if it is not set."""
        return (await self.ask("Getvar", {"Channel": channel, "Variable": name})).get("value", "")

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        await self.ask("Setvar", {"Channel": channel, "Variable": name, "Value": value})

    async def ask(self, action: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """The reply's headers, keys in small letters. ValueError: a value has a line break in it."""
        writer = self._writer
        if writer is None or not self.up:
            raise AmiUnreachable("AMI is not connected")
        return await self._ask(writer, action, fields)

    # ---- the connection

    async def _ask(self, writer: asyncio.StreamWriter, action: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        self._count += 1
        number = f"privacy-{self._count}"
        message = _message({"Action": action, "ActionID": number, **fields})
        reply: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._asked[number] = reply
        try:
            writer.write(message)
            async with asyncio.timeout(self._ask_seconds):
                found = await reply
        except TimeoutError:
            writer.transport.abort()  # whoever else waits there learns it too
            raise AmiUnreachable(f"no answer to {action} within {self._ask_seconds:g} s") from None
        finally:
            self._asked.pop(number, None)
        if found.get("response") != "Success":
            raise AmiRefused(found.get("message", "no reason given")[:100])
        return found

    async def _one_connection(self) -> str:
        access = self._access
        try:
            async with asyncio.timeout(self._ask_seconds):
                reader, writer = await asyncio.open_connection(access.host, access.port, limit=LINE_BYTES)
        except (OSError, TimeoutError) as error:
            return str(error) or "no connection in time"
        self._writer = writer
        reading = asyncio.create_task(self._read(reader))
        try:
            login = {"Username": access.user, "Secret": access.password, "Events": "off"}
            entering = asyncio.create_task(self._ask(writer, "Login", login))
            await asyncio.wait([reading, entering], return_when=asyncio.FIRST_COMPLETED)
            if not entering.done():
                entering.cancel()
                return reading.result()
            try:
                entering.result()
            except (AmiRefused, AmiUnreachable) as error:
                return f"login as {access.user!r} failed: {error}"
            self.ready.set()
            self._told = ""
            self.connections += 1
            return await reading
        finally:
            self.ready.clear()
            self._writer = None
            reading.cancel()
            for reply in self._asked.values():
                if not reply.done():
                    reply.set_exception(AmiUnreachable("the connection was lost"))
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader) -> str:
        """Until the connection ends. Returns why."""
        headers: dict[str, str] = {}
        lines = 0
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                return f"a line of more than {LINE_BYTES} bytes"
            except OSError as error:
                return str(error)
            if not line.endswith(b"\n"):
                return "Asterisk closed the connection"
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            lines += 1
            if lines > MOST_LINES:
                return f"a message of more than {MOST_LINES} lines"
            if text:
                key, colon, value = text.partition(":")
                if colon:
                    headers[key.lower()] = value.strip()
                continue
            reply = self._asked.get(headers.get("actionid", ""))
            if reply is not None and not reply.done() and "response" in headers:
                reply.set_result(headers)
            headers, lines = {}, 0


def _message(fields: Mapping[str, str]) -> bytes:
    for key, value in fields.items():
        if not value.isprintable():
            raise ValueError(f"AMI: {key} has a character in it that is not printable")
    return "".join(f"{key}: {value}\r\n" for key, value in fields.items()).encode() + b"\r\n"
