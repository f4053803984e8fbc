"""The page's end of the socket: it has no access to the registry's file, and cannot change, read or lock it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.review.desk import wire
from asterisk_privacy.review.desk.agreeing import Contradiction, Differences, refuse
from asterisk_privacy.review.desk.requests import Request
from asterisk_privacy.review.desk.signing import Healthy

log = logging.getLogger(__name__)

T = TypeVar("T")
MOST_AT_ONCE = 8
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
LONG_SECONDS = 600.0


class RecorderAway(OperatorError):
    """Nobody answers at the socket. Without an audit entry nothing is heard, so nothing can be done but wait."""


class SocketDesk:
    """For one event loop. Connections are kept: while one is open, the other end stays ready.

    `places`: of the page's own configuration. At each new connection the recorder, which may have read its own anew, says whether they
    are still its own too; None: nobody asks that.
    """

    def __init__(self, path: Path, places: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._places = places
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)

    async def ask(self, request: Request[T]) -> T:
        """RecorderAway: nobody is there. Contradiction: it goes by another configuration. OperatorError: what the registry says, or that
        it is not known what became of the request."""
        async with self._turns:
            reader, writer = await self._connection()
            kept = False
            try:
                answer = await self._answer(request, reader, writer)
                kept = True
            finally:
                if kept:
                    self._idle.append((reader, writer))
                else:
                    writer.close()
        if isinstance(answer, wire.Unanswered):
            raise OperatorError(answer.words)
        return cast(T, answer)

    async def agree(self) -> None:
        """Contradiction. Whatever else stands in the way is told to who asks for something."""
        try:
            await self.ask(Healthy())
        except Contradiction:
            raise
        except OperatorError as error:
            log.warning("%s", error)

    async def _answer(self, request: Request[T], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> object:
        try:
            async with asyncio.timeout(LONG_SECONDS if request.long else ANSWER_SECONDS):
                writer.write(wire.framed(wire.encoded(request)))
                await writer.drain()
                data = await wire.read(reader, wire.MOST_ANSWER)
            if data is None:
                raise OperatorError(f"{self._path}: the recorder ended before it answered; look whether it was done, then try again")
            return wire.answer_of(data, request)
        except (OSError, TimeoutError, wire.Nonsense) as error:
            raise OperatorError(
                f"{self._path}: no answer that can be read ({error or 'it took too long'}); is the recorder of the same version?"
            ) from error

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._path)
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or "no answer"
            raise RecorderAway(
                f"{self._path}: the recorder does not answer ({why}), so nothing is shown or played; start it: "
                "systemctl start asterisk-privacy"
            ) from error
        try:
            await self._compare(reader, writer)
        except BaseException:
            writer.close()
            raise
        return reader, writer

    async def _compare(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._places is None:
            return
        answer = await self._answer(Differences(dict(self._places)), reader, writer)
        if isinstance(answer, wire.Unanswered):
            raise OperatorError(answer.words)
        refuse(cast(tuple[str, ...], answer))

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()
