"""The main job on a real Asterisk, a call each: kept by key, not kept, refused, sampled, agreed, paused, off the record, queue, grace."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from plaintext import search, search_process
from sites import ALWAYS, FLAG, OPT_IN, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.call.timeline import SpanKind, passages
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.sip import SipError
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import CallRow, RecordingRow, State

pytestmark = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]

SAMPLE = """
[purposes.training]
title = "training"
basis = "legitimate-interest"
reasoning = "a few calls to coach on"
trigger = "sample"
one_in = 1
retention = { until = "reviewed", latest_days = 35 }
"""
POLICY = (
    FLAG + ALWAYS + SAMPLE + OPT_IN + profile("support", '"complaint"', refuse_key="3") + profile("sales", '"training", "complaint"')
    + profile("optin", '"quality"') + profile("orders", '"proof"')
)  # fmt: skip
EXTRA = """
[from-outside]
exten => 120,1,Gosub(privacy-start,s,1(optin))
 same => n,Dial(PJSIP/agent,30,tkK)
exten => 130,1,Gosub(privacy-start,s,1(orders))
 same => n,Dial(PJSIP/agent,30,tkK)
exten => 140,1,Gosub(privacy-start,s,1(nobody))
 same => n,Dial(PJSIP/agent,30,tkK)
