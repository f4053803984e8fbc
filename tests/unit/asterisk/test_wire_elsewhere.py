"""Packets that come to a party's port from elsewhere: its phone that has moved, or somebody else."""

from __future__ import annotations

import asyncio

import pytest
from wire_call import Phone, Sink, World, sound_of, until

from asterisk_privacy.asterisk.wire import tap as wire_tap


async def test_from_elsewhere_nothing_is_told_until_asterisk_says_so(
    world: World, anna: Phone, bert: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The phone moves to another port (or is behind NAT, so that Asterisk comes to know it by its packets), and somebody else sends to
    Asterisk's port too. What it said while Asterisk was asked is told then, and never what the other says."""
    monkeypatch.setattr(wire_tap, "ASK_AGAIN_SECONDS", 0.02)
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(2)
    tap.hear()
    anna.moves()
    bert.asterisk_port = 6000
    anna.say(2, code=0x66)
    bert.say(2)
    tap.hear()
    assert (sink.frames, len(world.pbx.asked)) == (2, 1)
    world.pbx.places["anna"] = answer = asyncio.get_running_loop().create_future()

    def asked() -> bool:
        bert.say()
        return len(world.pbx.asked) == 2

    await until(asked, "Asterisk is asked again")
    anna.say(3, code=0x66)
    tap.hear()
    assert sink.frames == 2
    answer.set_result(anna.where)
    await world.settled()
    anna.say(1, code=0x67)
    bert.say(2)
    tap.hear()
    assert (sink.frames, sink.sounds) == (8, {sound_of(0x11), sound_of(0x66), sound_of(0x67)})
    tap.stop()
    assert world.snoops.made == []


async def test_what_came_from_elsewhere_is_forgotten_with_the_port(
    world: World, anna: Phone, bert: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She is given another port, and hers to somebody who waits: he is heard for as long as that is not known, and it is told nowhere. Not
    even where Asterisk names his address as hers in the end, as of a trunk that has one for all its calls."""
    monkeypatch.setattr(wire_tap, "ASK_AGAIN_SECONDS", 0.02)
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    bert.asterisk_port = 6000
    world.pbx.places = {"anna": anna.where.replace(":6000 ", ":6004 ")}

    def asked() -> bool:
        bert.say()
        return len(world.pbx.asked) == 2

    await until(asked, "Asterisk is asked again")
    await world.settled()
    assert world.ring.ports == {6004}
    world.pbx.places = {"anna": bert.where.replace(":6000 ", ":6004 ")}
    bert.asterisk_port = 6004

    def asked_again() -> bool:
        bert.say(code=0x66)
        return len(world.pbx.asked) == 3

    await until(asked_again, "and again")
    await world.settled()
    tap.stop()
    assert sink.sounds == {sound_of(0x66)}


async def test_a_stop_forgets_what_came_from_elsewhere(world: World, anna: Phone, bert: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna")
    await world.settled()
    bert.asterisk_port = 6000
    bert.say(100)
    tap.hear()
    assert 0 < len(tap.strange) <= 50
    tap.stop()
    assert not tap.strange


async def test_a_port_that_asterisk_gave_to_another_is_the_others_alone(world: World, anna: Phone, bert: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    former = world.tap("anna", hers := Sink())
    await world.settled()
    bert.asterisk_port = 6000
    bert.say(3)  # he waits, and is on nobody's tap
    world.pbx.places["bert"] = bert.where
    world.tap("bert", his := Sink())
    await world.settled()
    assert world.snoops.channels == ["anna"]
    bert.say(2, code=0x77)
    former.hear()
    await until(lambda: his.frames == 2, "he is heard")
    assert (hers.frames, his.sounds) == (0, {sound_of(0x77)})
    former.stop()
    assert world.snoops.made[0].stopped
    await world.settled()
    assert world.ring.ports == {6000}, "her stop is not his"
