"""Where the wire does not do, a party is heard through a snoop; and where the kernel does not do what it is asked, all are."""

from __future__ import annotations

import errno
import time
from types import SimpleNamespace

import pytest
from wire_call import Phone, Sink, World, sound_of, until

from asterisk_privacy.asterisk import kernel_clock
from asterisk_privacy.asterisk.ari import AriRefused, AriUnreachable
from asterisk_privacy.asterisk.wire import capture as wire_capture
from asterisk_privacy.asterisk.wire import packets as wire_packets

PCMA, G722, EVENT = 8, 9, 101


def a_quiet_second_passes(monkeypatch: pytest.MonkeyPatch, seconds: float = 1.1) -> None:
    monkeypatch.setattr(wire_capture, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + seconds))


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


@pytest.mark.parametrize("said_before", [0, 3])
async def test_a_quiet_second_and_whether_it_is_remembered(
    world: World, anna: Phone, monkeypatch: pytest.MonkeyPatch, said_before: int
) -> None:
    """A phone that was heard may be muted: the wire does for it, another time."""
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(said_before)
    tap.hear()
    assert (sink.frames, world.snoops.made) == (said_before, [])
    a_quiet_second_passes(monkeypatch)
    await until(lambda: world.snoops.channels == ["anna"], "a snoop hears silence too")
    await world.settled()
    assert world.ring.ports == set()
    tap.stop()
    monkeypatch.undo()
    world.tap("anna", again := Sink())
    await world.settled()
    anna.say(2)
    if said_before:
        await until(lambda: again.frames == 2, "it is heard on the wire again")
    assert len(world.snoops.made) == (1 if said_before else 2)


async def test_a_party_that_is_heard_is_not_quiet_because_this_daemon_stood_still(
    world: World, anna: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pbx.places = {"anna": anna.where}
    world.tap("anna", sink := Sink())
    await world.settled()
    a_quiet_second_passes(monkeypatch)
    monkeypatch.setattr(kernel_clock, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + 1.1, time=lambda: time.time() + 1.1))
    anna.say(3)  # dated by the kernel when it came, and read a second later by the first look
    monkeypatch.setattr(kernel_clock, "SAME_CLOCK", 2.0)
    await until(lambda: sink.frames == 3, "it is told")
    assert wire_capture.QUIET_SECONDS == 1.0


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


async def test_only_from_elsewhere_is_quiet_too(world: World, anna: Phone, bert: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk keeps saying the same place, and the packets come from another."""
    world.pbx.places = {"anna": anna.where}
    world.tap("anna", sink := Sink())
    await world.settled()
    bert.asterisk_port = 6000
    bert.say(5)
    a_quiet_second_passes(monkeypatch)
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
