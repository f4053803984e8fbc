"""Five hundred calls within two seconds: a real daemon asked over real FastAGI sockets, as Asterisk asks. So many SIP calls would saturate
two cores before they reached it; what the dialplan, phones and taps add is measured by `make bench`."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import signal
import socket
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from agi_lines import address, environment
from ari_double import ToyAri, channel
from policies import SALES

from asterisk_privacy.store.identity import Identity

CALLS, SECONDS = 500, 2.0
QUERY = "profile=sales&direction=in"
PATIENCE = 1.5
"""PRIVACY_AGI_SECONDS: after this the dialplan goes on, unrecorded."""
CONFIG = """
asterisk = {{ ari_url = "{url}", ari_password_file = "{folder}/ari.secret" }}
fastagi.listen = "127.0.0.1:{agi}"
capture.listen = "127.0.0.1:{audio}"
store = {{ directory = "{folder}/recordings", recipients = "{folder}/recipients.txt" }}
registry = {{ path = "{folder}/registry.sqlite", number_key = "{folder}/number.key" }}
control.socket = "{folder}/run/control.sock"
keys.grace_seconds = 1
"""


class Recorder:
    """The daemon in a process of its own."""

    def __init__(self, folder: Path, url: str, settings: str = "") -> None:
        self.folder = folder
        with closing(socket.create_server(("127.0.0.1", 0))) as one, closing(socket.create_server(("127.0.0.1", 0))) as other:
            self.agi, audio = one.getsockname()[1], other.getsockname()[1]
        (folder / "ari.secret").write_text("secret\n")
        (folder / "number.key").write_text(secrets.token_hex(32) + "\n")
        (folder / "number.key").chmod(0o600)
        (folder / "recipients.txt").write_text(Identity.generate().public + "\n")
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG.format(folder=folder, url=url, agi=self.agi, audio=audio) + settings + SALES)
        self.log = folder / "log"
        self.process: asyncio.subprocess.Process | None = None

    @property
    def kept_waiting(self) -> float:
        """Seconds for which it could have gone on, and others had the processors (Documentation/scheduler/sched-stats)."""
        assert self.process is not None
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9

    async def status(self) -> dict[str, dict[str, object]]:
        try:
            reader, writer = await asyncio.open_unix_connection(self.folder / "run/control.sock")
        except OSError:
            return {"ari": {"connected": None}}
        writer.write(b"status\n")
        told = json.loads(await reader.read())
        writer.close()
        return dict(told)

    async def comes_to(self, wanted: object, *where: str) -> None:
        deadline = time.monotonic() + 60
        while True:
            found: object = await self.status()
            for name in where:
                found = found.get(name) if isinstance(found, dict) else None
            if found == wanted:
                return
            assert time.monotonic() < deadline, (where, found, self.log.read_text()[-2000:])
            await asyncio.sleep(0.05)


@asynccontextmanager
async def recorder(folder: Path, url: str, connected: bool, settings: str = "") -> AsyncIterator[Recorder]:
    made = Recorder(folder, url, settings)
    with made.log.open("wb") as log:
        arguments = [sys.executable, "-m", "asterisk_privacy", "serve", "--config", str(made.config)]
        made.process = await asyncio.create_subprocess_exec(*arguments, stderr=log, stdout=log)
        try:
            await made.comes_to(connected, "ari", "connected")
            yield made
        finally:
            made.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(made.process.wait(), 60)


async def asked(port: int, number: str, at: float, toy: ToyAri | None = None) -> tuple[float, dict[str, str]]:
    """As Asterisk does for a call: how many seconds its caller waited, and what was set on his channel. `toy`: it tells the step over ARI,
    some milliseconds before it asks or after."""
    await asyncio.sleep(at - time.monotonic())
    telling = asyncio.create_task(_tell_step(toy, number)) if toy is not None else None
    began, told = time.monotonic(), {}
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(environment(number, QUERY, callerid="06" + number.zfill(8)))
    while (line := (await reader.readline()).decode()).startswith("SET VARIABLE "):
        name, _, value = line.removeprefix("SET VARIABLE ").strip().partition(" ")
        told[name] = value.strip('"')
        writer.write(b"200 result=1\n")
    writer.close()
    if telling is not None:
        await telling
    return time.monotonic() - began, told


async def _tell_step(toy: ToyAri, number: str) -> None:
    await asyncio.sleep(random.Random(number).choice([0.0, 0.0, 0.005, 0.02]))
    there = {**channel(number, f"PJSIP/trunk-{number}"), "caller": {"number": "06" + number.zfill(8), "name": ""}}
    there["dialplan"] = {"context": "privacy-ask", "exten": "s", "app_name": "AGI", "app_data": address(QUERY)}
    await toy.send({"type": "ChannelDialplan", "timestamp": toy.stamp(), "channel": there})


def share() -> float:
    """How much of a processor one process gets here, beside what else runs on this machine."""
    began, used = time.monotonic(), time.process_time()
    while time.monotonic() - began < 0.5:
        pass
    return (time.process_time() - used) / (time.monotonic() - began)


async def storm(daemon: Recorder, toy: ToyAri | None = None) -> list[tuple[float, dict[str, str]]]:
    """How long each waited, less the time for which this process and the daemon had no processor, and what he was told. Where others take
    most of the machine the calls come more slowly."""
    seconds = min(SECONDS / share() ** 2, 40.0)
    rng, begin, stood = random.Random(5), time.monotonic() + 0.2, [0.0]
    watching, before = asyncio.create_task(_watch(stood)), daemon.kept_waiting
    answers = await asyncio.gather(*(asked(daemon.agi, str(n), begin + rng.uniform(0, seconds), toy) for n in range(CALLS)))
    watching.cancel()
    stood[0] += daemon.kept_waiting - before
    return [(max(0.0, waited - stood[0]), told) for waited, told in answers]


async def _watch(stood: list[float]) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.01)
        stood[0] = max(stood[0], time.monotonic() - began - 0.01)


async def test_no_caller_waits_and_none_is_announced_and_forgotten(
    toy: ToyAri, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    toy.clock_ahead = 0.0
    async with recorder(tmp_path, toy.url, True) as daemon:
        for n in range(CALLS):  # Asterisk tells of a channel before its dialplan asks
            await toy.send({"type": "ChannelCreated", "timestamp": toy.stamp(), "channel": channel(str(n), f"PJSIP/trunk-{n}")})
        answers = await storm(daemon, toy)
        waited = sorted(seconds for seconds, _ in answers)
        assert waited[-1] < PATIENCE
        assert Counter(told["PRIVACY_PLAN"] for _, told in answers) == {"announce": CALLS}
        calls = {told["PRIVACY_CALL"] for _, told in answers}
        assert len(calls) == CALLS
        await daemon.comes_to(CALLS, "calls", "now")
        pause = SECONDS / CALLS / share()
        for n, (_, told) in enumerate(answers):
            for stage, heard, context in (("begin", "", "privacy-notice"), ("end", "yes", "privacy-key-choice")):
                said = {"eventname": "PrivacyNotice", "Call": told["PRIVACY_CALL"], "Stage": stage, "Heard": heard}
                said["Notice"] = told["PRIVACY_NOTICE_ID"]
                event = {"type": "ChannelUserevent", "timestamp": toy.stamp(), "eventname": "PrivacyNotice", "userevent": said}
                there = {**channel(str(n), f"PJSIP/trunk-{n}"), "dialplan": {"context": context}}
                await toy.send({**event, "channel": there})
            await toy.send({"type": "ChannelDestroyed", "timestamp": toy.stamp(), "channel": channel(str(n), f"PJSIP/trunk-{n}")})
            await asyncio.sleep(pause)
        await daemon.comes_to(0, "calls", "now")
        assert (await daemon.status())["alarms"] == {}
    with closing(sqlite3.connect(tmp_path / "registry.sqlite")) as registry:
        rows = registry.execute("SELECT id, outcome FROM calls").fetchall()
        heard = registry.execute("SELECT count(DISTINCT call_id) FROM consents WHERE kind = 'notice-heard'").fetchone()[0]
    assert {row[0] for row in rows} == calls
    assert {row[1] for row in rows} == {"not-kept"} and heard == CALLS
    p99 = waited[int(0.99 * CALLS)]
    record_property(
        "report", f"{CALLS} calls in {SECONDS:g} s: a caller waited {1000 * p99:.0f} ms (p99), {1000 * waited[-1]:.0f} ms at most"
    )


async def test_without_asterisks_ari_each_goes_on_at_once_and_is_counted(tmp_path: Path) -> None:
    async with recorder(tmp_path, "http://127.0.0.1:1", False) as daemon:
        answers = await storm(daemon)
        assert max(seconds for seconds, _ in answers) < PATIENCE
        assert Counter(told["PRIVACY_PLAN"] for _, told in answers) == {"none": CALLS}
        assert (await daemon.status())["alarms"] == {"not_ready": CALLS}
    with closing(sqlite3.connect(tmp_path / "registry.sqlite")) as registry:
        assert registry.execute("SELECT count(*) FROM calls").fetchone() == (0,)


async def test_a_daemon_that_stands_still_for_a_moment_has_answered_all_when_it_goes_on(toy: ToyAri, tmp_path: Path) -> None:
    """Whoever asked in that moment waits for it, and no one longer than his patience."""
    async with recorder(tmp_path, toy.url, True) as daemon:
        assert daemon.process is not None
        running = asyncio.create_task(storm(daemon, toy))
        await asyncio.sleep(0.7)
        os.kill(daemon.process.pid, signal.SIGSTOP)
        await asyncio.sleep(0.4)
        os.kill(daemon.process.pid, signal.SIGCONT)
        answers = await running
        assert max(seconds for seconds, _ in answers) < PATIENCE
        assert Counter(told["PRIVACY_PLAN"] for _, told in answers) == {"announce": CALLS}
