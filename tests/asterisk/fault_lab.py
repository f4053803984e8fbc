"""Calls through a whole site, and ways to break it. Its fixtures are handed out by conftest.py."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
import time
import wave
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import fault_table
import numpy as np
import pytest
from plaintext import search, search_process
from serving import Serving

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Source, Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import RecordingRow, State

CUSTOMER, HELD, AGENT, MUSIC, NOTICE = 700.0, 900.0, 1100.0, 440.0, 600.0
VOICES = {"customer": CUSTOMER, "held": HELD, "agent": AGENT, "music": MUSIC, "notice": NOTICE}
ALWAYS, FLAG = "110", "100"
POLICY = """
[purposes.complaint]
title = "Complaints"
basis = "legitimate-interest"
reasoning = "to settle a complaint"
trigger = "flag"
retention = { until = "case-closed", plus_days = 30, latest_days = 700 }
[purposes.proof]
title = "Proof of an order"
basis = "contract"
reasoning = "to prove what was agreed"
trigger = "always"
retention = { until = "days", latest_days = 30 }
[profiles.support]
title = "Support"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint"]
refuse_key = "3"
[profiles.sales]
title = "Sales"
language = "nl"
announcement = "notice-optout"
purposes = ["proof"]
refuse_key = "3"
"""
ROOM = """
[from-outside](+)
exten => 310,1,Gosub(privacy-start,s,1(sales))
 same => n,ConfBridge(room)
[from-agents](+)
exten => 310,1,Answer()
 same => n,ConfBridge(room)
