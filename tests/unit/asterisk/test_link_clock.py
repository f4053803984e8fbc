"""The link when Asterisk's clock is another one, or a clock is set: a hold that is told late still begins when it began."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ari_double import ToyAri, hold
from link_story import PACE, Story, running, until

from asterisk_privacy.asterisk import clock
from asterisk_privacy.asterisk.link import Link
from asterisk_privacy.call import pbx

LATE = 0.4


def holds(story: Story) -> list[float]:
    return [what.at for _, what in story.told if isinstance(what, pbx.Held)]


async def told_late(toy: ToyAri, story: Story, stamp: str, late: float = LATE) -> float:
    """How much later than it was the hold is believed to have begun, in seconds; negative: earlier."""
    began = time.monotonic() - late
    count = len(holds(story))
    await toy.send({**hold("1"), "timestamp": stamp})
    await until(lambda: len(holds(story)) > count)
    return holds(story)[-1] - began


async def measured(link: Link) -> None:
    await until(lambda: link.up and link._clock.measured)


@pytest.mark.parametrize("ahead", [0.0, 0.3, -0.3, 3600.0, -3600.0])
async def test_a_late_hold_of_an_asterisk_with_another_clock(toy: ToyAri, ahead: float, caplog: pytest.LogCaptureFixture) -> None:
    toy.clock_ahead = ahead
    async with running(toy) as (link, story, _):
        await measured(link)
        assert -0.1 < await told_late(toy, story, toy.stamp(LATE)) < 0.03
        assert link.counts["clock_set"] == 0
    told = [r.message for r in caplog.records if "clock is" in r.message]
    assert len(told) == (abs(ahead) > 1)


async def test_a_hold_that_is_heard_later_than_quarantine_lasts(toy: ToyAri) -> None:
    """As by a daemon that stood still: since the last proof nothing has left quarantine, so the hold counts from its begin on."""
    toy.clock_ahead = 0.0
    async with running(toy, replace(PACE, silence=30.0)) as (link, story, _):
        await measured(link)
        await until(lambda: link.proven_until > 0)
        toy.pongs = False
        await asyncio.sleep(1.5)
        assert -0.1 < await told_late(toy, story, toy.stamp(1.4), 1.4) < 0.03


async def test_an_asterisk_that_does_not_tell_its_clock(toy: ToyAri) -> None:
    """As long as nothing is known of it, a stamp from the future says nothing but that something happened."""
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        toy.clock_ahead = 3600.0
        stamp, toy.clock_ahead = toy.stamp(LATE), None
        assert LATE - 2.0 < await told_late(toy, story, stamp) < LATE - 0.95  # a quarantine before the last proof


@pytest.mark.parametrize("step", [3600.0, -3600.0, -0.3])
async def test_the_clock_of_both_is_set_while_a_hold_is_on_its_way(toy: ToyAri, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    toy.clock_ahead = 0.0
    async with running(toy) as (link, story, _):
        await measured(link)
        stamp = toy.stamp(LATE)
        monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=time.monotonic, time=lambda: time.time() + step))
        assert await told_late(toy, story, stamp) < 0.03
        await until(lambda: link.counts["clock_set"] == 1)
        toy.clock_ahead = step
        await measured(link)
        assert -0.1 < await told_late(toy, story, toy.stamp(LATE)) < 0.03


@pytest.mark.parametrize("step", [3600.0, -3600.0])
async def test_only_asterisks_clock_is_set(toy: ToyAri, step: float) -> None:
    toy.clock_ahead = 0.0
    async with running(toy) as (link, story, _):
        await measured(link)
        toy.clock_ahead = step
        assert await told_late(toy, story, toy.stamp(LATE)) < 0.03
        if link._clock.measured:  # set back: an event cannot tell that from being late, the next question does
            link._clock.measure(time.monotonic(), time.time() + step, time.monotonic())
        await measured(link)
        assert -0.1 < await told_late(toy, story, toy.stamp(LATE)) < 0.03


async def test_a_strangers_answer_measures_nothing(toy: ToyAri) -> None:
    async with running(toy) as (link, story, _):
        await until(lambda: link.up)
        await toy.send({"type": "ChannelUserevent", "timestamp": toy.stamp(), "userevent": {"eventname": "PrivacyClock-0123456789abcdef"}})
        await toy.send({**hold("1"), "timestamp": toy.stamp()})
        await until(lambda: bool(holds(story)))
        assert not link._clock.measured
