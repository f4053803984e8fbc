"""Phones that speak on a network of their own, a PBX that tells where, and snoops that only note that they were asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf

import numpy as np
from own_net import LOCAL, udp
from rtp_bytes import rtp_bytes

from asterisk_privacy.asterisk.taps import Tap
from asterisk_privacy.asterisk.wire.capture import WireCapture
from asterisk_privacy.asterisk.wire.packets import Deliver, PacketRing
from asterisk_privacy.asterisk.wire.rtp import PCMU
from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES


def sound_of(code: int) -> int:
    """A sample's."""
    return int(ulaw.decode(np.array([code], np.uint8))[0])


class Phone:
    """At a port of its own, speaking to one of Asterisk's. `code`: what each sample of its voice is, in µ-law."""

    def __init__(self, code: int, asterisk_port: int) -> None:
        self.code = code
        self.asterisk_port = asterisk_port
        self.source = 1000 + code
        self.to = LOCAL  # which of Asterisk's addresses
        self._socket = udp()
        self._number = 0
        self._timestamp = 0

    def __enter__(self) -> Phone:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    @property
    def where(self) -> str:
        """As Asterisk tells it."""
        return f"{LOCAL}:{self.asterisk_port} {LOCAL}:{self._socket.getsockname()[1]} (null) 0 (ulaw)"

    def moves(self) -> None:
        self._socket.close()
        self._socket = udp()

    def say(self, packets: int = 1, *, kind: int = PCMU, code: int | None = None, samples: int = FRAME_SAMPLES) -> None:
        for _ in range(packets):
            self.send(bytes([code or self.code]) * samples, samples, kind)

    def send(self, payload: bytes, step: int = FRAME_SAMPLES, kind: int = PCMU) -> None:
        """`step`: by how much its clock goes on after it."""
        self._number += 1
        self._socket.sendto(rtp_bytes(payload, self._number, self._timestamp, self.source, kind), (self.to, self.asterisk_port))
        self._timestamp += step


class Pbx:
    """Asked as Asterisk is. `places`: what it says of a channel; a future: when that is done."""

    def __init__(self) -> None:
        self.places: dict[str, str | Exception | asyncio.Future[str] | None] = {}
        self.rooms: dict[str, str | None] = {}  # in which application, if not Dial
        self.asked: list[str] = []

    async def application(self, channel: str) -> str | None:
        return self.rooms.get(channel, "Dial")

    async def variable(self, channel: str, name: str) -> str | None:
        assert "CHANNEL(rtp,src)" in name
        self.asked.append(channel)
        answer = self.places.get(channel)
        if isinstance(answer, asyncio.Future):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        return answer


class Snoop:
    may_be_deaf = True
    told_until = inf

    def __init__(self, channel: str, ended: Callable[[], None]) -> None:
        self.channel = channel
        self.ended = ended
        self.heard = 0
        self.stopped = False

    def hear(self) -> None:
        self.heard += 1

    def stop(self) -> None:
        self.stopped = True


class Snoops:
    """`made`: in the order in which they were asked for."""

    attached = failed = 0

    def __init__(self) -> None:
        self.made: list[Snoop] = []

    def attach(self, channel: str, sink: object, ended: Callable[[], None]) -> Snoop:
        self.made.append(Snoop(channel, ended))
        return self.made[-1]

    def report(self) -> dict[str, int]:
        return {}

    async def drained(self) -> None:
        pass

    @property
    def channels(self) -> list[str]:
        return [snoop.channel for snoop in self.made]


class Ring(PacketRing):
    """The real one, that notes what it is asked. `ports`: listened to now; `seen`: each payload that left the kernel."""

    def __init__(self) -> None:
        self.ports: set[int] = set()
        self.seen: list[bytes] = []
        self.refuses: OSError | None = None
        self.ahead = 0.0  # of the clock by which silence is judged
        super().__init__()

    @property
    def read_at(self) -> float:
        return super().read_at + self.ahead

    def only(self, ports: Collection[int]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.ports = set(ports)
        super().only(ports)

    def read(self, deliver: Deliver) -> None:
        def note(port: int, sender: bytes, payload: bytes | None, arrived: float) -> None:
            self.seen.append(payload or b"")
            deliver(port, sender, payload, arrived)

        super().read(note)


@dataclass
class Sink:
    """What one tap told."""

    samples: bytes = b""
    runs: list[tuple[float, int, list[float]]] = field(default_factory=list)  # complete at, frames, each here by

    def __call__(
        self, complete_at: float, samples: bytes, here_by: np.typing.NDArray[np.float64] | None = None, _came: object = None
    ) -> None:
        self.samples += samples
        self.runs.append((complete_at, len(samples) // FRAME_BYTES, [] if here_by is None else [float(at) for at in here_by]))

    @property
    def frames(self) -> int:
        return len(self.samples) // FRAME_BYTES

    @property
    def sounds(self) -> set[int]:
        return {int(v) for v in np.frombuffer(self.samples, np.int16)}


class World:
    def __init__(self) -> None:
        self.pbx, self.snoops, self.ring, self.alarms = Pbx(), Snoops(), Ring(), list[str]()
        self.capture = WireCapture(self.pbx, self.ring, self.snoops, self.alarms.append)  # type: ignore[arg-type]

    def tap(self, channel: str, sink: Callable[..., None] | None = None) -> Tap:
        return self.capture.attach(channel, sink or Sink(), lambda: None)

    async def settled(self) -> None:
        """All that was asked has been answered, and the kernel has been told."""
        await self.capture.drained()
        for _ in range(3):
            await asyncio.sleep(0)


async def until(done: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.005)
