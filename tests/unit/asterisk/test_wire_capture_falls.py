"""Where the wire does not do, a party is heard through a snoop; and where the kernel does not do what it is asked, all are."""

from __future__ import annotations

import asyncio
import errno
import time

import pytest
from wire_call import Phone, Sink, World, sound_of, until

from asterisk_privacy.asterisk.ari import AriRefused, AriUnreachable
from asterisk_privacy.asterisk.wire import capture as wire_capture
from asterisk_privacy.asterisk.wire import packets as wire_packets

PCMA, G722, EVENT = 8, 9, 101


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "",
        "127.0.0.1:6000 127.0.0.1:4000 (null) 1 (ulaw)",
        "127.0.0.1:6000 127.0.0.1:4000 127.0.0.1:4000 0 (ulaw)",
        "127.0.0.1:6000 127.0.0.1:4000 (null) 0 (g722)",
        "[::1]:6000 [::1]:4000 (null) 0 (ulaw)",
    ],
)
async def test_a_snoop_at_once_and_the_next_time_without_asking(world: World, answer: str | None) -> None:
    """No PJSIP, SRTP, past Asterisk, another codec, IPv6."""
    world.pbx.places = {"anna": answer}
    world.tap("anna")
    await world.settled()
    assert world.snoops.channels == ["anna"]
    world.tap("anna")
    assert (world.snoops.channels, world.pbx.asked) == (["anna", "anna"], ["anna"])
    assert world.ring.ports == set()


@pytest.mark.parametrize("application", ["ConfBridge", "CONFBRIDGE", "MeetMe", "Page", None])
async def test_in_a_room_only_asterisk_knows_who_is_muted(world: World, application: str | None) -> None:
    with Phone(0x11, 7000) as phone:
        world.pbx.places, world.pbx.rooms = {"anna": phone.where}, {"anna": application}
        world.tap("anna")
        await world.settled()
    assert world.snoops.channels == ["anna"] and world.ring.ports == set()


@pytest.mark.parametrize("answer", [AriRefused(503, "GET channels"), AriUnreachable("timed out")])
async def test_an_asterisk_that_does_not_say_is_asked_again_the_next_time(world: World, answer: Exception) -> None:
    world.pbx.places = {"anna": answer}
    world.tap("anna").stop()
    world.tap("anna")
    await world.settled()
    assert (world.snoops.channels, world.pbx.asked) == (["anna"], ["anna", "anna"])


async def test_a_snooped_tap_is_its_snoop(world: World) -> None:
    tap = world.tap("anna")
    await world.settled()
    (snoop,) = world.snoops.made
    assert tap.may_be_deaf
    tap.hear()
    tap.hear()
    tap.stop()
    tap.stop()
    assert (snoop.heard, snoop.stopped) == (3, True)


async def test_not_more_than_so_many_channels_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_capture, "_MOST_REMEMBERED", 2)
    for channel in ("a", "b", "c", "b", "a"):
        world.tap(channel)
        await world.settled()
    assert world.pbx.asked == ["a", "b", "c", "a"]


