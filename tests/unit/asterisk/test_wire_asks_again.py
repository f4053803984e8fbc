"""What comes to a party's port and does not go on as it did: Asterisk is asked again.

Until it has answered nothing is told, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import os
import time
from math import inf

import pytest
from wire_call import Phone, Sink, World, sound_of, until

from asterisk_privacy.asterisk.ari import AriUnreachable
from asterisk_privacy.asterisk.taps import Tap
from asterisk_privacy.asterisk.wire import tap as wire_tap

HMAC_80, HMAC_32, GCM_16, GCM_8 = 10, 4, 16, 8
"""Bytes that SRTP puts behind the payload (RFC 3711, 4.2; RFC 7714, 14.2)."""


def enciphered(samples: int = 160, tag: int = HMAC_80) -> bytes:
    return os.urandom(samples + tag)


async def talking(world: World, anna: Phone, packets: int = 5) -> tuple[Tap, Sink]:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(packets)
    tap.hear()
    assert sink.frames == packets
    return tap, sink


@pytest.mark.parametrize("tag", [HMAC_80, HMAC_32, GCM_16, GCM_8])
@pytest.mark.parametrize("new_source", [True, False])
async def test_enciphered_in_mid_call(world: World, anna: Phone, tag: int, new_source: bool) -> None:
    """A re-INVITE to SRTP, on the same ports: not one packet of it is told, and a snoop takes over at the next look."""
    tap, sink = await talking(world, anna)
    world.pbx.places = {"anna": anna.where.replace("(null) 0 ", "(null) 1 ")}
    anna.say(3)
    anna.source += new_source
    for _ in range(10):
        anna.send(enciphered(tag=tag))
    tap.hear()
    await world.settled()
    assert (sink.frames, sink.sounds) == (8, {sound_of(0x11)})
    assert world.snoops.channels == ["anna"]
    assert world.ring.ports == set()
    assert world.capture.report()["wire_unfit_enciphered"] == 1


async def test_nobody_need_ask_for_it_to_be_noticed(world: World, anna: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the next look, not when the packets have waited for as long as they may."""
    monkeypatch.setattr(wire_tap, "TELL_SECONDS", 60.0)
    _, sink = await talking(world, anna)
    world.pbx.places = {"anna": anna.where.replace("(null) 0 ", "(null) 1 ")}
    anna.send(enciphered())
    await until(lambda: world.snoops.channels == ["anna"], "a snoop")
    assert sink.frames == 5


async def test_enciphered_from_the_first_packet_on(world: World, anna: Phone) -> None:
    """It began just when Asterisk had said that it is clear."""
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.send(enciphered())
    world.pbx.places = {"anna": anna.where.replace("(null) 0 ", "(null) 1 ")}
    tap.hear()
    await world.settled()
    assert (sink.frames, world.snoops.channels) == (0, ["anna"])


async def test_asterisk_does_not_know_of_it_yet(world: World, anna: Phone) -> None:
    """It says clear, and what came cannot be that: Asterisk shall say what it hears."""
    tap, sink = await talking(world, anna)
    for _ in range(5):
        anna.send(enciphered())
    tap.hear()
    await world.settled()
    assert (sink.frames, world.snoops.channels) == (5, ["anna"])
    assert world.capture.report()["wire_unfit_unclear"] == 1


async def test_a_phone_that_begins_anew_loses_nothing(world: World, anna: Phone) -> None:
    """Another source, as after a hold: what came until the answer is told then, each packet with its own arrival."""
    tap, sink = await talking(world, anna)
    world.pbx.places["anna"] = answer = asyncio.get_running_loop().create_future()
    anna.source += 1
    before = time.monotonic()
    anna.say(4, code=0x44)
    said = time.monotonic()
    tap.hear()
    assert sink.frames == 5
    assert before - 1.0 < tap.told_until < before + 0.01, "audio from then on waits for it in quarantine"
    await until(lambda: len(world.pbx.asked) == 2, "asked again")
    anna.say(2, code=0x45)
    tap.hear()
    assert sink.frames == 5
    answer.set_result(anna.where)
    await world.settled()
    anna.say(1, code=0x46)
    tap.hear()
    assert (sink.frames, sink.sounds) == (12, {sound_of(code) for code in (0x11, 0x44, 0x45, 0x46)})
    assert tap.told_until == inf
    arrivals = [at for _, _, here_by in sink.runs[1:] for at in here_by][:4]
    assert all(before - 0.01 <= at - wire_tap.MARGIN_SECONDS <= said + 0.01 for at in arrivals)
    assert world.snoops.made == []
    anna.say(20)
    tap.hear()
    assert (sink.frames, len(world.pbx.asked)) == (32, 2), "and then it goes on as before"


