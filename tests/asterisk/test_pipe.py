"""The capture through pipes on real calls: what it keeps, and what it does when something is not as it should be.

The whole matrix and the oracle run with it by `make matrix-pipe`."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sites import ALWAYS, FLAG, call_over, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(120)]

POLICY = FLAG + ALWAYS + profile("sales", '"proof"') + profile("support", '"complaint"')
VOICES = {"customer": tones.CUSTOMER, "agent": tones.AGENT, "second": tones.SECOND_AGENT, "held": tones.CUSTOMER_HELD, "music": tones.MUSIC}
BURST = 2.3
"""Longer than what Asterisk holds back."""


@dataclass(slots=True)
class Piped:
    site: Site
    customer: Phone
    agent: Phone
    second: Phone

    async def call(self, extension: str = "110") -> None:
        before = len(self.agent.legs)
        await self.customer.dial(extension)
        async with asyncio.timeout(5):
            while len(self.agent.legs) == before:
                await asyncio.sleep(0.02)
        await self.agent.answered()

    async def status(self, key: str) -> dict[str, int]:
        report = await asyncio.to_thread(self.site.status)
        found = report[key]
        assert isinstance(found, dict)
        return found

    async def tapped(self, peers: int = 0) -> None:
        """In conversation, through one pipe or two snoops."""
        async with asyncio.timeout(10):
            while True:
                capture = await self.status("capture")
                if (capture["taps"], capture["peers"]) == ((2, 2) if peers else (1, 0)):
                    return
                await asyncio.sleep(0.05)

    def heard(self, recording: str, truncated: bool = False) -> tuple[dict[str, float], dict[str, float]]:
        audio = self.site.listen(recording, truncated)
        return tones.seconds_of(audio[:, 0], VOICES), tones.seconds_of(audio[:, 1], VOICES)

    def mixmonitors(self) -> int:
        channel = re.search(r"PJSIP/customer-\w+", self.site.pbx.cli("core show channels concise"))
        assert channel is not None
        return self.site.pbx.cli(f"mixmonitor list {channel[0]}").count("0x")


def in_clear(work: Path) -> list[Path]:
    return [path for path in work.rglob("*.sln*") if path.is_file()]


@asynccontextmanager
async def piped(install: Install, work: Path, codec: str = "ulaw", settings: dict[str, str] | None = None) -> AsyncIterator[Piped]:
    ports = {"agent": free_port(socket.SOCK_DGRAM), "agent2": free_port(socket.SOCK_DGRAM)}
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    site = Site(
        work, install, POLICY, settings={"keys.grace_seconds": "1", **(settings or {})}, contacts=ports, sounds=sounds, capture="pipe",
        extra_dialplan="[from-agents](+)\nexten => 102,1,Dial(PJSIP/agent2,30,tk)\n",
    )  # fmt: skip
    async with running(site):
        server = site.pbx.sip_port
        customer = Phone("customer", 0, server, codec=codec, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", ports["agent"], server, codec=codec, source=Tone(tones.AGENT), answer_after=0.0)
        second = Phone("agent2", ports["agent2"], server, source=Tone(tones.SECOND_AGENT), answer_after=0.0)
        async with customer, agent, second:
            yield Piped(site, customer, agent, second)
    assert not await asyncio.to_thread(in_clear, work)


@pytest.mark.parametrize("codec", ["ulaw", "g722"])
async def test_a_hold_and_a_transfer_are_gaps_and_nothing_is_missing(install: Install, tmp_path: Path, codec: str) -> None:
    async with piped(install, tmp_path, codec) as one:
        await one.call()
        await one.tapped()
        await one.customer.talk(BURST)
        await one.agent.hold()
        one.customer.say(Tone(tones.CUSTOMER_HELD))
        await one.customer.talk(0.8)
        one.customer.say(Tone(tones.CUSTOMER))
        await one.customer.talk(0.04)
        await one.agent.unhold()
        await one.customer.talk(1.0)
        await one.agent.refer("102")
        await one.second.answered()
        await one.tapped()
        await one.customer.talk(BURST)
        (recording,) = await call_over(one.site, one.customer, 1)
        customer, agents = one.heard(recording.id)
        assert customer.keys() - {"silence"} == {"customer"} and agents.keys() - {"silence"} == {"agent", "second"}
        assert customer["customer"] > 2 * BURST + 0.8
        assert agents["agent"] > BURST + 0.8 and agents["second"] > BURST - 0.2
        assert await one.status("alarms") == {}
        assert os.listdir(one.site.pipes or "") == []


async def test_off_the_record_nothing_that_asterisk_still_held_comes_in(install: Install, tmp_path: Path) -> None:
    async with piped(install, tmp_path) as one:
        await one.call()
        await one.tapped()
        await one.customer.talk(1.2)  # nothing has been handed over yet
        await one.agent.press("*90")
        await one.customer.talk(BURST)
        await call_over(one.site, one.customer, 1)
        assert not list((one.site.state / "recordings").rglob("*.age"))
        assert not list((one.site.state / "recordings").rglob("*.part"))


async def test_killed_its_mixmonitor_is_ended_by_the_next_one_and_an_administrators_is_not(install: Install, tmp_path: Path) -> None:
    async with piped(install, tmp_path) as one:
        await one.call()
        await one.tapped()
        name = re.search(r"PJSIP/customer-\w+", one.site.pbx.cli("core show channels concise"))
        assert name is not None
        one.site.pbx.cli(f"mixmonitor start {name[0]} {tmp_path / 'admins.wav'}")
        assert one.mixmonitors() == 2
        await one.customer.talk(BURST)
        os.kill(one.site.daemon_pid, signal.SIGKILL)
        one.site.stop_daemon()
        assert len(os.listdir(one.site.pipes or "")) == 2
        assert one.mixmonitors() == 2
        await asyncio.to_thread(one.site.start_daemon)
        async with asyncio.timeout(10):
            while (await one.status("capture"))["taps"] == 0 or one.mixmonitors() > 2:
                await asyncio.sleep(0.1)
        await one.customer.talk(0.5)
        await one.agent.hold()
        await one.customer.talk(0.3)
        assert one.mixmonitors() == 1  # the administrator's
        await one.agent.unhold()
        await one.customer.talk(0.7)
        rows = await call_over(one.site, one.customer, 1)
        (second,) = [row for row in rows if row.state is State.SEALED]
        assert one.heard(second.id)[0]["customer"] > 0.9
        assert (tmp_path / "admins.wav").stat().st_size > 30_000
        assert one.site.log.count("pipes of a daemon that died were removed") == 1
        assert os.listdir(one.site.pipes or "") == []


async def test_a_file_among_the_pipes_is_an_alarm_and_the_next_calls_go_through_snoops(install: Install, tmp_path: Path) -> None:
    async with piped(install, tmp_path) as one:
        assert one.site.pipes is not None
        await one.call()
        await one.tapped()
        intruder = one.site.pipes / "somebody.sln"
        intruder.write_bytes(b"voices in clear")
        async with asyncio.timeout(5):
            while "tap_failed" not in await one.status("alarms") or intruder.exists():
                await asyncio.sleep(0.05)
        await call_over(one.site, one.customer, 1)
        await one.call()
        await one.tapped(peers=2)
        await one.customer.talk(0.8)
        (recording,) = await call_over(one.site, one.customer, 2)
        assert one.heard(recording.id)[0]["customer"] > 0.6


async def test_where_ami_refuses_calls_go_through_snoops(install: Install, tmp_path: Path) -> None:
    async with piped(install, tmp_path, settings={"ami.user": '"nobody"'}) as one:
        await one.call()
        await one.tapped(peers=2)
        await one.customer.talk(0.8)
        (recording,) = await call_over(one.site, one.customer, 1)
        assert one.heard(recording.id)[0]["customer"] > 0.6
        assert one.site.log.count("login as 'nobody' failed") == 1


async def test_asterisk_gone_from_ami_in_mid_call_the_call_is_kept_on(install: Install, tmp_path: Path) -> None:
    async with piped(install, tmp_path) as one:
        await one.call()
        await one.tapped()
        one.site.pbx.cli("module reload manager")
        await one.customer.talk(BURST)
        (recording,) = await call_over(one.site, one.customer, 1)
        assert one.heard(recording.id)[0]["customer"] > BURST - 0.2
        await asyncio.to_thread(wait_until_quiet, one.site)
