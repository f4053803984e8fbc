"""What breaks, breaks shut: the link cut or frozen, taps disturbed, disk full, registry locked. See test_faults.py."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from fault_lab import (
    AGENT,
    ALWAYS,
    CUSTOMER,
    HELD,
    Broken,
    Cut,
    Make,
    alive,
    kept_seconds,
    nothing_in_clear,
    only_recording,
    settled,
)
from fault_table import Fault

from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.registry.rows import State

pytestmark = pytest.mark.asterisk

# ---- the link


@asynccontextmanager
async def cuttable(make: Make) -> AsyncIterator[tuple[Broken, Cut]]:
    proxy = Cut(0)
    one = make(asterisk__ari_url=f'"http://127.0.0.1:{proxy.port}"')
    proxy._target = one.site.pbx.ari_port
    await proxy.open()
    await asyncio.to_thread(one.site.__enter__)
    yield one, proxy
    one.site.stop_daemon()
    await proxy.cut()


async def held_while_the_link_is_down(one: Broken, proxy: Cut, customer: Phone, holder: Phone, fault: Fault) -> None:
    """Talk 1.5 s, lose the link, hold, get the link back, go on holding, unhold, talk 1.5 s."""
    await customer.talk(1.5)
    fault("ARI cut, a hold or a key meanwhile")
    await proxy.cut()
    await one.comes_true(lambda status: not status["ari"]["connected"])
    customer.say(Tone(HELD))
    await holder.hold()
    await proxy.open()
    await one.connected()
    await customer.talk(1.5)
    customer.say(Tone(CUSTOMER))
    await customer.talk(0.2)
    await holder.unhold()
    await customer.talk(1.5)
    await customer.hangup()


def gap_is_right(one: Broken) -> None:
    row = only_recording(one)
    left, right = kept_seconds(one, row, 0), kept_seconds(one, row, 1)
    assert "held" not in left
    assert "music" not in left
    assert left["customer"] > 1.2  # both stretches, less the last second before the loss, of which nothing was proven
    assert right["agent"] > 1.2
    kinds = [s.kind for s in row.spans if s.kind in (SpanKind.TALK, SpanKind.LOST, SpanKind.HOLD) and s.end_ms - s.start_ms > 100]
    told = [(s.kind.value, s.start_ms, s.end_ms) for s in row.spans]
    assert kinds[:2] == [SpanKind.TALK, SpanKind.LOST], told
    assert kinds[-2:] == [SpanKind.HOLD, SpanKind.TALK], told


async def test_a_hold_while_the_link_is_down_keeps_the_gate_shut(make: Make, fault: Fault) -> None:
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, agent):
            await held_while_the_link_is_down(one, proxy, customer, agent, fault)
        await one.over()
        gap_is_right(one)
        assert (await one.alarms())["ari_down"] == 1
        nothing_in_clear(one)


async def test_the_same_in_a_conference(make: Make, fault: Fault) -> None:
    """Where CHANNEL(onhold) says 0 of everybody."""
    async with cuttable(make) as (one, proxy):
        async with one.phone("customer", CUSTOMER) as customer, one.phone("agent", AGENT) as agent:
            await customer.dial("310")
            await agent.dial("310")
            await one.comes_true(lambda status: status["capture"]["taps"] == 2)  # the notice is over
            await held_while_the_link_is_down(one, proxy, customer, agent, fault)
        await one.over()
        gap_is_right(one)


async def test_a_pause_while_the_link_is_down_is_obeyed(make: Make, fault: Fault) -> None:
    """The event is lost, the agent's channel still knows; a resume must be pressed again, when it can be heard."""
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, agent):
            await customer.talk(1.5)
            fault("ARI cut, a hold or a key meanwhile")
            await proxy.cut()
            await one.comes_true(lambda status: not status["ari"]["connected"])
            customer.say(Tone(HELD))
            await agent.press("*5")
            await proxy.open()
            await one.connected()
            await customer.talk(1.5)
            customer.say(Tone(CUSTOMER))
            await agent.press("*6")
            await customer.talk(1.5)
            await customer.hangup()
        await one.over()
        row = only_recording(one)
        left = kept_seconds(one, row, 0)
        assert "held" not in left
        assert left["customer"] > 1.2
        kinds = [s.kind for s in row.spans if s.kind in (SpanKind.TALK, SpanKind.LOST, SpanKind.PAUSE)]
        assert kinds[-2:] == [SpanKind.PAUSE, SpanKind.TALK], row.spans


async def test_a_refusal_while_the_link_is_down_is_obeyed(make: Make, fault: Fault) -> None:
    """The event is lost, the caller's channel remembers it."""
    async with cuttable(make) as (one, proxy):
        async with one.phone("customer", CUSTOMER) as customer, one.phone("agent", AGENT) as agent:
            await customer.dial(ALWAYS)
            fault("ARI cut, the caller refuses meanwhile")
            await proxy.cut()
            await customer.press("3")
            await agent.answered()
            await proxy.open()
            await one.connected()
            await customer.talk(1.0)
            await alive(customer, agent)
            await customer.hangup()
        await one.over()
        assert [call.outcome for call in one.site.calls()] == ["refused"]
        assert one.site.recordings() == []


