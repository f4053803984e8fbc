"""Taps on the wire: a real ring, real packets, and an Asterisk that says what the test wants."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from wire_call import Phone, Sink, World, sound_of, until

from asterisk_privacy.asterisk.taps import Tap
from asterisk_privacy.asterisk.wire.tap import MARGIN_SECONDS


async def test_what_a_party_says_reaches_the_sink(world: World, anna: Phone, bert: Phone) -> None:
    world.pbx.places = {"anna": anna.where, "bert": bert.where}
    sinks = Sink(), Sink()
    taps = world.tap("anna", sinks[0]), world.tap("bert", sinks[1])
    await world.settled()
    assert world.ring.ports == {6000, 6002}
    began = time.monotonic()
    for _ in range(5):
        anna.say(2)
        bert.say()
    said = time.monotonic()
    for tap in taps:
        assert not tap.may_be_deaf
        tap.hear()
    now = time.monotonic()
    assert (sinks[0].frames, sinks[0].sounds) == (10, {sound_of(0x11)})
    assert (sinks[1].frames, sinks[1].sounds) == (5, {sound_of(0x22)})
    for sink in sinks:
        ((complete_at, count, here_by),) = sink.runs
        assert complete_at <= now
        assert len(here_by) == count
        assert all(began + MARGIN_SECONDS - 1e-4 <= at <= said + MARGIN_SECONDS + 0.01 for at in here_by)
    assert world.snoops.made == []
    assert world.capture.report()["wire"] == 2


async def test_it_is_told_without_being_asked(world: World, anna: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    world.tap("anna", sink := Sink())
    await world.settled()
    anna.say(3)
    await until(lambda: sink.frames == 3, "nobody listened")


async def test_stop_tells_what_came_and_nothing_after_it(world: World, anna: Phone, bert: Phone) -> None:
    world.pbx.places = {"anna": anna.where, "bert": bert.where}
    sink, other = Sink(), Sink()
    tap, _ = world.tap("anna", sink), world.tap("bert", other)
    await world.settled()
    anna.say(3)
    tap.stop()
    anna.say(4, code=0x33)  # the kernel does not know yet
    await world.settled()
    assert world.ring.ports == {6002}
    anna.say(5, code=0x44)
    bert.say(1)
    tap.stop()
    tap.hear()
    await until(lambda: other.frames == 1, "the other is still heard")
    assert (sink.frames, sink.sounds) == (3, {sound_of(0x11)})
    assert not any(b"\x44" * 100 in payload for payload in world.ring.seen), "it did not leave the kernel"


async def test_after_the_last_has_stopped_nothing_is_left_in_memory(world: World, anna: Phone) -> None:
    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna")
    await world.settled()
    tap.stop()
    anna.say(4)
    await until(lambda: world.ring._ring.find(b"\x11" * 100) == -1, "it lies in the ring")
    await until(lambda: world.capture._listening is None, "it goes on looking")
    assert world.ring.ports == set()


async def test_what_came_before_the_tap_was_put_is_not_told(world: World, anna: Phone) -> None:
    """One tap follows the other on the same port, in the same moment."""
    world.pbx.places = {"anna": anna.where}
    former = world.tap("anna", Sink())
    await world.settled()
    former.stop()
    world.tap("anna", sink := Sink())
    anna.say(3)
    await world.settled()
    anna.say(2, code=0x55)
    await until(lambda: sink.frames == 2, "it is heard from then on")
    assert sink.sounds == {sound_of(0x55)}


async def test_an_answer_that_comes_after_the_stop_is_no_reason_to_listen(world: World, anna: Phone) -> None:
    world.pbx.places["anna"] = answer = asyncio.get_running_loop().create_future()
    tap = world.tap("anna")
    await until(lambda: world.pbx.asked == ["anna"], "it is asked")
    tap.stop()
    answer.set_result(anna.where)
    await world.settled()
    assert world.ring.ports == set()
    assert world.snoops.made == []
    tap.stop()


async def test_a_tap_that_fails_while_it_tells_its_last_is_stopped_all_the_same(world: World, anna: Phone) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    world.pbx.places = {"anna": anna.where}
    tap = world.tap("anna", fail)
    await world.settled()
    anna.say()
    with pytest.raises(ZeroDivisionError):
        tap.stop()
    await world.settled()
    assert world.ring.ports == set()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ports", [8, 5])
async def test_whoever_waits_is_never_heard(world: World, seed: int, ports: int) -> None:
    """Eight phones talk all the time; at random, they come into conversation and leave it. With five ports of Asterisk's some of them have
    the same, one after the other."""
    rng = np.random.default_rng(seed)
    phones = {f"p{n}": Phone(0x10 + n, 7000 + 2 * (n % ports)) for n in range(8)}
    taps, sinks, stopped = dict[str, Tap](), dict[str, Sink](), list[tuple[Sink, int]]()
    world.pbx.places = {name: phone.where for name, phone in phones.items()}
    for _ in range(60):
        name = str(rng.choice(list(phones)))
        busy = any(phones[name].asterisk_port == phones[other].asterisk_port for other in taps if other != name)
        if name in taps:
            taps.pop(name).stop()
            stopped.append((sinks[name], sinks[name].frames))
        elif not busy:
            sinks[name] = Sink()
            taps[name] = world.tap(name, sinks[name])
        await world.settled()
        assert world.ring.ports == {phones[other].asterisk_port for other in taps}
        for other, phone in phones.items():
            phone.say(code=phone.code if other in taps else 0x70)  # 0x70: what is said by those who wait
        if rng.random() < 0.5:
            for tap in taps.values():
                tap.hear()
    for phone in phones.values():
        phone.__exit__()
    assert world.snoops.made == []
    assert sum(frames for _, frames in stopped) > 50
    assert all(sink.frames == frames for sink, frames in stopped), "nothing came after a stop"
    assert all(sink.sounds <= {sound_of(phones[name].code)} for name, sink in sinks.items())
    left_the_kernel = any(b"\x70" * 100 in payload for payload in world.ring.seen)
    assert left_the_kernel == (ports < 8), "only where Asterisk's port is another's at the same time, and then it is refused"
