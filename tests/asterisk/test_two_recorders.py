"""Two recorders on one Asterisk: each call is kept once, by one of them, whatever becomes of the other."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from fault_lab import Noisy
from measuring import leaks
from postgres_server import postgres, server
from sites import ALWAYS, FLAG, TrueStory, profile, running, short_sounds, wait_until_quiet
from test_oracle import AGENT_CODE, CUSTOMER_CODE, _conversations, _live

from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon.control import ask
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.leg import Leg
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Code, Source, Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.rows import RecordingRow

__all__ = ["postgres", "server"]  # fixtures
pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(150)]

POLICY = ALWAYS + FLAG + profile("sales", '"proof"') + profile("support", '"complaint"')
KEPT, ON_DEMAND = "110", "100"
BOUND_SECONDS = 1.5  # PRIVACY_AGI_SECONDS of the lab
NOTICE_SECONDS = 0.5


@dataclass
class Talk:
    customer: Leg
    agent: Leg

    def say(self, customer: Source, agent: Source) -> None:
        self.customer.media.say(customer)
        self.agent.media.say(agent)


@dataclass
class Pair:
    one: Site
    two: Site
    customer: Phone
    agent: Phone

    @property
    def sites(self) -> tuple[Site, Site]:
        return self.one, self.two

    async def call(self, first: Site, extension: str = KEPT, noisy: bool = False) -> Talk:
        """Connected. `first`: the recorder whose turn it is."""
        turn = self.sites.index(first)
        await asyncio.to_thread(self.one.pbx.cli, f"dialplan set global PRIVACY_TURN {turn}")
        return await self.dial(extension, noisy)

    async def dial(self, extension: str = KEPT, noisy: bool = False) -> Talk:
        known = len(self.agent.legs)
        mine = await self.customer.dial(extension)
        await self.until(lambda: len(self.agent.legs) > known, "the agent is called")
        talk = Talk(mine, self.agent.legs[known])
        await self.until(lambda: talk.agent.answered_at is not None, "the agent answers")
        kind = Noisy if noisy else Tone
        talk.say(kind(tones.CUSTOMER), kind(tones.AGENT))
        return talk

    async def until(self, true: Callable[[], object], what: str, seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(true):
            assert time.monotonic() < deadline, f"{what}\n{self.one.log[-1500:]}\n{self.two.log[-1500:]}"
            await asyncio.sleep(0.05)

    async def over(self, one: int, two: int) -> None:
        """So many calls of each are over, and nothing is left."""
        for site, count in ((self.one, one), (self.two, two)):
            if site.daemon_runs:
                await asyncio.to_thread(site.wait_for_calls, count)
        await self.until(lambda: "0 active channels" in self.one.pbx.cli("core show channels count"), "no channel is left")
        for site in self.sites:
            if site.daemon_runs:
                await asyncio.to_thread(wait_until_quiet, site)


def told(site: Site, table: str, key: str) -> int:
    found = site.status()[table]
    assert isinstance(found, dict)
    return int(found[key])


def new_taps(site: Site) -> int:
    """But for those that a busy machine had renewed."""
    return told(site, "capture", "attached") - told(site, "capture", "renewed")


def alarms(site: Site) -> object:
    return site.status()["alarms"]


def heard(site: Site, row: RecordingRow, truncated: bool = False) -> tuple[float, float]:
    """Seconds of the customer's voice and of the agent's."""
    audio = site.listen(row.id, truncated)
    return tuple(tones.seconds_of(audio[:, leg], {"it": hz}).get("it", 0.0) for leg, hz in ((0, tones.CUSTOMER), (1, tones.AGENT)))  # type: ignore[return-value]


@pytest.fixture
async def pair(install: Install, tmp_path: Path) -> AsyncIterator[Pair]:
    async with two_recorders(install, tmp_path) as made:
        yield made


@asynccontextmanager
async def two_recorders(install: Install, work: Path, shared: Server | None = None) -> AsyncIterator[Pair]:
    """`shared`: the registry of both, else each has its own."""
    port = free_port(socket.SOCK_DGRAM)
    sounds = short_sounds(work / "sounds", DIALPLAN / "sounds")
    settings = {"keys.grace_seconds": "1"} | ({"registry.url": f'"{shared.url}"', "registry.node": '"one"'} if shared else {})
    second = {**settings, "asterisk.app": '"asterisk-privacy-2"'} | ({"registry.node": '"two"'} if shared else {})
    one = Site(work / "one", install, POLICY, settings=settings, contacts={"agent": port}, sounds=sounds)
    two = Site(work / "two", install, POLICY, settings=second, sounds=sounds, beside=one, keys_of=one if shared else None)
    for site in (one, two):
        site.config.write_text(site.config.read_text().replace("[capture]\n", f'[capture]\nadvertise = "{site.audio}"\n'))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(one))
        one.pbx.cli(f"dialplan set global PRIVACY_AGI {one.agi}&{two.agi}")
        one.pbx.cli("dialplan set global PRIVACY_AUDIOSOCKET 127.0.0.1:9")  # nobody there: each says where its audio goes
        await stack.enter_async_context(running(two))
        customer = await stack.enter_async_context(Phone("customer", 0, one.pbx.sip_port, source=Tone(tones.CUSTOMER)))
        agent = await stack.enter_async_context(Phone("agent", port, one.pbx.sip_port, source=Tone(tones.AGENT), answer_after=0.0))
        yield Pair(one, two, customer, agent)


async def test_calls_are_spread_each_is_kept_once_and_no_hold_is(pair: Pair) -> None:
    rng, lives, stories = random.Random(7), [], []
    for _ in range(6):
        talk = await pair.dial()
        stories.append(TrueStory(talk.customer, talk.agent))
        talk.say(Code(CUSTOMER_CODE), Code(AGENT_CODE))
        lives.append(asyncio.create_task(_live(stories[-1], rng, coded=True)))
    await asyncio.gather(*lives)
    await pair.over(3, 3)
    kept = sorted(((call.begun_at, site, call.id) for site in pair.sites for call in site.calls()), key=lambda found: found[0])
    assert [site is pair.one for _, site, _ in kept] == [True, False] * 3, "by turns"
    frames = 0
    for story, (_, site, call) in zip(stories, kept, strict=True):
        (row,) = [r for r in site.recordings() if r.call_id == call]
        audio = site.listen(row.id)
        for leg, code, column in ((story.customer, CUSTOMER_CODE, 0), (story.agent, AGENT_CODE, 1)):
            dated = code.heard(audio[:, column])
            frames += len(dated)
            assert leaks(leg.media.sent, dated, _conversations(story)) == []
    assert frames > 500 and [alarms(site) for site in pair.sites] == [{}, {}]


async def test_drained_in_mid_call_it_keeps_that_call_and_the_other_takes_the_new_ones(pair: Pair) -> None:
    talk = await pair.call(pair.one, ON_DEMAND)
    await pair.until(lambda: told(pair.one, "capture", "taps") == 2, "it is heard")
    began = time.monotonic()
    answer = await asyncio.to_thread(ask, pair.one.run / "control.sock", "drain stop")
    assert (answer["calls"], answer["others"]) == (1, True)
    later = [await pair.call(pair.one) for _ in range(2)]
    await asyncio.sleep(1.0)
    await asyncio.sleep(talk.agent.media.press("*1"))
    for one in later:
        one.customer.hangup()
    await asyncio.sleep(0.5)
    assert told(pair.one, "draining", "calls") == 1
    talk.customer.hangup()
    lasted = time.monotonic() - began
    assert await asyncio.to_thread(pair.one.await_end) == 0, "it ends by itself, and well"
    (row,) = pair.one.recordings()
    assert min(heard(pair.one, row)) > lasted - 0.6, "all of it, from before the draining to the end"
    await pair.over(1, 2)
    assert len(pair.two.recordings()) == 2 and min(min(heard(pair.two, r)) for r in pair.two.recordings()) > 0.6
    assert alarms(pair.two) == {}, "a key of the other one's call is none of its business"
    await asyncio.to_thread(pair.one.start_daemon)
    (await pair.call(pair.one)).customer.hangup()
    await pair.over(2, 2)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_restarted_or_killed_it_takes_up_its_own_calls_and_leaves_the_others_alone(pair: Pair, how: signal.Signals) -> None:
    mine, theirs = await pair.call(pair.one, noisy=True), await pair.call(pair.two, noisy=True)
    await pair.until(lambda: [told(site, "capture", "taps") for site in pair.sites] == [2, 2], "both are heard")
    began = time.monotonic()
    await asyncio.sleep(6.0)  # enough for a whole chunk on the disk
    attached = new_taps(pair.two)
    if how is signal.SIGKILL:
        os.kill(pair.one.daemon_pid, how)
    await asyncio.to_thread(pair.one.stop_daemon)
    await asyncio.to_thread(pair.one.start_daemon)
    await pair.until(lambda: told(pair.one, "capture", "taps") == 2, "its call is taken up")
    await asyncio.sleep(1.5)
    assert told(pair.one, "calls", "taken_up") == 1 and new_taps(pair.two) == attached
    for talk in (mine, theirs):
        talk.customer.hangup()
    lasted = time.monotonic() - began
    await pair.over(1, 1)
    (call,) = pair.two.calls()
    (row,) = pair.two.recordings()
    assert not row.truncated and min(heard(pair.two, row)) > lasted - 0.4, "whole"
    gaps = [(span.kind, span.end_ms - span.start_ms) for span in call.spans if span.kind in (SpanKind.LOST, SpanKind.HOLD)]
    assert all(kind is SpanKind.LOST and length < 400 for kind, length in gaps) and alarms(pair.two) == {}, gaps
    parts = sorted(pair.one.recordings(), key=lambda r: r.part)
    assert [(r.part, r.truncated) for r in parts] == [(1, how is signal.SIGKILL), (2, False)]
    assert len({r.call_id for r in parts}) == 1 and min(heard(pair.one, parts[1])) > 1.0


async def test_with_both_down_calls_go_on(pair: Pair) -> None:
    for site in pair.sites:
        await asyncio.to_thread(site.stop_daemon)
    dialled = time.monotonic()
    talk = await pair.dial()
    assert time.monotonic() - dialled < BOUND_SECONDS
    await asyncio.sleep(0.5)
    talk.customer.hangup()
    for site in pair.sites:
        await asyncio.to_thread(site.start_daemon)
        await pair.until(lambda site=site: site.status()["alarms"] == {"missed_calls": 1}, "it is told")  # type: ignore[misc]
    (await pair.dial()).customer.hangup()
    await pair.until(lambda: sum(len(site.calls()) for site in pair.sites) == 1, "calls are taken again")


async def test_on_one_registry_with_one_key_each_still_takes_up_its_own(install: Install, tmp_path: Path, server: Server) -> None:
    """Each could read what the other left on its callers' channels."""
    async with two_recorders(install, tmp_path, server) as pair:
        talks = [await pair.call(site, noisy=True) for site in pair.sites]
        await pair.until(lambda: [told(site, "capture", "taps") for site in pair.sites] == [2, 2], "both are heard")
        await asyncio.sleep(6.0)
        os.kill(pair.one.daemon_pid, signal.SIGKILL)
        await asyncio.to_thread(pair.one.stop_daemon)
        await asyncio.to_thread(pair.one.start_daemon)
        await pair.until(lambda: told(pair.one, "capture", "taps") == 2, "its call is taken up")
        assert [told(site, "calls", "taken_up") for site in pair.sites] == [1, 0]
        for talk in talks:
            talk.customer.hangup()
        await pair.over(2, 2)
        rows = pair.one.recordings()
        assert sorted((row.part, row.truncated) for row in rows) == [(1, False), (1, True), (2, False)]
        assert len({row.call_id for row in rows}) == 2 and [call.outcome for call in pair.two.calls()] == ["kept", "kept"]
        assert alarms(pair.two) == {}


