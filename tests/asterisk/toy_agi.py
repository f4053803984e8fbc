"""A FastAGI server that answers as told, or misbehaves as told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType

from serving import Serving

ANSWER, CLOSE, SILENT, SLOW, STALL, LINGER, LATE = "answer", "close", "silent", "slow", "stall", "linger", "late"
"""SLOW: answers in pieces of a few bytes, done within the bound. STALL: sets all variables but the last, then says nothing more.
LINGER: sets all, but does not end the conversation. LATE: answers after `late` seconds."""
LATE_SECONDS = 1.0


class ToyAgi:
    """Answers one question with channel variables; `requests` holds the agi_ variables of each connection."""

    def __init__(self, mode: str = ANSWER, variables: Mapping[str, str] | None = None) -> None:
        self.mode = mode
        self.variables = dict(variables or {})
        self.late = LATE_SECONDS
        self.requests: list[dict[str, str]] = []
        self._serving = Serving(self._serve)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._serving.port}"

    async def __aenter__(self) -> ToyAgi:
        await self._serving.start("127.0.0.1")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._serving.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.mode != CLOSE:
                await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\n\n")).decode()
        self.requests.append(dict(line.split(": ", 1) for line in head.strip().splitlines() if ": " in line))
        if self.mode == SILENT:
            await reader.read()  # until Asterisk gives up
            return
        if self.mode == LATE:
            await asyncio.sleep(self.late)
        for n, (name, value) in enumerate(self.variables.items()):
            if self.mode == STALL and n == len(self.variables) - 1:
                await reader.read()
                return
            command = f'SET VARIABLE {name} "{value}"\n'.encode()
            step = 5 if self.mode == SLOW else len(command)
            for at in range(0, len(command), step):
                writer.write(command[at : at + step])
                await writer.drain()
                if self.mode == SLOW:
                    await asyncio.sleep(0.01)
            await reader.readline()
        if self.mode == LINGER:
            await reader.read()
