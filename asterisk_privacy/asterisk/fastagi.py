"""FastAGI server: reads a request, asks a handler, answers with channel variables, closes.

Small and of our own: panoramisk hangs its loop on connect-and-close and pyst2 needs Python 2 (DESIGN.md). A peer that sends nothing,
too much or nonsense is dropped with one line in the log; the caller's dialplan goes on either way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from asterisk_privacy.asterisk.time_limits import within

log = logging.getLogger(__name__)

MAX_LINE = 4096
MAX_LINES = 100
SECONDS = 2.0
"""For a whole exchange; the dialplan waits less than that (PRIVACY_AGI_SECONDS)."""
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class AgiRequest:
    """`script` and `parameters` from agi://host/script?name=value; `caller` is the caller's number or empty. `channel` is the one that is
    asked for: the parameter of that name, since for an outbound call another channel does the asking, or else the asking one."""

    channel: str
    script: str
    parameters: Mapping[str, str]
    caller: str


class AgiProblem(Exception):
    """What a peer did wrong, in words for the log."""


def parse_request(lines: list[str]) -> AgiRequest:
    """The agi_* environment. Raises AgiProblem naming the line that is wrong or missing."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise AgiProblem(f"a line that is no agi_ variable: {line[:40]!r}")
        fields[name] = value.strip()
    channel = fields.get("agi_uniqueid", "")
    if not channel:
        raise AgiProblem("no agi_uniqueid")
    try:
        url = urlsplit(fields.get("agi_request", ""))
        parameters = dict(parse_qsl(url.query, keep_blank_values=True))
    except ValueError:
        raise AgiProblem("an agi_request that is no address") from None
    caller = fields.get("agi_callerid", "")
    return AgiRequest(parameters.get("channel") or channel, url.path.strip("/"), parameters, "" if caller == "unknown" else caller)


def quoted(value: str) -> str:
    """For `SET VARIABLE`: control characters out, quotes and backslashes escaped."""
    clean = "".join(c for c in value if c.isprintable())
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


Handler = Callable[[AgiRequest], Mapping[str, str]]


class FastAgiServer:
    """`handler` must not block; it returns the channel variables to set. `problems` counts peers that were dropped; `unheard` is told of
    each request of theirs whose answer they did not take whole, `took` of each other exchange how many seconds it lasted."""

    def __init__(
        self,
        handler: Handler,
        seconds: float = SECONDS,
        took: Callable[[float], None] = lambda _seconds: None,
        unheard: Callable[[AgiRequest], None] = lambda _request: None,
    ) -> None:
        self._handler = handler
        self._seconds = seconds
        self._took = took
        self._unheard = unheard
        self._server: asyncio.Server | None = None
        self.problems = 0
        self.served = 0

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the address cannot be had."""
        self._server = await asyncio.start_server(self._serve, host, port, backlog=BACKLOG, limit=MAX_LINE)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began, asked = time.monotonic(), None
        try:
            async with within(self._seconds):
                request = parse_request(await _environment(reader))
                answer_with = self._handler(request)
                asked = request
                for name, value in answer_with.items():
                    writer.write(f"SET VARIABLE {name} {quoted(value)}\n".encode())
                    await writer.drain()
                    answer = await reader.readline()
                    if not answer.startswith(b"200"):
                        raise AgiProblem(f"SET VARIABLE {name} was answered {answer[:40]!r}")
                asked = None
                self.served += 1
                self._took(time.monotonic() - began)
        except AgiProblem as problem:
            self._drop(str(problem))
        except TimeoutError:
            self._drop(f"nothing complete within {self._seconds:g} s")
        except (ValueError, asyncio.LimitOverrunError):
            self._drop(f"a line longer than {MAX_LINE} bytes")
        except OSError as error:
            self._drop(str(error))
        finally:
            writer.close()
            if asked is not None:
                self._unheard(asked)

    def _drop(self, why: str) -> None:
        self.problems += 1
        log.warning("FastAGI request dropped: %s; that call goes on unrecorded", why)


async def _environment(reader: asyncio.StreamReader) -> list[str]:
    lines: list[str] = []
    while True:
        line = (await reader.readline()).decode("utf-8", "replace")
        if not line.endswith("\n"):
            raise AgiProblem("the connection closed before the request was complete")
        if not line.strip():
            return lines
        if len(lines) >= MAX_LINES:
            raise AgiProblem(f"more than {MAX_LINES} lines")
        lines.append(line.strip())
