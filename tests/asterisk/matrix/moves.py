"""Scripts: parking, transfers, pick-up, rooms, calling out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from asterisk_privacy.call.timeline import SpanKind

if TYPE_CHECKING:
    from stage import Person, Scene

    from asterisk_privacy.lab.leg import Leg

TWO_DIGITS = 0.6
"""After this, two digits of RFC 4733 were recognised: 0.26 s, and some."""
MOVED = 0.04
"""Asterisk says 202 to a REFER first and moves the call then: 1 ms later, 5 ms at most in 48 transfers, more on a busy machine."""


async def until(moment: float) -> None:
    """Only then may a voice be private that was not before: when the key was surely recognised."""
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def refer(s: Scene, who: Person, target: str | Leg) -> float:
    at = time.monotonic()
    status = await who.refer(target)
    assert status == 202, status
    return at


async def moves_away(s: Scene, who: Person, target: str) -> None:
    """REFER; from the moment on when the customer has surely left, everybody is private."""
    at = await refer(s, who, target)
    s.end(at, SpanKind.WAIT)
    await s.talk(MOVED)
    s.talks[-1].ended = time.monotonic()
    s.fall_silent()


async def blind(s: Scene, who: Person, to: Person) -> None:
    await moves_away(s, who, s.number(to.who))
    leg = await to.rings()
    await asyncio.sleep(0.3)
    await s.will_speak(s.cora, to)
    s.begin(await to.picks_up(leg), s.cora, leg)
    await s.talk()


async def blind_refer(s: Scene) -> None:
    await s.connected()
    await blind(s, s.anna, s.ben)
    await s.bye()


async def press_to_wait(s: Scene, who: Person, keys: str, kind: SpanKind | None = SpanKind.WAIT) -> None:
    """Only the phones' ears tell when Asterisk knew the keys: the customer has music then."""
    pressed = await who.press(keys)
    s.end(pressed, kind)
    await s.until_music(s.cora, pressed)
    s.talks[-1].ended = time.monotonic()
    s.fall_silent()
    await s.talk(0.4)


async def blind_feature(s: Scene) -> None:
    await s.connected()
    await press_to_wait(s, s.anna, "#1", SpanKind.HOLD)
    await s.anna.press(f"5{s.lane}2")
    await s.answered_by(s.ben)
    await s.bye()


async def consult_feature(s: Scene) -> Leg:
    """*2, the colleague's number, the colleague answers: nobody is in conversation with the customer. Returns the colleague's call."""
    await s.connected()
    await press_to_wait(s, s.anna, "*2", None)
    await s.anna.press(f"5{s.lane}2")
    leg = await s.ben.rings()
    await s.ben.picks_up(leg)
    await s.talk(0.6)
    return leg


async def attended_feature(s: Scene) -> None:
    leg = await consult_feature(s)
    await s.will_speak(s.cora, s.ben)
    at = time.monotonic()
    s.anna.leg.hangup()
    s.begin(at, s.cora, leg, until=at + 0.3)
    await s.talk(1.0)
    await s.bye()


async def three_way_feature(s: Scene) -> None:
    leg = await consult_feature(s)
    await s.will_speak(s.cora, s.anna)
    s.ben.mouths[leg.number].silent = True
    pressed = await s.anna.press("*3")
    s.begin(pressed, s.cora, s.anna.leg, leg, until=pressed + TWO_DIGITS)
    await s.talk(0.9)
    s.anna.mouths[s.anna.leg.number].silent = True
    s.ben.speak()
    s.ben.mouths[leg.number].silent = False
    await s.talk(0.9)
    at = time.monotonic()
    s.anna.leg.hangup()
    s.end(at, None, at + 0.02)
    s.begin(at, s.cora, leg, until=at + 0.1, same=True)
    await s.talk()
    await s.bye()


async def consult_ended_by_colleague(s: Scene) -> None:
    await consult_feature(s)
    legs = s.talks[-1].legs
    await s.will_speak(s.cora, s.anna)
    at = time.monotonic()
    s.ben.leg.hangup()
    s.begin(at, *legs, until=await s.until_heard(s.cora, s.anna))
    await s.talk()
    await s.bye()


async def consult_aborted(s: Scene) -> None:
    await consult_feature(s)
    legs = s.talks[-1].legs
    await s.will_speak(s.cora, s.anna)
    pressed = await s.anna.press("*1")
    s.begin(pressed, *legs, until=await s.until_heard(s.cora, s.anna))
    await s.talk()
    await s.bye()


async def feature_hold_given_up(s: Scene) -> None:
    """*2, and then no number: after some seconds Asterisk brings them together again."""
    await s.connected()
    legs = s.talks[-1].legs
    await press_to_wait(s, s.anna, "*2", SpanKind.HOLD)
    await s.talk(1.0)
    await s.will_speak(s.cora, s.anna)
    at = time.monotonic()
    s.begin(at, *legs, until=await s.until_heard(s.cora, s.anna))
    await s.talk()
    await s.bye()


async def attended_refer(s: Scene) -> None:
    leg = await consult_refer(s)
    await s.talk()
    await s.hold(s.ben, leg=leg, seconds=0.3)
    await s.talk()
    await s.bye()


