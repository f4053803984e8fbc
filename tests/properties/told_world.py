"""The made-up Asterisk, which also remembers when each piece of news and each frame was looked at: what could be known, and when."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scenarios.sound import DIGIT, Tap
from scenarios.world import World

from asterisk_privacy.audio.frames import FRAME_SECONDS
from asterisk_privacy.call import events as ev
from asterisk_privacy.call import pbx
from asterisk_privacy.call.switchboard import Switchboard

PLACE = {int(value): place - 1 for place, value in enumerate(DIGIT)}  # as sound.written writes a frame's number


@dataclass(frozen=True)
class News:
    """True at `at`, looked at by the daemon at `arrived`, both in seconds of the call."""

    at: float
    arrived: float


class ToldWorld(World):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.news: list[News] = []
        self.keys: list[tuple[News, ev.AgentKey]] = []
        self.read_at: dict[int, float] = {}  # by the frame's number
        self.back_at: list[float] = []  # when all was read again
        self.announced = False
        self._newest = 0.0
        super().__init__(*args, **kwargs)

    def receive(self, event: ev.Event) -> None:
        self.announced = self.announced or isinstance(event, ev.NoticeEnded)
        if isinstance(event, ev.KeyPressed):
            self.keys.append((News(event.at, self.now), event.key))
        super().receive(event)

    def emit(self, event: pbx.PbxEvent, lag: float | None = None) -> None:
        before = self._count
        super().emit(event, lag)
        self.seen["twice"] += self._count - before - 1

    def _deliver(self, at: float, late: float, what: Callable[[], None]) -> None:
        def arrive() -> None:
            if at < self._newest:
                self.seen["reordered"] += 1
            if self.now - at > 0.1:
                self.seen["late"] += 1
            self._newest = max(self._newest, at)
            self.news.append(News(at, self.now))
            what()

        super()._deliver(at, late, arrive)

    def _read(self, board: Switchboard) -> None:
        self.seen["link back"] += 1
        self.back_at.append(self.now)
        super()._read(board)

    def take(self, tap: Tap, at: float, frames: list[bytes]) -> None:
        place = 6 * self._places.get(tap.channel, 0)
        for ago, samples in enumerate(reversed(frames)):
            first, second, third = (PLACE[digit] for digit in struct.unpack_from("<3h", samples, place))
            self.read_at[first * 14400 + second * 120 + third] = at - FRAME_SECONDS * ago
        super().take(tap, at, frames)
