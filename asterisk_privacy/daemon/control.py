"""The control socket: a unix socket on which `asterisk-privacy status` and others ask the running daemon. A word with perhaps an argument
there, one line of JSON back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from asterisk_privacy.asterisk.time_limits import within
from asterisk_privacy.errors import OperatorError

ASK_SECONDS = 3.0
MOST_BYTES = 1 << 20

Report = dict[str, object]
Answer = Callable[[str], Awaitable[Report]]


class ControlServer:
    """Answers each known word with a report; an answer is given what stands behind its word."""

    def __init__(self, path: Path, answers: Mapping[str, Answer]) -> None:
        self._path = path
        self._answers = answers
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises OSError. A socket left behind by a dead daemon is replaced; two living ones are kept apart by the lock file."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, self._path)
        os.chmod(self._path, 0o660)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = (TimeoutError, ValueError, OSError)  # a peer that went away or talked nonsense; the next one is served
        try:
            line = ""
            with contextlib.suppress(*gone):
                async with within(ASK_SECONDS):
                    line = (await reader.readline()).decode("ascii", "replace").strip()
            word, _, rest = line.partition(" ")
            answer = self._answers.get(word)
            reply: Report = {"error": f"unknown request; known: {', '.join(self._answers)}"} if answer is None else await answer(rest)
            with contextlib.suppress(*gone):
                async with within(ASK_SECONDS):
                    writer.write(json.dumps(reply).encode() + b"\n")
                    await writer.drain()
        finally:
            writer.close()


def ask(path: Path, word: str, seconds: float = ASK_SECONDS) -> Report:
    """Asks the daemon, from another process. Raises OperatorError if none answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(seconds)
            client.connect(str(path))
            client.sendall(word.encode() + b"\n")
            with client.makefile("rb") as stream:
                line = stream.readline(MOST_BYTES)
        reply = json.loads(line)
    except (OSError, ValueError) as error:
        raise OperatorError(
            f"no daemon answers at {path} ({error or 'no answer'}): is it running? try: systemctl status asterisk-privacy"
        ) from error
    if not isinstance(reply, dict) or "error" in reply:
        raise OperatorError(f"the daemon at {path} does not understand '{word}': it is of another version; restart it")
    return reply