async def consult_refer(s: Scene, seconds: float = 0.5) -> Leg:
    """Hold, call the colleague on a second line, join the two. Returns the colleague's call, in conversation."""
    if not s.talks:
        await s.connected()
    s.end(await s.anna.hold(), SpanKind.HOLD)
    s.fall_silent()
    second = await s.anna.call(s.number("ben"))
    leg = await s.ben.rings()
    await s.ben.picks_up(leg)
    await s.talk(seconds)
    await s.will_speak(s.cora, s.ben)
    at = await refer(s, s.anna, second)
    s.begin(at, s.cora, leg, until=time.monotonic() + 0.05)
    return leg


# -- parking


async def park(s: Scene, who: Person, digit: int = 8) -> None:
    leg = who.leg
    await moves_away(s, who, f"{digit}{s.lane}0")
    for _ in range(40):  # hang up when told how it went, as phones do
        if leg.notifies or leg.ended_at:
            break
        await asyncio.sleep(0.03)
    leg.hangup()
    await who.gone(leg)


async def retrieve(s: Scene, who: Person) -> None:
    await s.will_speak(s.cora, who)
    at = time.monotonic()
    leg = await s.dials(who, f"8{s.lane}1")
    s.begin(at, s.cora, leg, until=leg.answered_at + 0.05)


async def park_same(s: Scene) -> None:
    leg = await s.connected()
    await press_to_wait(s, s.anna, "*7")
    await s.anna.gone(leg)
    await s.talk(0.5)
    await retrieve(s, s.anna)
    await s.talk()
    await s.bye()


async def park_another(s: Scene) -> None:
    await s.connected()
    await park(s, s.anna)
    await s.talk(0.6)
    await retrieve(s, s.ben)
    await s.talk()
    await s.bye()


async def park_time_out(s: Scene) -> None:
    await s.connected()
    await park(s, s.anna, 9)
    await s.answered_by(s.anna)
    await s.bye()


async def parked_and_gone(s: Scene) -> None:
    await s.connected()
    await park(s, s.anna)
    await s.talk(0.6)
    await s.bye()


# -- pick-up and rooms


async def pick_up(s: Scene) -> None:
    await s.cora.call(s.number("ben"))
    await s.ben.rings()
    await s.talk(0.5)
    await s.will_speak(s.cora, s.anna)
    at = time.monotonic()
    leg = await s.dials(s.anna, s.number("pick"))
    s.begin(at, s.cora, leg, until=leg.answered_at + 0.05)
    await s.talk()
    await s.bye()


async def room(s: Scene) -> None:
    """The customer waits alone; an agent comes; a second one; both go; one comes back. The agents speak one after the other."""
    await s.dials(s.cora, s.number("room"))
    await s.talk(1.0)
    await s.will_speak(s.cora, s.anna)
    first = await s.dials(s.anna, s.number("room"))
    s.begin(first.answered_at, s.cora, first, until=await s.until_heard(s.cora, s.anna))
    await s.talk()
    s.anna.mouths[first.number].silent = True
    s.ben.speak()
    second = await s.dials(s.ben, s.number("room"))
    at = second.answered_at
    heard = await s.until_heard(s.cora, s.ben)
    s.end(at, None, heard)
    s.begin(at, s.cora, first, second, until=heard, same=True)
    await s.talk()
    at = time.monotonic()
    first.hangup()
    s.end(at, None, at + 0.1)
    s.begin(at, s.cora, second, until=at + 0.1, same=True)
    await s.talk()
    at = time.monotonic()
    second.hangup()
    s.end(at, SpanKind.WAIT, at + 0.02)
    s.fall_silent()
    await s.ben.gone(second)
    await s.talk(0.6)
    await s.will_speak(s.cora, s.anna)
    third = await s.dials(s.anna, s.number("room"))
    s.begin(third.answered_at, s.cora, third, until=await s.until_heard(s.cora, s.anna))
    await s.talk()
    await s.bye()


async def room_hold(s: Scene) -> None:
    """The agent holds in the room: he may be talking to a colleague, and the customer is not in conversation."""
    await s.dials(s.cora, s.number("room"))
    await s.will_speak(s.cora, s.anna)
    first = await s.dials(s.anna, s.number("room"))
    s.begin(first.answered_at, s.cora, first, until=await s.until_heard(s.cora, s.anna))
    await s.talk()
    await s.hold(s.anna, leg=first)
    await s.talk()
    await s.bye()


# -- calling out


async def out(s: Scene) -> None:
    await call_out(s, "out")
    await s.talk()
    await s.hold(s.anna)
    await s.talk()
    await s.bye()


async def call_out(s: Scene, extension: str, press: str = "") -> None:
    """It rings for a while; the person called hears the notice (0.5 s) before he is connected."""
    await s.anna.call(s.number(extension))
    leg = await s.cora.rings()
    await s.talk(0.8)
    at = await s.cora.picks_up(leg)
    if press:
        await s.talk(0.25)
        await s.cora.press(press)
    await s.will_speak(s.cora, s.anna)
    heard = await s.until_heard(s.anna, s.cora)
    s.begin(at + (0.5 if not press else 0.2), leg, s.anna.leg, until=heard)


async def out_refused(s: Scene) -> None:
    await call_out(s, "askout", press="3")
    await s.talk(0.8)
    await s.bye()
