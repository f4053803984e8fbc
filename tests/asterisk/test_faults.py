"""What breaks, breaks shut: with the daemon, Asterisk or the link between them stopped, killed, cut or frozen, calls go on, nothing that
should not be kept is kept, nothing is on the disk in clear, and an alarm counts what was lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
from fault_lab import AGENT, ALWAYS, CUSTOMER, FLAG, HELD, VOICES, Broken, Cut, alive, until
from plaintext import search, search_process

from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import RecordingRow, State

pytestmark = pytest.mark.asterisk

Make = Callable[..., Broken]


@pytest.fixture
def make(install: Install, tmp_path: Path) -> Iterator[Make]:
    made: list[Broken] = []

    def site(**settings: str) -> Broken:
        one = Broken(tmp_path, install, {name.replace("__", "."): value for name, value in settings.items()})
        made.append(one)
        return one

    yield site
    for one in made:
        one.site.__exit__(None, None, None)


@pytest.fixture
async def broken(make: Make) -> Broken:
    """A whole site that is up, still to be broken."""
    one = make()
    await asyncio.to_thread(one.site.__enter__)
    return one


def nothing_in_clear(one: Broken, *leave_out: Path) -> None:
    assert search(one.site.workdir, leave_out=[one.site.pbx.workdir / "moh", *leave_out]) == []
    with suppress(OperatorError):
        assert search_process(one.site.daemon_pid) == []


def kept_seconds(one: Broken, row: RecordingRow, column: int, allow_truncated: bool = False) -> dict[str, float]:
    return tones.seconds_of(one.site.listen(row.id, allow_truncated)[:, column], VOICES)


def only_recording(one: Broken) -> RecordingRow:
    (row,) = one.site.recordings()
    return row


def settled(one: Broken) -> None:
    assert [r for r in one.site.recordings() if r.state is State.WRITING] == []
    assert [c for c in one.site.calls() if c.outcome is None] == []
    assert not list((one.site.state / "recordings").rglob("*.part"))


# ---- the daemon


async def test_a_stopped_daemon_costs_a_caller_less_than_two_seconds(broken: Broken) -> None:
    os.kill(broken.site.daemon_pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        async with broken.call(ALWAYS) as (customer, agent):
            assert time.monotonic() - began < 2.2
            await alive(customer, agent)
            assert broken.missed() == 1
            os.kill(broken.site.daemon_pid, signal.SIGCONT)
            await broken.comes_true(lambda status: status["alarms"].get("missed_calls") == 1)
            await alive(customer, agent)
    finally:
        os.kill(broken.site.daemon_pid, signal.SIGCONT)
    await broken.comes_true(lambda status: status["calls"]["now"] == 0)
    assert broken.site.recordings() == []


async def test_missed_while_no_daemon_was_there_becomes_an_alarm_of_the_next(broken: Broken) -> None:
    broken.site.stop_daemon()
    for _ in range(2):
        async with broken.call(FLAG) as (customer, agent):
            await alive(customer, agent)
    await asyncio.to_thread(broken.site.start_daemon)
    await broken.comes_true(lambda status: status["alarms"].get("missed_calls") == 2)


@pytest.mark.parametrize("unfinished", ["seal", "remove"])
async def test_a_daemon_killed_in_mid_talk(make: Make, unfinished: str) -> None:
    one = make(store__unfinished=f'"{unfinished}"')
    await asyncio.to_thread(one.site.__enter__)
    async with one.call(ALWAYS, noisy=True) as (customer, agent):
        await customer.talk(6.5)
        await agent.press("*5")  # a tone in the agent's ear is a snoop too
        await until(lambda: one.snoops() > 0)
        os.kill(one.site.daemon_pid, signal.SIGKILL)
        one.site.stop_daemon()
        await alive(customer, agent)
        assert list((one.site.state / "recordings").rglob("*.part"))
        nothing_in_clear(one)
        await asyncio.to_thread(one.site.start_daemon)
        await until(lambda: one.snoops() == 0)
        await alive(customer, agent)
        settled(one)
        row = only_recording(one)
        if unfinished == "seal":
            assert row.state is State.SEALED
            assert row.truncated
            samples = one.site.listen(row.id, allow_truncated=True)
            assert len(samples) > 2 * tones.RATE
            assert tones.level(samples[:, 0], CUSTOMER) > -25
            assert tones.level(samples[:, 1], AGENT) > -25
            assert tones.level(samples[:, 0], AGENT) < -50
        else:
            assert row.state is State.ERASED
            assert [p for p in (one.site.state / "recordings").rglob("*") if p.is_file() and p.stat().st_size > 0] == []
    nothing_in_clear(one)


def second_configuration(one: Broken) -> Path:
    """Another daemon's: its own directories and ports, the same Asterisk."""
    text = one.site.config.read_text()
    for old in (str(one.site.run), str(one.site.state)):
        Path(old + "2").mkdir()
        text = text.replace(old + "/", old + "2/")
    for table in ("fastagi", "capture"):
        head, _, rest = text.partition(f"[{table}]\nlisten = ")
        text = f'{head}[{table}]\nlisten = "127.0.0.1:{free_port()}"\n' + rest.partition("\n")[2]
    second = one.site.etc / "second.toml"
    second.write_text(text)
    return second