async def test_a_customer_who_leaves_while_the_link_is_down(make: Make, fault: Fault) -> None:
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, _agent):
            await customer.talk(2.5)
            fault("ARI cut, the caller hangs up meanwhile")
            await proxy.cut()
            await one.comes_true(lambda status: not status["ari"]["connected"])
            await customer.hangup()
        await proxy.open()
        await one.connected()
        await one.over()
        assert one.snoops() == 0
        assert kept_seconds(one, only_recording(one), 0)["customer"] > 1
        settled(one)


async def test_a_frozen_link_is_noticed_and_nothing_after_the_freeze_is_kept(make: Make, fault: Fault) -> None:
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, agent):
            await customer.talk(2.0)
            fault("ARI frozen (half-open), a hold meanwhile")
            proxy.freeze()
            customer.say(Tone(HELD))
            await agent.hold()
            await one.comes_true(lambda status: not status["ari"]["connected"])
            customer.say(Tone(CUSTOMER))
            await agent.unhold()
            await alive(customer, agent)
            await proxy.cut()
            await proxy.open()
            await one.connected()
            await customer.talk(1.0)
            await customer.hangup()
        await one.over()
        left = kept_seconds(one, only_recording(one), 0)
        assert "held" not in left
        assert "music" not in left
        assert left["customer"] > 1.5


# ---- the taps


async def test_uninvited_stalled_and_second_peers_during_a_call(broken: Broken, fault: Fault) -> None:
    port = int(broken.site.config.read_text().partition("[capture]")[2].partition(":")[2].partition('"')[0])
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(0.7)
        lines = broken.site.pbx.cli("core show channels concise").splitlines()
        taps = [line.split("!")[6].partition(",")[0] for line in lines if "AudioSocket" in line]
        assert len(taps) == 2
        fault("strangers at the audio port")
        for name in (uuid.uuid4().hex, *taps):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x01\x00\x10" + uuid.UUID(name).bytes + (b"\x10\x01\x40" + b"\x11\x22" * 160) * 50)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        stalled = await asyncio.open_connection("127.0.0.1", port)
        await broken.comes_true(lambda status: status["capture"]["uninvited"] == 3)
        await broken.comes_true(lambda status: status["capture"]["broken"] == 1)
        stalled[1].close()
        await alive(customer, agent)
        await customer.hangup()
    await broken.over()
    left = kept_seconds(broken, only_recording(broken), 0)
    assert set(left) <= {"customer", tones.SILENCE}
    assert left["customer"] > 2


async def test_taps_taken_away_by_somebody_are_put_back(broken: Broken, fault: Fault) -> None:
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(1.0)
        fault("taps taken away")
        for line in broken.site.pbx.cli("core show channels concise").splitlines():
            if line.startswith("Snoop/"):
                broken.site.pbx.cli(f"channel request hangup {line.partition('!')[0]}")
        await broken.comes_true(lambda status: status["alarms"].get("tap_failed") == 2)
        await customer.talk(2.5)
        await alive(customer, agent)
        assert broken.snoops() == 2
        await customer.hangup()
    await broken.over()
    assert kept_seconds(broken, only_recording(broken), 0)["customer"] > 2


# ---- the disk


@pytest.fixture
def small_disk(make: Make) -> Iterator[tuple[Broken, Path]]:
    one = make()
    place = one.site.state / "recordings"
    place.mkdir(mode=0o700)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=70m,mode=0700", "tmpfs", str(place)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield one, place
    finally:
        one.site.stop_daemon()
        subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk_while_streaming(fault: Fault, small_disk: tuple[Broken, Path]) -> None:
    one, place = small_disk
    await asyncio.to_thread(one.site.__enter__)
    async with one.call(ALWAYS, noisy=True) as (customer, agent):
        await customer.talk(1.5)
        fault("disk full while a recording is written")
        with (place / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(65536)):
                pass
        await one.comes_true(lambda status: status["alarms"].get("store_failed"), 15)
        await alive(customer, agent)
        nothing_in_clear(one, place / "filler")
        await customer.hangup()
    await one.over()
    assert one.site.calls()[-1].outcome == "failed"
    async with one.call(ALWAYS) as (customer, agent):  # there is no room: not announced, not recorded, connected
        await alive(customer, agent)
    assert (await one.alarms())["not_ready"] == 1
    (place / "filler").unlink()
    fault.over()
    async with one.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        await customer.hangup()
    await one.over(2)
    assert kept_seconds(one, one.site.recordings()[-1], 0)
    settled(one)


@pytest.mark.parametrize("seconds", [2.5, 7.0])
async def test_a_registry_that_another_process_locks(broken: Broken, fault: Fault, seconds: float) -> None:
    """From before the hang-up until after the seal, in the end. Nothing is lost; beyond 5 s an alarm tells, and new calls go on
    unannounced."""
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(0.5)
        with closing(sqlite3.connect(broken.site.state / "registry.sqlite", isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            fault(f"registry locked for {seconds:g} s by another process")
            await customer.talk(seconds - 2.5)
            await alive(customer, agent)
            await customer.hangup()
            await asyncio.sleep(2.0)
            assert list((broken.site.state / "recordings").rglob("*.flac.age"))  # sealed, and its row does not know
            thief.execute("ROLLBACK")
        fault.over()
    await broken.over()
    nothing_in_clear(broken)
    row = only_recording(broken)
    assert row.state is State.SEALED
    assert kept_seconds(broken, row, 0)["customer"] > seconds - 2.5
    alarms = await broken.alarms()
    assert set(alarms) <= ({"registry_failed"} if seconds > 5 else set())
    settled(broken)
