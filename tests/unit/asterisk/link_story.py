"""A link to a toy ARI, and everything that it told, in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ari_double import ToyAri

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Ari, AriAccess, Reading
from asterisk_privacy.asterisk.link import Link, Pace
from asterisk_privacy.call import pbx

PACE = Pace(ping=0.02, silence=0.3, backoff=(0.02, 0.05, 0.3), stable=0.1, next_look=0.02)


class Story:
    """The listener: everything it was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.link: Link | None = None
        self.fail_at: str | None = None
        self.at_event: Callable[[], None] = lambda: None

    def link_up(self, reading: Reading) -> None:
        self.told.append(("up", reading))

    def pbx_told(self, event: ae.AriEvent) -> None:
        if self.fail_at == "event":
            raise RuntimeError("planted")
        self.at_event()
        self.told.append(("event", event))

    def link_down(self, why: str) -> None:
        self.told.append(("down", why))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]

    @property
    def readings(self) -> list[Reading]:
        return [what for _, what in self.told if isinstance(what, Reading)]

    @property
    def held(self) -> list[str]:
        return [what.channel for _, what in self.told if isinstance(what, pbx.Held)]


@asynccontextmanager
async def running(toy: ToyAri, pace: Pace = PACE) -> AsyncIterator[tuple[Link, Story, asyncio.Task[None]]]:
    ari = Ari(AriAccess(toy.url, "u", "p"), "app", request_seconds=0.3, handshake_seconds=0.3)
    await ari.open()
    story = Story()
    link = Link(ari, story, 1.0, pace)
    task = asyncio.create_task(link.run())
    try:
        yield link, story, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ari.close()


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.005)