async def test_two_daemons_on_one_asterisk(broken: Broken) -> None:
    second = second_configuration(broken)
    code, words = await serve(second)
    assert code == 3
    assert words[-1].startswith("Error: ARI application 'asterisk-privacy' is in use on this Asterisk")
    assert (await broken.status())["ari"]["connected"]
    # the same registry under another run directory is refused before anything of the first one's is touched
    second.write_text(second.read_text().replace(str(broken.site.state) + "2/", str(broken.site.state) + "/"))
    code, words = await serve(second)
    assert code == 3
    assert "registry.sqlite.lock is held" in words[-1]


async def serve(config: Path) -> tuple[int, list[str]]:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "asterisk_privacy", "serve", "--config", str(config)],
        capture_output=True,
        timeout=20,
        check=False,
    )
    words = done.stderr.decode()
    assert "Traceback" not in words
    return done.returncode, words.strip().splitlines()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("recipients.txt", None, "recipients.txt"),
        ("recipients.txt", "", "recipients.txt"),
        ("recipients.txt", "AGE-SECRET-KEY-1QQQQ\n", "recipients.txt"),
        ("number.key", None, "number.key"),
        ("number.key", "xyz", "number.key"),
        ("ari.secret", None, "ari.secret"),
    ],
)
async def test_a_missing_or_wrong_key_ends_the_start_with_one_line(make: Make, file: str, content: str | None, said: str) -> None:
    one = make()
    path = one.site.etc / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    code, words = await serve(one.site.config)
    assert code == 3
    assert said in words[-1]


async def test_a_wrong_ari_password(broken: Broken) -> None:
    broken.site.stop_daemon()
    (broken.site.etc / "ari.secret").write_text("wrong\n")
    code, words = await serve(broken.site.config)
    assert code == 3
    assert "ari_password_file" in words[-1]


async def test_the_daemons_memory_cannot_reach_a_disk(broken: Broken) -> None:
    async with broken.call(FLAG) as (customer, _agent):
        await customer.talk(1.5)
        process = Path(f"/proc/{broken.site.daemon_pid}")
        core = next(line for line in (process / "limits").read_text().splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
        swap = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmSwap"))
        assert swap.split()[1] == "0"
        nothing_in_clear(broken)


# ---- Asterisk


async def test_asterisk_killed_and_started_again(broken: Broken) -> None:
    pid = broken.site.daemon_pid
    async with broken.call(ALWAYS) as (customer, _agent):
        await customer.talk(1.5)
        assert broken.site.pbx.pid is not None
        os.kill(broken.site.pbx.pid, signal.SIGKILL)
        await broken.comes_true(lambda status: not status["ari"]["connected"])
        await asyncio.to_thread(broken.site.pbx.stop)
    await asyncio.to_thread(broken.site.pbx.start)
    await broken.connected()
    await broken.over()
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        await alive(customer, agent)
        await customer.hangup()
    await broken.over(2)
    assert broken.site.daemon_pid == pid
    second = broken.site.recordings()[-1]
    assert max(kept_seconds(broken, row, 0).get("customer", 0) for row in broken.site.recordings()) > 1.5, second
    settled(broken)
    nothing_in_clear(broken)


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


async def held_while_the_link_is_down(one: Broken, proxy: Cut, customer: Phone, holder: Phone) -> None:
    """Talk 1.5 s, lose the link, hold, get the link back, go on holding, unhold, talk 1.5 s."""
    await customer.talk(1.5)
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
    kinds = [s.kind for s in row.spans if s.kind in (SpanKind.TALK, SpanKind.LOST, SpanKind.HOLD)]
    told = [(s.kind.value, s.start_ms, s.end_ms) for s in row.spans]
    assert kinds[:2] == [SpanKind.TALK, SpanKind.LOST], told
    assert kinds[-2:] == [SpanKind.HOLD, SpanKind.TALK], told


async def test_a_hold_while_the_link_is_down_keeps_the_gate_shut(make: Make) -> None:
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, agent):
            await held_while_the_link_is_down(one, proxy, customer, agent)
        await one.over()
        gap_is_right(one)
        assert (await one.alarms())["ari_down"] == 1
        nothing_in_clear(one)


async def test_the_same_in_a_conference(make: Make) -> None:
    """Where CHANNEL(onhold) says 0 of everybody."""
    async with cuttable(make) as (one, proxy):
        async with one.phone("customer", CUSTOMER) as customer, one.phone("agent", AGENT) as agent:
            await customer.dial("310")
            await agent.dial("310")
            await one.comes_true(lambda status: status["capture"]["taps"] == 2)  # the notice is over
            await held_while_the_link_is_down(one, proxy, customer, agent)
        await one.over()
        gap_is_right(one)


async def test_a_pause_while_the_link_is_down_is_obeyed(make: Make) -> None:
    """The event is lost, the agent's channel still knows; a resume must be pressed again, when it can be heard."""
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, agent):
            await customer.talk(1.5)
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


