"""An AudioSocket server that keeps what came: the UUID, and each message's kind, length and time."""

from __future__ import annotations

import asyncio
import struct
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType

import numpy as np
import numpy.typing as npt
from serving import Serving


@dataclass
class Tap:
    uuid: str = ""
    messages: list[tuple[float, int, int]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def samples(self) -> npt.NDArray[np.int16]:
        return np.frombuffer(bytes(self.audio), "<i2")


class ToyAudioSocket:
    def __init__(self) -> None:
        self.taps: dict[str, Tap] = {}
        self._serving = Serving(self._serve)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._serving.port}"

    async def __aenter__(self) -> ToyAudioSocket:
        await self._serving.start("127.0.0.1")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._serving.stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tap = Tap()
        try:
            while True:
                kind, size = struct.unpack("!BH", await reader.readexactly(3))
                body = await reader.readexactly(size)
                if kind == 0x01:
                    tap.uuid = str(uuid.UUID(bytes=body))
                    self.taps[tap.uuid] = tap
                    continue
                tap.messages.append((time.monotonic(), kind, size))
                if kind == 0x10:
                    tap.audio += body
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            tap.ended.set()
            writer.close()
