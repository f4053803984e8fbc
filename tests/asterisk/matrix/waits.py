"""Scripts: every kind of hold, queues, parking, rooms."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import moves

from asterisk_privacy.call.timeline import SpanKind

if TYPE_CHECKING:
    from stage import Scene


async def agent_sendonly(s: Scene) -> None:
    await s.connected()
    await s.hold(s.anna, "sendonly")
    await s.talk()
    await s.bye()


async def agent_inactive(s: Scene) -> None:
    await s.connected()
    await s.hold(s.anna, "inactive")
    await s.talk()
    await s.bye()


async def agent_c0(s: Scene) -> None:
    await s.connected()
    await s.hold(s.anna, "c0")
    await s.talk()
    await s.bye()


async def customer_holds(s: Scene) -> None:
    await s.connected()
    for kind in ("sendonly", "inactive"):
        await s.hold(s.cora, kind)
        await s.talk()
    await s.bye()


async def both_hold(s: Scene) -> None:
    """Nested: the agent's hold begins and ends within the customer's, then the other way round, then overlapping."""
    await s.connected()
    legs = s.talks[-1].legs
    for first, second in ((s.cora, s.anna), (s.anna, s.cora)):
        for last in (first, second):
            s.end(await first.hold(), SpanKind.HOLD)
            s.fall_silent()
            await s.talk(0.2)
            await second.hold("inactive")
            await s.talk(0.2)
            await (second if last is first else first).unhold()
            await s.talk(0.3)
            await s.unhold(last.leg, legs)
            await s.talk(0.5)
    await s.bye()


async def hold_repeated(s: Scene) -> None:
    """Phones repeat a hold and change its kind; one unhold ends it."""
    await s.connected()
    legs = s.talks[-1].legs
    s.end(await s.anna.hold("sendonly"), SpanKind.HOLD)
    s.fall_silent()
    for kind in ("sendonly", "inactive", "sendonly", "c0"):
        await s.talk(0.15)
        await s.anna.hold(kind)
    await s.talk(0.2)
    await s.unhold(s.anna.leg, legs)
    await s.anna.unhold()
    await s.talk()
    await s.bye()


async def hold_at_once(s: Scene) -> None:
    leg = await s.connected(seconds=0.05)
    await s.hold(s.anna, leg=leg)
    await s.talk()
    await s.bye()


async def unhold_and_hold(s: Scene) -> None:
    await s.connected()
    for seconds in (0.02, 0.1, 0.18):
        await s.hold(s.anna, seconds=0.4)
        await s.talk(seconds)
        await s.hold(s.anna, seconds=0.4)
        await s.talk(0.5)
    await s.bye()


async def hang_up_while_held(s: Scene) -> None:
    await s.connected()
    s.end(await s.anna.hold(), SpanKind.HOLD)
    s.fall_silent()
    await s.talk(0.8)
    await s.bye()


async def passthrough(s: Scene) -> None:
    await s.connected("mia", "mia")
    await s.hold(s.people["mia"], "sendonly")
    await s.talk()
    await s.hold(s.people["mia"], "inactive")
    await s.talk()
    await s.bye()


async def queue(s: Scene) -> None:
    """The agent lets it ring once, and answers when the queue tries again."""
    await s.cora.call(s.number("queue"))
    await s.anna.rings()
    await asyncio.sleep(0.3)
    await s.answered_by(s.anna, 0.8)
    await s.bye()


async def queue_local(s: Scene) -> None:
    await s.cora.call(s.number("local"))
    leg = await s.anna.rings()
    await asyncio.sleep(0.8)
    await s.will_speak(s.cora, s.anna)
    s.begin(await s.anna.picks_up(leg), s.cora, leg)
    await s.talk()
    await s.hold(s.anna)
    await s.talk()
    await s.bye()


async def back_to_the_queue(s: Scene) -> None:
    await s.connected("queue", seconds=0.8)
    await moves.moves_away(s, s.anna, s.number("back"))
    await asyncio.sleep(0.5)
    await s.answered_by(s.anna, 0.8)
    await s.bye()
