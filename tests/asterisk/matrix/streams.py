"""Scripts: codecs, sound that stops, gets lost, or begins anew."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import moves

from asterisk_privacy.call.timeline import SpanKind

if TYPE_CHECKING:
    from stage import Person, Scene

LOSS_SECONDS = 590.0 if os.environ.get("ASTERISK_PRIVACY_LONG") else 60.0
NOTHING_SECONDS = 8.0
BACK = -5000


async def talk_hold_talk(s: Scene) -> None:
    await s.connected()
    await s.hold(s.anna)
    await s.talk()
    await s.bye()


async def to_another_codec(s: Scene) -> None:
    await s.connected()
    await moves.blind(s, s.anna, s.ben)
    await s.hold(s.ben)
    await s.talk()
    await s.bye()


async def no_sound(s: Scene) -> None:
    await s.connected()
    mouth = s.cora.mouths[s.cora.leg.number]
    mouth.silent = True
    await s.talk(NOTHING_SECONDS)
    mouth.silent = False
    await s.talk(1.0)
    await s.bye()


async def loss(s: Scene) -> None:
    await s.connected()
    rng, media = random.Random(7), s.anna.leg.media
    loop = asyncio.get_running_loop()
    end, lost_until = loop.time() + LOSS_SECONDS, media.frame
    while loop.time() < end:
        while lost_until < media.frame:  # one throw a frame, however late this loop is
            lost_until += 1
            if rng.random() < 0.15:
                media.lose(1)
        await asyncio.sleep(0.02)
    await s.bye()


async def restart_in_talk(s: Scene, who: Person, *others: Person, times: int = 6) -> None:
    await s.connected()
    for _ in range(times):
        for person in (who, *others):
            person.leg.media.step_sequence(BACK)
        await s.talk(2.2)
    await s.bye()


async def agent_restarts(s: Scene) -> None:
    await restart_in_talk(s, s.anna)


async def customer_restarts(s: Scene) -> None:
    await restart_in_talk(s, s.cora)


async def both_restart(s: Scene) -> None:
    """Both within one second: Asterisk is deaf to both until a hold or a move, and hears them again then."""
    await s.connected()
    for person in (s.anna, s.cora):
        person.leg.media.step_sequence(BACK)
    await s.talk(3.0)
    await s.hold(s.anna)
    await s.talk(1.0)
    await s.bye()


async def agent_restarts_after_hold(s: Scene) -> None:
    await restart_after_hold(s, s.anna)


async def customer_restarts_after_hold(s: Scene) -> None:
    await restart_after_hold(s, s.cora)


async def restart_after_hold(s: Scene, who: Person) -> None:
    """With the first packet after the unhold was sent, as phones do that make a new stream of it."""
    await s.connected()
    legs = s.talks[-1].legs
    for _ in range(8):
        s.end(await s.anna.hold(), SpanKind.HOLD)
        s.fall_silent()
        await s.talk(0.25)
        await s.unhold(s.anna.leg, legs)
        who.leg.media.step_sequence(BACK)
        await s.talk(1.5)
    await s.bye()


async def transfers(s: Scene) -> None:
    """Each agent's sequence numbers begin below those of the one before."""
    await s.connected()
    await moves.blind(s, s.anna, s.ben)
    await moves.blind(s, s.ben, s.dora)
    await s.talk(1.0)
    await s.bye()


async def transfers_attended(s: Scene) -> None:
    await moves.consult_refer(s, seconds=0.3)
    await s.talk(1.5)
    await moves.park(s, s.ben)
    await moves.retrieve(s, s.dora)
    await s.talk(1.5)
    await s.bye()