"""
REFUSAL_HZ = 330.0
"""Two low beeps; the keep tone rises from 700 to 1200 Hz (dialplan/sounds/tones)."""


@dataclass(slots=True)
class Stage:
    """One site for all tests of this file, and its phones."""

    site: Site
    customer: Phone
    agent: Phone
    calls: int = 0

    async def call(self, extension: str = "100", key: str = "") -> None:
        """Dials; `key` is pressed during the announcement. Returns when both are in conversation."""
        before = len(self.agent.legs)
        await self.customer.dial(extension)
        if key:
            await self.customer.talk(0.2)
            await self.customer.press(key)
        while len(self.agent.legs) == before:
            await asyncio.sleep(0.02)
        await self.agent.answered()
        self.calls += 1

    async def over(self) -> tuple[CallRow, list[RecordingRow]]:
        """Hangs up; the call's row and recordings once the daemon is done with it."""
        await self.customer.hangup()
        return await self.settled()

    async def settled(self) -> tuple[CallRow, list[RecordingRow]]:
        rows = await asyncio.to_thread(self.site.wait_for_calls, self.calls)
        await asyncio.to_thread(wait_until_quiet, self.site)
        return rows[-1], [r for r in self.site.recordings() if r.call_id == rows[-1].id]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(install: Install, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    work = tmp_path_factory.mktemp("main-job")
    port = free_port(socket.SOCK_DGRAM)
    site = Site(
        work,
        install,
        POLICY,
        settings={"keys.grace_seconds": "2"},
        contacts={"agent": port},
        sounds=short_sounds(work / "sounds", DIALPLAN / "sounds"),
        extra_dialplan=EXTRA,
    )
    async with running(site):
        server = site.pbx.sip_port
        customer = Phone("customer", 0, server, source=Tone(tones.CUSTOMER))
        agent = Phone("agent", port, server, source=Tone(tones.AGENT), answer_after=0.2)
        async with customer, agent:
            yield Stage(site, customer, agent)


def heard(audio: Block) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of each known tone: customer's leg, agent's leg."""
    known = {"held": 900.0, "holding": 1000.0, "music": 440.0, "notice": 600.0}
    return (
        tones.seconds_of(audio[:, 0], {"customer": tones.CUSTOMER, **known}),
        tones.seconds_of(audio[:, 1], {"agent": tones.AGENT, **known}),
    )


def kinds(row: CallRow, shortest_ms: int = 60) -> Sequence[SpanKind]:
    """What happened, in order, blinks left out."""
    return [span.kind for span in row.spans if span.end_ms - span.start_ms >= shortest_ms]


def refused_in(samples: Block) -> bool:
    """Whether the refusal tone is in what the agent heard."""
    return bool(tones.levels(samples, [REFUSAL_HZ], window=0.1).max(initial=-120.0) > -32)


def confirmed_in(samples: Block) -> bool:
    """Whether the keep tone, somewhere on its way up, is there beside the customer's voice."""
    return bool(tones.levels(samples, [900.0, 1000.0], window=0.02).max(initial=-120.0) > -32)


async def test_kept_by_the_agents_key_with_the_hold_as_a_gap(stage: Stage) -> None:
    await stage.call()
    await stage.agent.talk(1.0)
    await stage.agent.hold()
    stage.customer.say(Tone(tones.CUSTOMER_HELD))
    await stage.agent.talk(1.0)
    stage.customer.say(Tone(tones.CUSTOMER))
    await stage.customer.talk(0.04)
    await stage.agent.unhold()
    await stage.agent.talk(1.0)
    pressed = await stage.agent.press("*1")
    await stage.agent.talk(0.6)
    answer = stage.agent.heard(since=pressed + 0.3)
    customers_view = stage.customer.leg.media.keys(pressed)
    row, recordings = await stage.over()
    assert row.outcome == "kept" and row.agents == ("PJSIP/agent",)
    assert kinds(row) == [SpanKind.NOTICE, SpanKind.WAIT, SpanKind.TALK, SpanKind.HOLD, SpanKind.TALK]
    [recording] = recordings
    assert recording.state is State.SEALED and [p.name for p in recording.purposes] == ["complaint"]
    audio = stage.site.listen(recording.id)
    customer, agent = heard(audio)
    assert {"held", "holding", "music", "notice"} & {*customer, *agent} == set()
    talk = sum(p.audio_to_ms - p.audio_from_ms for p in passages(row.spans)) / 1000
    assert len(audio) == round(talk * 8000)
    assert customer["customer"] > talk - 0.1
    assert talk > 2.4
    assert customers_view == ""  # the customer hears no digits
    assert confirmed_in(answer) and not refused_in(answer)


async def test_not_kept_leaves_nothing(stage: Stage) -> None:
    files = sorted((stage.site.state / "recordings").rglob("*.age"))
    await stage.call()
    await stage.agent.talk(1.0)
    row, recordings = await stage.over()
    assert row.outcome == "not-kept" and recordings == []
    assert row.customer_hash is None and row.customer_sealed is None
    assert sorted((stage.site.state / "recordings").rglob("*.age")) == files


async def test_refused_with_the_key_and_then_the_keep_key_does_nothing(stage: Stage) -> None:
    await stage.call(key="3")
    await stage.agent.talk(0.6)
    attached = stage.site.status()["capture"]
    pressed = await stage.agent.press("*1")
    await stage.agent.talk(0.7)
    answer = stage.agent.heard(since=pressed + 0.3)
    assert refused_in(answer) and not confirmed_in(answer)
    row, recordings = await stage.over()
    assert row.outcome == "refused" and recordings == []
    assert [c.kind for c in row.consent] == ["notice-begun", "refused"]
    assert SpanKind.TALK not in kinds(row)
    assert stage.site.status()["capture"] == attached  # not one tap was attached for this call


async def test_sampled_and_then_flagged_is_one_file_with_two_purposes(stage: Stage) -> None:
    await stage.call("110")
    await stage.agent.talk(0.8)
    await stage.agent.press("*1", how="info")
    await stage.agent.talk(0.5)
    row, [recording] = await stage.over()
    assert row.outcome == "kept"
    assert [p.name for p in recording.purposes] == ["training", "complaint"]
    customer, _ = heard(stage.site.listen(recording.id))
    assert customer["customer"] > 1.1


async def test_the_customers_keys_keep_nothing(stage: Stage) -> None:
    await stage.call()
    await stage.agent.talk(0.5)
    await stage.customer.press("*1")
    await stage.agent.talk(0.5)
    row, recordings = await stage.over()
    assert row.outcome == "not-kept" and recordings == []


async def test_opt_in_needs_the_agree_key(stage: Stage) -> None:
    await stage.call("120")
    await stage.agent.talk(0.4)
    await stage.agent.press("*1")
    await stage.agent.talk(0.3)
    row, recordings = await stage.over()
    assert row.outcome == "not-kept" and recordings == []

    await stage.call("120", key="1")
    await stage.agent.talk(0.4)
    await stage.agent.press("*1")
    await stage.agent.talk(0.3)
    row, [recording] = await stage.over()
    assert row.outcome == "kept" and [p.name for p in recording.purposes] == ["quality"]
    assert "agreed" in [c.kind for c in row.consent]


async def test_pause_is_a_gap(stage: Stage) -> None:
    await stage.call("130")
    await stage.agent.talk(0.8)
    await stage.agent.press("*5")
    stage.customer.say(Tone(tones.CUSTOMER_HELD))  # the card number
    await stage.agent.talk(0.8)
    stage.customer.say(Tone(tones.CUSTOMER))
    await stage.agent.press("*6")
    await stage.agent.talk(0.8)
    row, [recording] = await stage.over()
    assert kinds(row)[-3:] == [SpanKind.TALK, SpanKind.PAUSE, SpanKind.TALK]
    customer, _ = heard(stage.site.listen(recording.id))
    assert "held" not in customer
    assert customer["customer"] > 1.3


async def test_off_the_record_erases_what_was_streamed(stage: Stage) -> None:
    await stage.call("130")
    await stage.agent.talk(0.8)
    await stage.agent.press("*90")
    await stage.agent.talk(0.6)
    row, [recording] = await stage.over()
    assert row.outcome == "not-kept"
    assert recording.state is State.ERASED
    assert not list((stage.site.state / "recordings").rglob(f"{recording.id}*"))
    assert SpanKind.TALK not in kinds(row)


async def test_through_a_queue_the_music_is_not_kept(stage: Stage) -> None:
    stage.agent.answer_after = 1.5
    stage.customer.say(Tone(tones.CUSTOMER_HELD))  # while he waits
    before = len(stage.agent.legs)
    await stage.customer.dial("200")
    while len(stage.agent.legs) == before:
        await asyncio.sleep(0.02)
    await stage.agent.answered()
    stage.agent.answer_after = 0.2
    stage.calls += 1
    stage.customer.say(Tone(tones.CUSTOMER))
    await stage.agent.talk(0.8)
    await stage.agent.press("*1")
    await stage.agent.talk(0.5)
    row, [recording] = await stage.over()
    assert row.outcome == "kept"
    customer, agent = heard(stage.site.listen(recording.id))
    assert "music" not in customer and "music" not in agent
    assert customer.get("held", 0.0) <= 0.15  # the answer reaches this test a moment after it was given
    assert kinds(row)[:2] == [SpanKind.NOTICE, SpanKind.WAIT]


@pytest.fixture
def patient(install: Install, tmp_path: Path) -> Iterator[tuple[Site, int]]:
    """A site of its own with a longer grace time, and the agent's port: a slow machine must not be late for the key."""
    port, sounds = free_port(socket.SOCK_DGRAM), short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    with Site(tmp_path, install, POLICY, settings={"keys.grace_seconds": "10"}, contacts={"agent": port}, sounds=sounds) as site:
        yield site, port


async def test_the_last_call_can_be_kept_within_the_grace_time(patient: tuple[Site, int]) -> None:
    site, port = patient
    customer = Phone("customer", 0, site.pbx.sip_port, source=Tone(tones.CUSTOMER))
    async with customer, Phone("agent", port, site.pbx.sip_port, source=Tone(tones.AGENT), answer_after=0.2) as agent:
        stage = Stage(site, customer, agent)
        await stage.call()
        await agent.talk(2.0)
        await customer.hangup()
        await agent.ended()
        dialled = time.monotonic()
        await agent.dial("*1")
        with suppress(SipError):  # Asterisk hangs up after two seconds: a slow machine may play the tone later
            while not confirmed_in(agent.heard(since=dialled)):  # who hangs up before it cannot know that the key was heard
                await agent.talk(0.1)
            await agent.hangup()
        await asyncio.to_thread(site.wait_for_calls, 1, 40.0)
        row, [recording] = await stage.settled()
    assert row.outcome == "kept" and recording.state is State.SEALED
    talk = sum(p.audio_to_ms - p.audio_from_ms for p in passages(row.spans)) / 1000
    left, right = heard(site.listen(recording.id))
    assert left["customer"] > max(0.6, talk - 0.1) and "agent" in right


async def test_a_profile_that_does_not_exist_is_an_alarm_and_an_unrecorded_call(stage: Stage) -> None:
    before = stage.site.status()["alarms"]
    legs = len(stage.agent.legs)
    began = asyncio.get_running_loop().time()
    await stage.customer.dial("140")
    while len(stage.agent.legs) == legs:
        await asyncio.sleep(0.02)
    await stage.agent.answered()
    assert asyncio.get_running_loop().time() - began < 2.0  # no announcement
    await stage.customer.hangup()
    await asyncio.to_thread(wait_until_quiet, stage.site)
    after = stage.site.status()["alarms"]
    assert isinstance(before, dict) and isinstance(after, dict)
    assert after["not_ready"] == before.get("not_ready", 0) + 1
    assert "profile 'nobody'" in stage.site.log


async def test_after_all_that_no_voice_is_anywhere_in_clear(stage: Stage) -> None:
    """State, run, spool, log and temporary directories of the daemon and of Asterisk, and files that are open but deleted."""
    made_by_us = [stage.site.pbx.workdir / "moh", stage.site.workdir / "sounds"]
    assert len(search(stage.site.workdir)) > 0  # the search finds the music and the notices
    assert search(stage.site.workdir, leave_out=made_by_us) == []
    assert search_process(stage.site.daemon_pid) == []
    assert stage.site.pbx.pid is not None and search_process(stage.site.pbx.pid) == []
