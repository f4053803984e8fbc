"""What breaks, breaks shut: with the daemon, Asterisk or the link between them stopped, killed, cut or frozen, calls go on, nothing that
should not be kept is kept, nothing is on the disk in clear, and an alarm counts what was lost."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from fault_lab import (
    AGENT,
    ALWAYS,
    CUSTOMER,
    FLAG,
    HELD,
    Broken,
    Make,
    alive,
    kept_seconds,
    nothing_in_clear,
    only_recording,
    settled,
    until,
)
from fault_table import Fault

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.registry.rows import State

pytestmark = pytest.mark.asterisk

# ---- the daemon


async def test_a_stopped_daemon_costs_a_caller_less_than_two_seconds(broken: Broken, fault: Fault) -> None:
    fault("daemon stands still (SIGSTOP) when a call comes")
    os.kill(broken.site.daemon_pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        async with broken.call(ALWAYS) as (customer, agent):
            assert time.monotonic() - began < 2.2
            await alive(customer, agent)
            assert broken.missed() == 1
            fault.since = time.monotonic()
            os.kill(broken.site.daemon_pid, signal.SIGCONT)
            await broken.comes_true(lambda status: status["alarms"].get("missed_calls") == 1)
            fault.over()
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
async def test_a_daemon_killed_in_mid_talk(make: Make, unfinished: str, fault: Fault) -> None:
    one = make(store__unfinished=f'"{unfinished}"')
    await asyncio.to_thread(one.site.__enter__)
    async with one.call(ALWAYS, noisy=True) as (customer, agent):
        await customer.talk(6.5)
        await agent.press("*5")  # a tone in the agent's ear is a snoop too
        await until(lambda: one.snoops() > 0)
        fault("daemon killed (SIGKILL) in mid-talk")
        os.kill(one.site.daemon_pid, signal.SIGKILL)
        one.site.stop_daemon()
        await alive(customer, agent)
        assert list((one.site.state / "recordings").rglob("*.part"))
        nothing_in_clear(one)
        await asyncio.to_thread(one.site.start_daemon)
        fault.over()
        await until(lambda: one.snoops() == 0)
        await alive(customer, agent)
        assert not list((one.site.state / "recordings").rglob("*.part"))
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
        await customer.hangup()
    await one.over()
    settled(one)
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


async def test_a_name_that_asterisk_lists_though_nobody_listens(broken: Broken) -> None:
    """As it does for ever where a daemon died while it subscribed; here a stranger's socket has the name, and answers nothing."""
    broken.site.stop_daemon()
    pbx = broken.site.pbx
    async with aiohttp.ClientSession() as session:
        token = base64.b64encode(f"{pbx.ari_user}:{pbx.ari_password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        async with session.ws_connect(f"{pbx.ari_url}/ari/events?app=asterisk-privacy", headers=headers):
            await asyncio.to_thread(broken.site.start_daemon)
    assert "nobody listens there: taken over" in broken.site.log
    async with broken.call(ALWAYS) as (customer, agent):
        await alive(customer, agent)
    await broken.comes_true(lambda status: status["calls"]["now"] == 0)
    assert [r.state for r in broken.site.recordings()] == [State.SEALED]


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


async def test_asterisk_killed_and_started_again(broken: Broken, fault: Fault) -> None:
    pid = broken.site.daemon_pid
    async with broken.call(ALWAYS) as (customer, _agent):
        await customer.talk(1.5)
        assert broken.site.pbx.pid is not None
        fault("Asterisk killed (SIGKILL) and started again; its calls end with it")
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


async def test_asterisk_stands_still_for_a_while(broken: Broken, fault: Fault) -> None:
    """Nobody hears anybody, and ARI is silent though no connection ends; a hold was pressed just before, and is told when it goes on."""
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(2.0)
        assert broken.site.pbx.pid is not None
        fault("Asterisk stands still (SIGSTOP) for some seconds")
        os.kill(broken.site.pbx.pid, signal.SIGSTOP)
        try:
            customer.say(Tone(HELD))
            holding = asyncio.create_task(agent.hold())
            await broken.comes_true(lambda status: not status["ari"]["connected"])
            await customer.talk(1.0)
        finally:
            os.kill(broken.site.pbx.pid, signal.SIGCONT)
        await holding
        await broken.connected()
        await customer.talk(1.0)
        customer.say(Tone(CUSTOMER))
        await customer.talk(0.2)
        await agent.unhold()
        await customer.talk(1.5)
        await alive(customer, agent)
        await customer.hangup()
    await broken.over()
    left = kept_seconds(broken, only_recording(broken), 0)
    assert "held" not in left
    assert "music" not in left
    assert left["customer"] > 1.5
    settled(broken)
    nothing_in_clear(broken)


# ---- mistakes of our own

PLANTED = """
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
"""


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
    broken: Broken, fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, cls: str, method: str, recovers: bool
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
        fault("a mistake of ours (an exception) in the recorder")
        if cls in ("Switchboard", "Recorder"):
            await agent.hold()
            await agent.unhold()
        await broken.comes_true(lambda status: status["alarms"].get("internal"))
        await broken.connected()
        await customer.talk(1.5)
        await alive(customer, agent)
        assert ((await broken.status())["capture"]["taps"] == 2) is recovers
        await customer.hangup()
    await broken.over()
    said = [line for line in broken.site.log.splitlines() if "alarm internal" in line]
    assert len(said) == 1
    assert "ZeroDivisionError at sitecustomize.py:" in said[0]
    assert "in planted, called in " in said[0]
    assert "0612345678" not in broken.site.log
    assert "Traceback" not in broken.site.log
    settled(broken)
    assert ("customer" in kept_seconds(broken, only_recording(broken), 0)) or not recovers