async def test_who_is_never_heard_is_snooped_after_a_second_and_at_once_the_next_time(world: World, anna: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna")
    await world.settled()
    world.ring.ahead = 1.1
    await until(lambda: world.snoops.channels == ["anna"], "a snoop hears silence too")
    await world.settled()
    assert world.ring.ports == set()
    tap.stop()
    world.tap("anna")
    assert (world.snoops.channels, world.pbx.asked) == (["anna", "anna"], ["anna"])
    assert world.capture.report()["wire_unfit_quiet"] == 1


async def test_who_was_heard_and_is_quiet_is_asked_about_and_stays(world: World, anna: Phone) -> None:
    """Muted, or it sends nothing in pauses. A snoop would hear nothing either, and costs Asterisk more than the wire. It is asked about a
    second later, then two, then four."""
    world.pbx.places = {"anna": anna.where}
    world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(3)
    world.capture.read()
    for questions, ahead in ((2, 1.2), (3, 2.4), (4, 4.8)):
        await asyncio.sleep(0.5)
        world.ring.ahead = ahead
        await until(lambda: len(world.pbx.asked) == questions, "asked again")  # noqa: B023
        await world.settled()
    world.ring.ahead = 0.0
    anna.say(2)
    await until(lambda: sink.frames == 5, "it is heard as before")
    assert world.snoops.made == []


@pytest.mark.parametrize("answer", ["{} {} 127.0.0.1:4000 0 (ulaw)", "{} {} (null) 1 (ulaw)", None])
async def test_who_was_heard_and_is_quiet_since_asterisk_moved_it(world: World, anna: Phone, answer: str | None) -> None:
    """Past Asterisk, enciphered, gone."""
    world.pbx.places = {"anna": anna.where}
    world.tap("anna")
    await world.settled()
    anna.say(3)
    world.capture.read()
    world.pbx.places = {"anna": answer.format(*anna.where.split()[:2]) if answer else None}
    world.ring.ahead = 1.1
    await until(lambda: world.snoops.channels == ["anna"], "a snoop")


async def test_a_party_that_is_heard_is_not_quiet_because_this_daemon_stood_still(world: World, anna: Phone, bert: Phone) -> None:
    world.pbx.places = {"anna": anna.where, "bert": bert.where}
    world.tap("anna", hers := Sink())
    world.tap("bert", his := Sink())
    await world.settled()
    anna.say(3)
    time.sleep(1.4)  # noqa: ASYNC251
    bert.say(3)
    await until(lambda: hers.frames == his.frames == 3, "both are told")
    assert world.snoops.made == [], "what came is read before anybody is judged"


async def test_a_daemon_that_is_always_late_puts_nobody_on_a_snoop(world: World, anna: Phone, bert: Phone) -> None:
    """That would cost more than it costs now. With room again it is looked at who is quiet."""
    world.pbx.places = {"anna": anna.where, "bert": bert.where}
    world.tap("anna", sink := Sink())
    world.tap("bert")
    await world.settled()
    for _ in range(8):
        anna.say(2)
        time.sleep(0.45)  # noqa: ASYNC251
        await asyncio.sleep(0.01)
    assert (world.snoops.made, len(world.pbx.asked)) == ([], 2)
    await until(lambda: sink.frames == 16, "it is heard")
    await until(lambda: world.snoops.channels == ["bert"], "who was never heard")


async def test_whose_packets_may_have_been_lost_is_not_called_quiet(
    net: None, anna: Phone, bert: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ring was full, and what the kernel dropped may have been anybody's."""
    monkeypatch.setattr(wire_packets, "FRAMES", 512)
    world = World()
    world.pbx.places = {"anna": anna.where, "bert": bert.where}
    for name in world.pbx.places:
        world.tap(name)
    await world.settled()
    anna.say(600)
    bert.say(5)  # nothing of it is in the ring
    world.ring.ahead = 1.1
    world.capture.read()
    anna.say(1)
    world.capture.read()
    assert world.capture.report()["wire_lost"] > 0
    await asyncio.sleep(0.5)
    assert world.snoops.made == []
    world.capture.close()
    await world.settled()
    world.ring.close()


async def test_another_codec_is_a_snoop_at_once(world: World, anna: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(2)
    anna.say(1, kind=EVENT - 3)
    tap.hear()
    assert world.snoops.channels == ["anna"]
    assert sink.frames == 0, "nothing of what cannot be read is told as if it were"
    anna.say(2)
    await world.settled()
    world.capture.read()
    assert (sink.frames, world.ring.ports) == (0, set())
    world.tap("anna")
    assert world.snoops.channels == ["anna", "anna"]


async def test_another_codec_in_the_last_moment_leaves_no_snoop(world: World, anna: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna")
    await world.settled()
    anna.say(1, kind=G722)
    tap.stop()
    await world.settled()
    assert all(snoop.stopped for snoop in world.snoops.made)
    assert world.ring.ports == set()


async def test_a_law_is_no_other_codec(world: World, anna: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(2)
    anna.say(2, kind=PCMA)
    tap.hear()
    assert (sink.frames, len(sink.sounds), world.snoops.made) == (4, 2, [])


async def test_only_from_elsewhere_is_quiet_too(world: World, anna: Phone, bert: Phone) -> None:
    """Asterisk keeps saying the same place, and the packets come from another."""
    world.pbx.places = {"anna": anna.where}
    world.tap("anna", sink := Sink())
    await world.settled()
    bert.asterisk_port = 6000
    bert.say(5)
    world.ring.ahead = 1.1
    await until(lambda: world.snoops.channels == ["anna"], "a snoop")
    assert sink.frames == 0


async def test_more_taps_than_the_kernel_takes_ports(world: World) -> None:
    """Also when they all ask at one moment."""
    world.ring.most_ports = 3
    world.pbx.places = {f"c{n}": f"127.0.0.1:{8000 + 2 * n} 127.0.0.1:{9000 + n} (null) 0 (ulaw)" for n in range(6)}
    taps = [world.tap(f"c{n}") for n in range(5)]
    await world.settled()
    assert (world.ring.ports, world.snoops.channels) == ({8000, 8002, 8004}, ["c3", "c4"])
    world.tap("c5")
    assert world.snoops.channels == ["c3", "c4", "c5"]
    taps[1].stop()
    world.tap("c5")
    await world.settled()
    assert world.ring.ports == {8000, 8004, 8010}, "there is room, and it is nothing that one remembers of a channel"


async def test_a_filter_that_the_kernel_refuses(world: World, anna: Phone, bert: Phone) -> None:
    world.pbx.places = {"anna": anna.where, "bert": bert.where}
    taps = [world.tap("anna", hers := Sink())]
    await world.settled()
    world.ring.refuses = OSError(errno.ENOMEM, "Cannot allocate memory")
    taps.append(world.tap("bert", his := Sink()))
    await world.capture.drained()
    await until(lambda: world.snoops.channels == ["anna", "bert"], "both are heard through snoops")
    assert world.ring.ports == {6000}
    anna.say(3, code=0x44)
    await until(lambda: world.ring._ring.find(b"\x44" * 100) == -1, "what comes as far as the ring stays there")
    world.ring.refuses = None
    await until(lambda: world.ring.ports == set(), "it is asked until it takes them")
    assert len(world.alarms) == 1
    assert "Cannot allocate memory" in world.alarms[0]
    assert "\n" not in world.alarms[0]
    for tap in taps:
        tap.stop()
    world.tap("anna", again := Sink())
    await world.settled()
    anna.say(2)
    await until(lambda: again.frames == 2, "it was nothing to remember of her")
    assert (hers.frames, his.frames, again.sounds) == (0, 0, {sound_of(0x11)})


async def test_lost_packets_are_told_once(net: None, anna: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_packets, "FRAMES", 512)
    world = World()
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(600)
    tap.hear()
    assert world.alarms == []
    anna.say(1)
    tap.hear()
    anna.say(1)
    tap.stop()
    assert world.alarms == ["88 packets came faster than they were read, and are missing in recordings"]
    assert world.capture.report()["wire_lost"] == 88
    assert sink.frames >= 514
    world.capture.close()
    await world.settled()
    world.ring.close()