@pytest.mark.parametrize(("samples", "frames"), [(80, 0.5), (240, 1.5), (320, 2), (400, 2.5), (480, 3), (800, 5)])
async def test_longer_or_shorter_packets_from_now_on(world: World, anna: Phone, samples: int, frames: float) -> None:
    tap, sink = await talking(world, anna)
    anna.say(4, code=0x44, samples=samples)
    tap.hear()
    assert sink.frames == 5
    await world.settled()
    tap.hear()
    anna.say(4, code=0x45, samples=samples)
    tap.hear()
    assert sink.frames == 5 + 8 * frames
    assert sink.sounds == {sound_of(0x11), sound_of(0x44), sound_of(0x45)}
    assert (world.snoops.made, len(world.pbx.asked)) == ([], 2)


@pytest.mark.parametrize("samples", [400, 480, 640, 800])
async def test_long_packets_are_heard_on_the_wire(world: World, anna: Phone, samples: int) -> None:
    """50 ms and more."""
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(6, samples=samples)
    tap.hear()
    assert (sink.frames, sink.sounds) == (6 * samples // 160, {sound_of(0x11)})
    assert (world.snoops.made, len(world.pbx.asked)) == ([], 1)


async def test_longer_packets_than_the_ring_holds_are_for_a_snoop_at_once(world: World, anna: Phone) -> None:
    tap, sink = await talking(world, anna)
    anna.say(1, samples=960)
    tap.hear()
    assert (sink.frames, world.snoops.channels) == (5, ["anna"])
    assert world.capture.report()["wire_unfit_too_long"] == 1


async def test_to_another_of_asterisks_addresses(world: World, anna: Phone) -> None:
    """Asterisk says from where it would answer, and the phone was told another (media_address, a virtual IP)."""
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.to = "127.0.0.2"
    anna.say(5)
    tap.hear()
    assert (sink.frames, world.snoops.made, len(world.pbx.asked)) == (5, [], 1)


async def test_an_answer_to_an_earlier_question_vouches_for_nothing(world: World, anna: Phone) -> None:
    """It was asked since the phone was quiet; the answer is late, and meanwhile another source began."""
    tap, sink = await talking(world, anna)
    world.pbx.places["anna"] = first = asyncio.get_running_loop().create_future()
    world.capture.ask_again(tap)  # type: ignore[arg-type]
    await until(lambda: len(world.pbx.asked) == 2, "asked")
    anna.source += 1
    anna.say(3, code=0x44)
    tap.hear()
    world.pbx.places["anna"] = second = asyncio.get_running_loop().create_future()
    await until(lambda: len(world.pbx.asked) == 3, "and asked again")
    first.set_result(anna.where)
    await asyncio.sleep(0.05)
    tap.hear()
    assert sink.frames == 5
    second.set_result(anna.where)
    await world.settled()
    tap.hear()
    assert sink.frames == 8


async def test_nothing_in_doubt_is_told_at_the_end(world: World, anna: Phone) -> None:
    tap, sink = await talking(world, anna)
    world.pbx.places["anna"] = answer = asyncio.get_running_loop().create_future()
    anna.source += 1
    anna.say(4, code=0x44)
    tap.stop()
    answer.set_result(anna.where)
    await world.settled()
    assert (sink.frames, world.snoops.made, world.ring.ports) == (5, [], set())


async def test_no_answer_is_a_snoop(world: World, anna: Phone) -> None:
    tap, sink = await talking(world, anna)
    world.pbx.places["anna"] = AriUnreachable("timed out")
    anna.source += 1
    anna.say(4, code=0x44)
    tap.hear()
    await world.settled()
    assert (sink.frames, world.snoops.channels) == (5, ["anna"])


async def test_in_doubt_and_asterisk_moved_it(world: World, anna: Phone) -> None:
    """What waited came to a port that may be another's by now."""
    tap, sink = await talking(world, anna)
    world.pbx.places["anna"] = anna.where.replace(":6000 ", ":6004 ")
    anna.source += 1
    anna.say(4, code=0x44)
    tap.hear()
    await world.settled()
    assert world.ring.ports == {6004}
    anna.asterisk_port = 6004
    anna.say(3, code=0x45)
    tap.hear()
    assert (sink.frames, sink.sounds) == (8, {sound_of(0x11), sound_of(0x45)})
    assert tap.told_until == inf


async def test_two_sources_for_ever_are_left_to_asterisk(world: World, anna: Phone) -> None:
    tap, _ = await talking(world, anna)
    for _ in range(30):
        anna.source ^= 1
        anna.say(1, code=0x44)
        tap.hear()
        await world.settled()
        if world.snoops.made:
            break
    assert world.snoops.channels == ["anna"]
    assert world.capture.report()["wire_unfit_unsteady"] == 1