@pytest.mark.parametrize("naps", [(3.5,), (0.0, 3.5)])
async def test_one_that_hangs_costs_a_moment_and_takes_nothing_when_it_wakes(pair: Pair, naps: tuple[float, ...]) -> None:
    """A link that had no sign of life for three seconds is made anew, and the state read again: the caller's consent with it."""
    os.kill(pair.one.daemon_pid, signal.SIGSTOP)
    try:
        dialled = time.monotonic()
        talk = await pair.call(pair.one)
        asked = talk.agent.answered_at - dialled - NOTICE_SECONDS  # type: ignore[operator]
        began = time.monotonic()
        for nap in naps:  # after the first it may still answer what it was asked
            os.kill(pair.one.daemon_pid, signal.SIGSTOP)
            await asyncio.sleep(nap)
            os.kill(pair.one.daemon_pid, signal.SIGCONT)
            await asyncio.sleep(0.5)
    finally:
        os.kill(pair.one.daemon_pid, signal.SIGCONT)
    await pair.until(lambda: json.dumps(pair.one.status()["ari"]).find('"connected": true') > 0, "it is back")
    await asyncio.sleep(1.5)
    assert told(pair.one, "capture", "taps") == 0 and told(pair.one, "capture", "attached") == 0
    talk.customer.hangup()
    lasted = time.monotonic() - began
    await pair.until(lambda: "0 active channels" in pair.one.pbx.cli("core show channels count"), "no channel is left")
    await asyncio.to_thread(pair.two.wait_for_calls, 1)
    (row,) = pair.two.recordings()
    assert min(heard(pair.two, row)) > lasted - 0.4
    assert asked < BOUND_SECONDS and pair.one.recordings() == []
    assert {call.outcome for call in pair.one.calls()} <= {None, "unannounced"}


