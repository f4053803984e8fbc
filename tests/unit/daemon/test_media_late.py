"""A capture whose frames come in bursts, up to two seconds after they were said, and the last ones after it was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from asterisk_privacy.asterisk.taps import Hearing, LegSink, Plan
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, Leg
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.daemon.filing import RecordingFile
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.media import CallMedia

LATE = 2.4


def frames(*values: int) -> bytes:
    return b"".join(np.full(FRAME_SAMPLES, value, dtype="<i2").tobytes() for value in values)


class Burst:
    """One tap of both legs: a burst comes when the test says so, a tail too, even after a stop."""

    def __init__(self, sink: LegSink) -> None:
        self._sink = sink
        self.told: Callable[[], None] | None = None
        self.dropped = False

    def comes(self, at: float, *values: int, agent: bytes = b"") -> None:
        if not self.dropped:
            self._sink(Leg.CUSTOMER, at, frames(*values))
            self._sink(Leg.AGENT, at, agent or frames(*values))

    def tail(self, at: float, *values: int) -> None:
        self.comes(at, *values)
        assert self.told is not None
        self.told()

    def hear(self) -> None: ...

    def stop(self, told: Callable[[], None]) -> None:
        self.told = told

    def drop(self) -> None:
        self.dropped = True


class Bursts:
    def __init__(self) -> None:
        self.made: list[Burst] = []

    def plan(self, customer: str, _parties: Sequence[str]) -> Plan:
        return Plan((Hearing(customer, (Leg.CUSTOMER, Leg.AGENT)),), LATE)

    def attach(self, hearing: Hearing, sink: LegSink, _ended: Callable[[], None]) -> Burst:
        assert hearing.channel == "caller"
        self.made.append(Burst(sink))
        return self.made[-1]


def media_of(bursts: Bursts, health: Health | None = None, blind_seconds: float = 60.0) -> CallMedia:
    memory = RingMemory(1 << 26)
    return CallMedia("caller", bursts, lambda: Ring(60, memory), health or Health(), blind_seconds, Suspense(0, 0), lambda: None)


def held(media: CallMedia) -> list[int]:
    """The numbers of the frames that the ring held, zeros left out. µ-law of 100 to 1000 is off by a few."""
    file: RecordingFile = object()  # type: ignore[assignment]  # nothing more is said
    audio = np.concatenate([np.zeros((0, 2), np.int16), *media.to_file(file).drain()])
    return [round(int(v) / 100) for v in audio[::FRAME_SAMPLES, 0] if v]


def test_one_tap_hears_both_and_its_tail_is_waited_for() -> None:
    bursts = Bursts()
    media = media_of(bursts)
    media.open(0.0, frozenset({"anna", "ben"}))
    (tap,) = bursts.made
    tap.comes(0.04, 100, 200)
    media.shut(0.1)
    media.release(1.2)
    assert media.busy
    tap.tail(0.13, 300, 400, 500)  # the last two were complete after the hold began
    media.release(1.2)
    assert not media.busy and held(media) == [1, 2, 3]


@pytest.mark.parametrize("shut_first", [True, False])
def test_what_was_said_before_a_wipe_does_not_come_in_later(shut_first: bool) -> None:
    bursts = Bursts()
    media = media_of(bursts)
    media.open(0.0, frozenset({"anna"}))
    media.wipe() if not shut_first else None
    media.shut(1.0)
    media.wipe() if shut_first else None
    bursts.made[0].comes(1.5, *[700] * 20)  # dated late, as after a silence of both sides
    media.release(9.0)
    assert held(media) == [] and media.kept_seconds == (0 if shut_first else 1.0)


def test_an_objection_separates_what_was_said_before_whatever_its_date() -> None:
    bursts = Bursts()
    media = media_of(bursts)
    media.open(0.0, frozenset({"anna"}))
    media.forget_file(0.2)
    old, new = bursts.made
    old.tail(0.26, *[700] * 10)  # said before, and dated 60 ms late: as said after
    media.release(0.2 + LATE + 0.081)
    new.comes(0.5, *[300] * 5)
    media.shut(0.5)
    new.tail(0.5)
    media.release(9.0)
    assert held(media) == [3] * 5


def test_from_here_begins_with_what_is_said_from_there_on() -> None:
    bursts = Bursts()
    media = media_of(bursts)
    media.open(0.0, frozenset({"anna"}))
    media.mark_from(0.2)
    old, new = bursts.made
    old.tail(0.26, *[700] * 10)
    new.comes(0.5, *[300] * 5)
    media.shut(0.5)
    new.tail(0.5)
    media.release(9.0)
    audio = np.concatenate(list(media.marked.ring.drain()))
    assert {round(int(v) / 100) for v in audio[:, 0]} == {0, 3}


async def test_a_deaf_leg_is_put_anew_for_both_and_zeros_of_a_tail_count_for_nobody() -> None:
    bursts, health = Bursts(), Health()
    media = media_of(bursts, health, blind_seconds=0.2)
    media.open(0.0, frozenset({"anna"}))
    bursts.made[0].comes(0.4, *[300] * 20, agent=frames(*[300] * 9) + bytes(11 * FRAME_BYTES))
    assert health.alarms[Alarm.TAP_BLIND] == 1
    async with asyncio.timeout(3):
        while len(bursts.made) < 2:
            await asyncio.sleep(0.005)
    bursts.made[0].comes(0.6, *[0] * 20)
    assert health.alarms[Alarm.TAP_BLIND] == 1 and media.taps == 1