"""


class Noisy:
    """A tone with noise beneath, which packs badly: a few seconds fill a chunk on the disk."""

    def __init__(self, freq: float) -> None:
        self._tone = Tone(freq)
        self._random = np.random.default_rng(1)

    def frame(self, n: int) -> Pcm:
        samples: Pcm = (self._tone.frame(n) + self._random.normal(0, 1500, tones.FRAME)).astype(np.int16)
        return samples

    def label(self, n: int) -> str:
        return self._tone.label(n)


def make_sounds(directory: Path) -> Path:
    for name, freq, seconds in [("nl/notice-optout", NOTICE, 0.4), ("nl/refused", NOTICE, 0.2)] + [
        (f"tones/{word}", 2000.0, 0.1) for word in ("keep", "pause", "resume", "off", "refused")
    ]:
        path = directory / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tones.tone(freq, seconds).astype("<i2").tobytes())
    return directory


class Broken:
    """A site and the phones around it."""

    def __init__(
        self, workdir: Path, install: Install, settings: Mapping[str, str] | None = None, extra_pjsip: str = "", policy: str = POLICY
    ) -> None:
        self.ports = {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent", "agent2")}
        self.sounds = make_sounds(workdir / "sounds")
        self.site = Site(
            workdir / "site",
            install,
            policy,
            settings={"keys.grace_seconds": "1", **(settings or {})},
            contacts=self.ports,
            sounds=self.sounds,
            extra_dialplan=ROOM,
            extra_pjsip=extra_pjsip,
        )

    def phone(self, name: str, freq: float, source: Source | None = None) -> Phone:
        return Phone(name, self.ports[name], self.site.pbx.sip_port, source=source or Tone(freq), answer_after=0.0)

    @asynccontextmanager
    async def call(self, extension: str, noisy: bool = False) -> AsyncIterator[tuple[Phone, Phone]]:
        """Customer and agent, connected."""
        sources = [Noisy(freq) if noisy else Tone(freq) for freq in (CUSTOMER, AGENT)]
        async with self.phone("customer", CUSTOMER, sources[0]) as customer, self.phone("agent", AGENT, sources[1]) as agent:
            await customer.dial(extension)
            await until(lambda: bool(agent.legs))
            await agent.answered()
            yield customer, agent

    async def status(self) -> dict[str, Any]:
        return dict(await asyncio.to_thread(self.site.status))

    async def alarms(self) -> dict[str, int]:
        return dict((await self.status())["alarms"])

    async def connected(self, seconds: float = 15.0) -> None:
        await self.comes_true(lambda status: status["ari"]["connected"], seconds)
        fault_table.now().over()

    async def comes_true(self, true: Callable[[dict[str, Any]], Any], seconds: float = 8.0) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(OperatorError):
                if true(await self.status()):
                    return
            assert time.monotonic() < deadline, (await self.status(), self.site.log[-2000:])
            await asyncio.sleep(0.05)

    async def over(self, count: int = 1) -> None:
        await asyncio.to_thread(self.site.wait_for_calls, count)

    def snoops(self) -> int:
        return self.site.pbx.cli("core show channels concise").count("Snoop/")

    def missed(self) -> int:
        match = re.search(r"PRIVACY_MISSED=(\d+)", self.site.pbx.cli("dialplan show globals"))
        return int(match[1]) if match else 0


class Make:
    """make(table__name="value") -> a site with these settings, not up yet."""

    def __init__(self, install: Install, folder: Path) -> None:
        self._install = install
        self._folder = folder
        self.made: list[Broken] = []

    def __call__(self, policy: str = POLICY, **settings: str) -> Broken:
        named = {name.replace("__", "."): value for name, value in settings.items()}
        self.made.append(Broken(self._folder, self._install, named, policy=policy))
        return self.made[-1]


@pytest.fixture
def make(install: Install, tmp_path: Path) -> Iterator[Make]:
    maker = Make(install, tmp_path)
    yield maker
    for one in maker.made:
        one.site.__exit__(None, None, None)


@pytest.fixture
def fault(make: Make, request: pytest.FixtureRequest) -> Iterator[fault_table.Fault]:
    """fault("its name") when it happens: a row of the table at the end of the run."""
    told = fault_table.begin()
    yield told
    told.lost += sum(call.outcome == "failed" for one in make.made for call in one.site.calls())
    request.node.user_properties.append(("fault", dataclasses.asdict(told)))


@pytest.fixture
async def broken(make: Make) -> Broken:
    """A whole site that is up, still to be broken."""
    one = make()
    await asyncio.to_thread(one.site.__enter__)
    return one


async def until(true: Callable[[], bool], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)


async def alive(customer: Phone, agent: Phone) -> None:
    """Both hear each other, now."""
    fault_table.now().calls += 1
    since = time.monotonic() + 0.1
    await customer.talk(0.5)
    assert tones.level(customer.heard(since), AGENT) > -25
    assert tones.level(agent.heard(since), CUSTOMER) > -25
    fault_table.now().alive += 1


async def held(customer: Phone, agent: Phone) -> None:
    """For a second the agent holds, and the customer says what must not be kept."""
    customer.say(Tone(HELD))
    await agent.hold()
    await customer.talk(1.0)
    customer.say(Tone(CUSTOMER))
    await customer.talk(0.1)
    await agent.unhold()


class Cut:
    """A TCP proxy that can be cut (all connections die, new ones are refused) or frozen (nothing passes, nothing closes)."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self.port = free_port()
        self._serving = Serving(self._serve)
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def open(self) -> None:
        await self._serving.start("127.0.0.1", self.port)

    async def cut(self) -> None:
        await self._serving.stop()
        self._flowing.set()

    def freeze(self) -> None:
        self._flowing.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, out = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(self._pump(reader, out), self._pump(there, writer))
            finally:
                out.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


# ---- what must be true after any fault


def nothing_in_clear(one: Broken, *leave_out: Path) -> None:
    found = search(one.site.workdir, leave_out=[one.site.pbx.workdir / "moh", *leave_out])
    fault_table.now().plaintext += len(found)
    assert found == []
    with suppress(OperatorError):
        assert search_process(one.site.daemon_pid) == []


def kept_seconds(one: Broken, row: RecordingRow, column: int, allow_truncated: bool = False) -> dict[str, float]:
    heard = tones.seconds_of(one.site.listen(row.id, allow_truncated)[:, column], VOICES)
    fault_table.now().private += round(sum(50 * heard.get(name, 0.0) for name in fault_table.PRIVATE if column == 0))
    return heard


def only_recording(one: Broken) -> RecordingRow:
    (row,) = one.site.recordings()
    return row


def settled(one: Broken) -> None:
    assert [r for r in one.site.recordings() if r.state is State.WRITING] == []
    assert [c for c in one.site.calls() if c.outcome is None] == []
    assert not list((one.site.state / "recordings").rglob("*.part"))
