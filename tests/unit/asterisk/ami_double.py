"""A peer that speaks AMI on a real socket, and every fault that a real one shows seldom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from asterisk_privacy.asterisk.ami import Ami, AmiAccess

Fields = dict[str, str]
Reply = Callable[[Fields], bytes]


def success(fields: Fields, **more: str) -> bytes:
    lines = {"Response": "Success", "ActionID": fields["actionid"], **more}
    return "".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode() + b"\r\n"


def error(fields: Fields, message: str) -> bytes:
    return f"Response: Error\r\nActionID: {fields['actionid']}\r\nMessage: {message}\r\n\r\n".encode()


class ToyAmi:
    """Answers an action with what `replies` makes of it; without an entry: success. Keeps what it was asked, in order, in `asked`."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[Fields] = []
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def actions(self) -> list[str]:
        return [fields["action"] for fields in self.asked]

    def of(self, action: str) -> list[Fields]:
        return [fields for fields in self.asked if fields["action"] == action]

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        writer.write(b"Asterisk Call Manager/9.0.0\r\n")
        fields: Fields = {}
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            if text:
                key, _, value = text.partition(":")
                fields[key.lower()] = value.strip()
            elif fields:
                self.asked.append(fields)
                writer.write(self.replies.get(fields["action"], success)(fields))
                fields = {}
        writer.close()
        self._writers.discard(writer)


@asynccontextmanager
async def connected(toy: ToyAmi, ask_seconds: float = 2.0) -> AsyncIterator[Ami]:
    server = await asyncio.start_server(toy.serve, "127.0.0.1", 0)
    toy.port = server.sockets[0].getsockname()[1]
    ami = Ami(AmiAccess("127.0.0.1", toy.port, "recorder", "secret"), ask_seconds, backoff=(0.01,))
    running = asyncio.create_task(ami.run())
    try:
        async with asyncio.timeout(5):
            await ami.ready.wait()
        yield ami
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        toy.hang_up()
        server.close()
