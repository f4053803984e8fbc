"""Many short holds on all lanes at once, while somebody asks ARI how it is: what a hold costs, and whether holds can starve it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from plan import LANES
from table import Row

if TYPE_CHECKING:
    from play import House
    from stage import Scene

HOLDS = 12
BUSY = 0.02
"""Asterisk may take this long to see a re-INVITE when a hundred others come within seconds."""


@dataclass(slots=True)
class Storm:
    holds: int
    attached: int
    requests: int
    answers: list[float] = field(default_factory=list)
    """Seconds that ARI took to answer somebody else in the meantime."""

    def __str__(self) -> str:
        late = 1000 * np.percentile(self.answers, [50, 99, 100])
        return (
            f"{self.holds} short holds in {LANES} calls: {self.requests / self.holds:.1f} ARI requests and "
            f"{self.attached / self.holds:.1f} new taps a hold; ARI answered others after {late[0]:.0f} ms (median), "
            f"{late[1]:.0f} ms (99 %), {late[2]:.0f} ms (most)"
        )


def rows() -> list[Row]:
    return [
        Row(f"storm-{lane}", "Storm", "short holds", "talk", "holds", _script(lane), bounds={"timeline": 0.15}) for lane in range(LANES)
    ]


def _script(seed: int):  # type: ignore[no-untyped-def]
    async def play(s: Scene) -> None:
        rng = random.Random(seed)
        await s.connected()
        for _ in range(HOLDS):
            legs, at = s.talks[-1].legs, await s.anna.hold(rng.choice(("sendonly", "inactive")))
            s.end(at, None, at + BUSY)
            s.fall_silent()
            await s.talk(rng.uniform(0.02, 0.15))
            await s.unhold(s.anna.leg, legs)
            # half of the conversations between are over before the debounce (60 ms) believes in them
            await s.talk(rng.choice((0.0, rng.uniform(0.1, 0.3))))
        await s.talk(0.3)
        await s.bye()

    return play


async def asked(house: House, storm: Storm) -> None:
    """Until cancelled: how long ARI takes for something harmless."""
    while True:
        begun = time.monotonic()
        await asyncio.to_thread(house.ari, "asterisk/variable?variable=EPOCH")
        storm.answers.append(time.monotonic() - begun)
        await asyncio.sleep(0.05)


def counted(house: House) -> tuple[int, int]:
    status = house.site.status()
    return int(status["capture"]["attached"]), int(status["ari"]["requests"])
