"""FastAGI server: reads what is asked, has it believed or not, asks a handler, answers with channel variables, closes.

Small and of our own: panoramisk hangs its loop on connect-and-close and pyst2 needs Python 2 (DESIGN.md). A peer that sends nothing,
too much or nonsense is dropped; the caller's dialplan goes on either way.

Nothing that a peer sends is an authority. Asterisk writes a caller's number and name into its lines as they came, line breaks too, and
anybody on this machine can connect. So a request is what Asterisk sends and no line else, and who believes it asks Asterisk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from asterisk_privacy.asterisk.time_limits import within

MAX_BYTES = 16384
"""Of a whole request. Asterisk's has some 700."""
SECONDS = 2.0
"""For a whole exchange; the dialplan waits less than that (PRIVACY_AGI_SECONDS)."""
BACKLOG = 1024
MOST_PEERS = 1000
"""At once. Beyond it the one that has been there longest is dropped: Asterisk's are done within milliseconds."""

_ENVIRONMENT = (
    "agi_network", "agi_network_script", "agi_request", "agi_channel", "agi_language", "agi_type", "agi_uniqueid", "agi_version",
    "agi_callerid", "agi_calleridname", "agi_callingpres", "agi_callingani2", "agi_callington", "agi_callingtns", "agi_dnid", "agi_rdnis",
    "agi_context", "agi_extension", "agi_priority", "agi_enhanced", "agi_accountcode", "agi_threadid",
)  # fmt: skip
"""The lines of a request without arguments, in Asterisk's order (res_agi.c: the same from 1.8 to 23)."""


@dataclass(frozen=True, slots=True)
class AgiAsked:
    """What a peer says: that the dialplan of channel `uniqueid` runs AGI() with `address`. The dialplan's other words are not read."""

    uniqueid: str
    address: str


@dataclass(frozen=True, slots=True)
class AgiRequest:
    """What the dialplan asks, once it is believed. `script` and `parameters` from agi://host/script?name=value; `channel` is the one that
    is asked for: the parameter of that name, since for an outbound call another channel does the asking, or else the asking one. `caller`
    is its caller's number or empty."""

    channel: str
    script: str
    parameters: Mapping[str, str]
    caller: str


class AgiProblem(Exception):
    """What a peer did wrong, in words for the log: none of the peer's own."""


class AgiForged(AgiProblem):
    """It spoke as Asterisk's dialplan, and was not: a caller's words among Asterisk's own, or another program."""


def parse_environment(lines: list[str]) -> AgiAsked:
    """The agi_* environment. Raises AgiForged where it is not what Asterisk sends."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name not in _ENVIRONMENT:
            raise AgiForged("a line that Asterisk does not send")
        if name in fields:
            raise AgiForged(f"{name} twice")
        fields[name] = value.strip()
    if tuple(fields) != _ENVIRONMENT:
        raise AgiForged("not all of Asterisk's lines, or in another order")
    if not fields["agi_uniqueid"]:
        raise AgiForged("an empty agi_uniqueid")
    return AgiAsked(fields["agi_uniqueid"], fields["agi_request"])


def parse_address(asked: AgiAsked) -> AgiRequest:
    """What is asked with it, of a caller who is not known. Raises AgiForged naming what is wrong."""
    try:
        url = urlsplit(asked.address)
        said = parse_qsl(url.query, keep_blank_values=True)
    except ValueError:
        raise AgiForged("an agi_request that is no address") from None
    parameters = dict(said)
    if len(parameters) != len(said):
        raise AgiForged("a parameter twice")
    return AgiRequest(parameters.get("channel") or asked.uniqueid, url.path.strip("/"), parameters, "")


def quoted(value: str) -> str:
    """For `SET VARIABLE`: control characters out, quotes and backslashes escaped."""
    clean = "".join(c for c in value if c.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


Believe = Callable[[AgiAsked], Awaitable[AgiRequest]]
Handler = Callable[[AgiRequest], Mapping[str, str]]


class FastAgiServer:
    """`believe` may wait; it raises AgiProblem where a question is not to be believed. `handler` must not block; it returns the channel
    variables to set. `dropped` is told why a peer was; `problems` counts them. `unheard` is told of each request whose answer was not
    taken whole, `took` of each other exchange how many seconds it lasted."""

    def __init__(
        self,
        believe: Believe,
        handler: Handler,
        seconds: float = SECONDS,
        took: Callable[[float], None] = lambda _seconds: None,
        unheard: Callable[[AgiRequest], None] = lambda _request: None,
        dropped: Callable[[AgiProblem], None] = lambda _problem: None,
    ) -> None:
        self._believe = believe
        self._handler = handler
        self._seconds = seconds
        self._took = took
        self._unheard = unheard
        self._dropped = dropped
        self._server: asyncio.Server | None = None
        self._peers: dict[asyncio.StreamWriter, None] = {}  # the oldest first
        self._exchanges: set[asyncio.Task[None]] = set()
        self._over = False
        self.problems = 0
        self.served = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        self._server = await asyncio.start_server(self._connected, host, port, backlog=BACKLOG, limit=MAX_BYTES)

    async def stop(self) -> None:
        """Whoever still asks is let go at once: the caller's dialplan goes on."""
        if self._server is not None:
            self._over = True
            self._server.close()
            for exchange in self._exchanges:
                exchange.cancel()
            await asyncio.gather(*self._exchanges, return_exceptions=True)
            await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._exchanges.add(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            if not self._over:
                raise
        finally:
            self._exchanges.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began, asked = time.monotonic(), None
        self._arrived(writer)
        try:
            async with within(self._seconds):
                request = await self._believe(parse_environment(await _environment(reader)))
                answer_with = self._handler(request)
                asked = request
                for name, value in answer_with.items():
                    writer.write(f"SET VARIABLE {name} {quoted(value)}\n".encode())
                    await writer.drain()
                    answer = await reader.readline()
                    if not answer.startswith(b"200"):
                        raise AgiProblem(f"SET VARIABLE {name} was not done")
                asked = None
                self.served += 1
                self._took(time.monotonic() - began)
        except AgiProblem as problem:
            self._drop(problem)
        except TimeoutError:
            self._drop(AgiProblem(f"nothing complete within {self._seconds:g} s"))
        except (ValueError, asyncio.LimitOverrunError):
            self._drop(AgiProblem(f"more than {MAX_BYTES} bytes"))
        except OSError as error:
            self._drop(AgiProblem(str(error.strerror)))
        finally:
            self._peers.pop(writer, None)
            writer.close()
            if asked is not None:
                self._unheard(asked)

    def _arrived(self, peer: asyncio.StreamWriter) -> None:
        self._peers[peer] = None
        if len(self._peers) > MOST_PEERS:
            oldest = next(iter(self._peers))
            del self._peers[oldest]
            oldest.transport.abort()

    def _drop(self, problem: AgiProblem) -> None:
        self.problems += 1
        self._dropped(problem)


async def _environment(reader: asyncio.StreamReader) -> list[str]:
    """The lines before the first empty one: if a caller's words had one, what follows it is read as an answer to us, and is none."""
    try:
        text = await reader.readuntil(b"\n\n")
    except asyncio.IncompleteReadError:
        raise AgiProblem("the connection closed before the request was complete") from None
    return text.decode("utf-8", "replace").rstrip("\n").split("\n")