async def test_a_customer_who_leaves_while_the_link_is_down(make: Make) -> None:
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, _agent):
            await customer.talk(2.5)
            await proxy.cut()
            await one.comes_true(lambda status: not status["ari"]["connected"])
            await customer.hangup()
        await proxy.open()
        await one.connected()
        await one.over()
        assert one.snoops() == 0
        assert kept_seconds(one, only_recording(one), 0)["customer"] > 1
        settled(one)


async def test_a_frozen_link_is_noticed_and_nothing_after_the_freeze_is_kept(make: Make) -> None:
    async with cuttable(make) as (one, proxy):
        async with one.call(ALWAYS) as (customer, agent):
            await customer.talk(2.0)
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


async def test_uninvited_stalled_and_second_peers_during_a_call(broken: Broken) -> None:
    port = int(broken.site.config.read_text().partition("[capture]")[2].partition(":")[2].partition('"')[0])
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(0.7)
        lines = broken.site.pbx.cli("core show channels concise").splitlines()
        taps = [line.split("!")[6].partition(",")[0] for line in lines if "AudioSocket" in line]
        assert len(taps) == 2
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


async def test_taps_taken_away_by_somebody_are_put_back(broken: Broken) -> None:
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(1.0)
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
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=70m,mode=0700", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield one, place
    finally:
        one.site.stop_daemon()
        subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_full_disk_while_streaming(small_disk: tuple[Broken, Path]) -> None:
    one, place = small_disk
    await asyncio.to_thread(one.site.__enter__)
    async with one.call(ALWAYS, noisy=True) as (customer, agent):
        await customer.talk(1.5)
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
    async with one.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        await customer.hangup()
    await one.over(2)
    assert kept_seconds(one, one.site.recordings()[-1], 0)
    settled(one)


@pytest.mark.parametrize("seconds", [2.5, 7.0])
async def test_a_registry_that_another_process_locks(broken: Broken, seconds: float) -> None:
    """Up to 5 s nothing is lost. Longer: calls go on, and an alarm tells of each row that could not be written."""
    async with broken.call(ALWAYS) as (customer, agent):
        with closing(sqlite3.connect(broken.site.state / "registry.sqlite", isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            await customer.talk(seconds)
            await alive(customer, agent)
            thief.execute("ROLLBACK")
        await customer.talk(0.5)
        await customer.hangup()
    await broken.comes_true(lambda status: status["calls"]["now"] == 0)
    nothing_in_clear(broken)
    if seconds < 5:
        await broken.over()
        assert kept_seconds(broken, only_recording(broken), 0)["customer"] > seconds
        assert await broken.alarms() == {}
    else:
        alarms = await broken.alarms()
        assert alarms.get("store_failed", 0) + alarms.get("registry_failed", 0) >= 1
    settled(broken)


# ---- mistakes of our own

PLANTED = '''
import os, pathlib
flag = pathlib.Path({flag!r})
if os.environ.get("PLANT") and "serve" in pathlib.Path("/proc/self/cmdline").read_text():
    from asterisk_privacy.{module} import {cls} as target
    real = target.{method}
    def planted(self, *args):
        if flag.exists():
            flag.unlink()
            raise ZeroDivisionError("0612345678 must not be in the log")
        return real(self, *args)
    target.{method} = planted
'''


@pytest.mark.parametrize(
    ("module", "cls", "method", "recovers"),
    [
        ("audio.quarantine", "Quarantine", "push", True),
        ("audio.quarantine", "Quarantine", "release", True),
        ("call.switchboard", "Switchboard", "apply", True),
        ("call.recorder", "Recorder", "receive", False),
    ],
)
async def test_a_mistake_of_ours_shuts_the_gates_and_nothing_else(
    broken: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, cls: str, method: str, recovers: bool
) -> None:
    flag = tmp_path / "flag"
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant/sitecustomize.py").write_text(PLANTED.format(flag=str(flag), module=module, cls=cls, method=method))
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'plant'}:{Path(__file__).parents[2]}")
    monkeypatch.setenv("PLANT", "1")
    broken.site.stop_daemon()
    await asyncio.to_thread(broken.site.start_daemon)
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        flag.touch()
        if cls in ("Switchboard", "Recorder"):
            await agent.hold()
            await agent.unhold()
        await broken.comes_true(lambda status: status["alarms"].get("internal"))
        await broken.connected()
        await customer.talk(1.5)
        await alive(customer, agent)
        assert (broken.snoops() == 2) is recovers
        await customer.hangup()
    await broken.comes_true(lambda status: status["calls"]["now"] == 0)
    said = [line for line in broken.site.log.splitlines() if "alarm internal" in line]
    assert len(said) == 1
    assert "ZeroDivisionError at sitecustomize.py:" in said[0]
    assert "in planted, called in " in said[0]
    assert "0612345678" not in broken.site.log
    assert "Traceback" not in broken.site.log
    settled(broken)
    assert ("customer" in kept_seconds(broken, only_recording(broken), 0)) or not recovers
