"""Scripts: the agent's keys, and the customer's that do nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import moves

from asterisk_privacy.call.timeline import SpanKind

if TYPE_CHECKING:
    from stage import Person, Scene


async def pressed(s: Scene, who: Person, keys: str, how: str = "rfc4733") -> float:
    """The customer hears no digit of it."""
    since = time.monotonic()
    at = await who.press(keys, how)
    await s.talk(0.4)
    if digits := s.cora.leg.media.keys(since):
        s.faults.append(f"the customer heard {digits}")
    return at


async def keep(s: Scene) -> None:
    await s.connected("flag")
    await pressed(s, s.anna, "*1")
    await s.bye()


async def keep_info_queue(s: Scene) -> None:
    await s.connected("flagqueue")
    await pressed(s, s.anna, "*1", "info")
    await s.bye()


async def keep_twice(s: Scene) -> None:
    await s.connected("flag")
    await pressed(s, s.anna, "*1")
    await pressed(s, s.anna, "*1", "info")
    await s.bye()


async def record_key(s: Scene) -> None:
    await s.connected("flag")
    status = await s.anna.record()
    assert status == 200, status
    await s.talk(0.6)
    await s.bye()


async def record_off_key(s: Scene) -> None:
    await s.connected()
    status = await s.anna.record(on=False)
    assert status == 200, status
    await s.talk(0.8)
    await s.bye()


async def keep_in_hold(s: Scene) -> None:
    await s.connected("flag")
    legs = s.talks[-1].legs
    s.end(await s.anna.hold(), SpanKind.HOLD)
    s.fall_silent()
    await s.talk(0.3)
    await pressed(s, s.anna, "*1")
    await s.unhold(s.anna.leg, legs)
    await s.talk()
    await s.bye()


async def keep_in_grace(s: Scene) -> None:
    await s.connected("flag")
    leg = s.anna.leg
    await s.bye()
    await s.anna.gone(leg)
    await s.dials(s.anna, "*1")
    await s.talk(0.5)
    await s.anna.hangup()


async def customers_keys(s: Scene) -> None:
    await s.connected("flag")
    await s.cora.press("*1")
    await s.talk(0.4)
    await s.cora.press("*1", "info")
    await s.talk(0.4)
    status = await s.cora.record()
    assert status == 403, status
    await s.talk(0.4)
    await s.bye()


async def customers_pause(s: Scene) -> None:
    """Neither pause nor off the record."""
    await s.connected()
    await s.cora.press("*5")
    await s.talk(1.8)
    await s.cora.press("*90")
    await s.talk(1.8)
    await s.bye()


async def pause_resume(s: Scene, how: str = "rfc4733") -> None:
    await s.connected()
    await pause_by(s, s.anna, how)
    await s.bye()


async def pause_by(s: Scene, who: Person, how: str) -> None:
    legs, slow = s.talks[-1].legs, 0.7 if how == "info" else moves.TWO_DIGITS
    at = await who.press("*5", how)
    s.end(at, SpanKind.PAUSE, at + slow)
    await moves.until(at + slow)
    s.fall_silent()
    await s.talk(0.8)
    await s.will_speak(s.cora, who)
    at = await pressed(s, who, "*6", how)
    s.begin(at, *legs, until=at + slow)
    await s.talk()


async def pause_resume_info(s: Scene) -> None:
    await pause_resume(s, "info")


async def pause_over_hold(s: Scene) -> None:
    """Paused, then held and resumed by the phone: still paused until the key says otherwise."""
    await s.connected()
    legs = s.talks[-1].legs
    at = await s.anna.press("*5")
    s.end(at, SpanKind.PAUSE, at + moves.TWO_DIGITS)
    await moves.until(at + moves.TWO_DIGITS)
    s.fall_silent()
    await s.talk(0.3)
    await s.anna.hold()
    await s.talk(0.4)
    await s.anna.unhold()
    await s.talk(0.5)
    await s.will_speak(s.cora, s.anna)
    at = await pressed(s, s.anna, "*6")
    s.begin(at, *legs, until=at + moves.TWO_DIGITS)
    await s.talk()
    await s.bye()


async def off_record(s: Scene) -> None:
    await s.connected()
    await pressed(s, s.anna, "*90")
    await s.talk()
    await s.bye()


async def after_blind(s: Scene) -> None:
    await s.connected("flag")
    await moves.blind(s, s.anna, s.ben)
    await pressed(s, s.ben, "*1")
    await s.bye()


async def after_attended(s: Scene) -> None:
    await s.connected("flag")
    await moves.consult_refer(s)
    await s.talk()
    await pressed(s, s.ben, "*1", "info")
    await s.bye()


async def after_park(s: Scene) -> None:
    await s.connected("flag")
    await moves.park(s, s.anna)
    await moves.retrieve(s, s.ben)
    await s.talk()
    await pressed(s, s.ben, "*1")
    await s.bye()


async def after_queue(s: Scene) -> None:
    """Paused and resumed through a queue, after a transfer."""
    await s.connected("queue")
    await moves.blind(s, s.anna, s.ben)
    await pause_by(s, s.ben, "rfc4733")
    await s.bye()