async def test_the_test_call_of_one_reaches_that_one(pair: Pair) -> None:
    pair.one.pbx.cli("dialplan set global PRIVACY_TURN 0")
    command = [sys.executable, "-m", "asterisk_privacy", "selftest", "--config", str(pair.two.config)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [alarms(site) for site in pair.sites] == [{}, {}] and pair.one.calls() == []


async def test_what_a_second_recorder_lacks_is_said(pair: Pair) -> None:
    async def lacks(old: str, new: str) -> list[str]:
        config = pair.two.etc / "other.toml"
        config.write_text(pair.two.config.read_text().replace(old, new))
        done = await asyncio.to_thread(CliRunner().invoke, main, ["check-config", "--ask", "--config", str(config)])
        assert done.exit_code in (0, 1), done.output
        return [line for line in done.output.splitlines() if re.match(r"\S+: .*(PRIVACY_|advertise|\[asterisk\])|\[asterisk\]", line)]

    assert await lacks("", "") == []
    (listed,) = await lacks(pair.two.agi, "127.0.0.1:1")
    assert listed.endswith(f"or one more behind it: {pair.one.agi}&{pair.two.agi}&127.0.0.1:1")
    globally, own = await lacks("advertise = ", "# ")
    assert "PRIVACY_AUDIOSOCKET is 127.0.0.1:9" in globally and f'write [capture] advertise = "{pair.two.audio}"' in own
    (name,) = await lacks('"asterisk-privacy-2"', '"asterisk-privacy"')
    assert "each recorder needs a name of its own" in name


async def test_with_an_older_include_audio_goes_where_the_global_says(pair: Pair) -> None:
    include = pair.one.pbx.workdir / "etc/extensions_privacy.conf"
    include.write_text(include.read_text().replace("exten => _to-.,1(here)", "exten => _other-.,1"))
    for command in ("dialplan reload", f"dialplan set global PRIVACY_AUDIOSOCKET {pair.one.audio}"):
        pair.one.pbx.cli(command)
    talk = await pair.call(pair.one)
    await pair.until(lambda: told(pair.one, "capture", "peers") == 2, "it is heard")
    await asyncio.sleep(1.0)
    talk.customer.hangup()
    await pair.over(1, 0)
    (row,) = pair.one.recordings()
    assert min(heard(pair.one, row)) > 0.9 and alarms(pair.one) == {}
