"""What breaks, breaks shut: clocks that are set during calls, and signals while a recording is sealed. See test_faults.py."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fault_lab import ALWAYS, FLAG, HELD, Broken, Make, alive, held, kept_seconds, nothing_in_clear, only_recording, settled, until
from fault_table import Fault

from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.registry.rows import State

pytestmark = pytest.mark.asterisk

ROUNDS = 50 if os.environ.get("ASTERISK_PRIVACY_LONG") else 3
SIGNALS = (
    (signal.SIGTERM,),
    (signal.SIGTERM, signal.SIGTERM),
    (signal.SIGHUP, signal.SIGINT),
    (signal.SIGTERM, signal.SIGHUP, signal.SIGINT),
)

# The daemon's wall clock, as far as Python reads it, by what stands in a file. Nobody's real clock is touched.
SET_CLOCK = """
import os, pathlib, sys
if "serve" in pathlib.Path("/proc/self/cmdline").read_text():
    import time
    real, step = time.time, pathlib.Path({step!r})
    known = [0.0, 0.0]
    def wall():
        now = time.monotonic()
        if now > known[0] + 0.05:
            known[:] = now, float(step.read_text())
        return real() + known[1]
    time.time = wall
"""


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the seconds by which the clock of a daemon that starts from now on is ahead of Asterisk's."""
    step = tmp_path / "step"
    step.write_text("0")
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant/sitecustomize.py").write_text(SET_CLOCK.format(step=str(step)))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'plant'}:{Path(__file__).parents[2]}")
    return step


def set_to(clock: Path, seconds: float) -> None:
    new = clock.with_name("step-new")
    new.write_text(str(seconds))
    new.rename(clock)


@pytest.mark.parametrize("hour", [3600.0, -3600.0])
async def test_a_clock_set_by_an_hour_during_a_call(make: Make, clock: Path, fault: Fault, hour: float) -> None:
    """A hold as always, one that is told late just as the clock is set, and one that is told late when Asterisk's is another clock."""
    one = make()
    await asyncio.to_thread(one.site.__enter__)
    async with one.call(ALWAYS) as (customer, agent):
        await customer.talk(1.2)
        await held(customer, agent)
        for seconds in (hour, hour):
            await customer.talk(1.5)
            os.kill(one.site.daemon_pid, signal.SIGSTOP)  # so that the hold is heard half a second late
            try:
                customer.say(Tone(HELD))
                await agent.hold()
                await customer.talk(0.5)
                if not fault.tried:
                    fault(f"daemon's clock set by {'+' if hour > 0 else '-'}1 h in a call, holds told late")
                set_to(clock, seconds)
            finally:
                os.kill(one.site.daemon_pid, signal.SIGCONT)
            await customer.talk(0.5)
            customer.say(Tone(700.0))
            await customer.talk(0.2)
            await agent.unhold()
        await customer.talk(1.5)
        await alive(customer, agent)
        await customer.hangup()
    await one.over()
    left = kept_seconds(one, only_recording(one), 0)
    assert "held" not in left
    assert "music" not in left
    assert left["customer"] > 3.0  # each clock that is set costs a second at most, and each hold its edges
    assert (await one.status())["ari"]["clock_set"] >= 1
    set_to(clock, 0)
    async with one.call(FLAG) as (customer, agent):  # between calls it is set right again
        await customer.talk(1.0)
        await agent.press("*1")
        await customer.talk(1.0)
        await customer.hangup()
    await one.over(2)
    assert kept_seconds(one, one.site.recordings()[-1], 0)["customer"] > 1.0
    settled(one)
    nothing_in_clear(one)


async def ended(one: Broken) -> int | None:
    await until(lambda: not Path(f"/proc/{one.site.daemon_pid}/exe").exists(), 15.0)
    return await asyncio.to_thread(one.site.stop_daemon)


async def test_signals_while_a_recording_is_sealed(broken: Broken, fault: Fault) -> None:
    """Any that a person or systemd sends, some twice, from the hang-up until the seal: what may be kept is sealed before it ends."""
    rng = random.Random(3)
    for number in range(ROUNDS):
        async with broken.call(ALWAYS) as (customer, agent):
            await customer.talk(1.5)
            await alive(customer, agent)
            await customer.hangup()
        await asyncio.sleep(rng.uniform(0.0, 1.3))
        fault("signals (TERM, INT, HUP, some twice) while a recording is sealed")
        for one in SIGNALS[number % len(SIGNALS)]:
            os.kill(broken.site.daemon_pid, one)
            await asyncio.sleep(rng.uniform(0.0, 0.05))
        # in its very last moment, when all is written, a signal just ends it
        assert await ended(broken) in {0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP}
        rows = broken.site.recordings()
        assert [row.state for row in rows] == [State.SEALED] * (number + 1)
        assert not rows[-1].truncated
        assert rows[-1].duration_ms is not None and rows[-1].duration_ms > 1700, rows[-1].spans  # of 2.1 s
        assert kept_seconds(broken, rows[-1], 0)["customer"] > 0.8
        await asyncio.to_thread(broken.site.start_daemon)
        fault.over()
    await until(lambda: all(call.outcome is not None for call in broken.site.calls()))
    settled(broken)
    nothing_in_clear(broken)
    assert "Traceback" not in broken.site.log
    with closing(sqlite3.connect(broken.site.state / "registry.sqlite")) as registry:
        assert registry.execute("PRAGMA integrity_check").fetchone() == ("ok",)
