"""The oracle: calls with holds at random moments on a real Asterisk; what was kept is decrypted and every 20 ms of it is dated.

Half of the calls speak time code (each kept frame names the moment at which it was spoken), half speak tones that change with the hold.
"""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pytest
from measuring import Stretch, leaks, lost
from sites import ALWAYS, TrueStory, profile, running, short_sounds, wait_until_quiet

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Code, Sent, Source, Tone
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.timecode import TimeCode
from asterisk_privacy.lab.unpack import Install
from asterisk_privacy.registry.rows import CallRow

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]

CALLS = 24
AT_ONCE = 6
HOLDS = 2
EDGE_SECONDS = 0.15
"""Conversation that may be missing on either side of a hold (the issue's limit)."""
FORBIDDEN_DB = -45.0
"""Of a forbidden tone over a whole recording of some seconds. The tones of the conversation themselves leave about -60 there (splices)."""
CUSTOMER_CODE, AGENT_CODE = TimeCode(0), TimeCode(1)
KINDS = ("sendonly", "inactive", "c0")


@dataclass(frozen=True, slots=True)
class Found:
    """Over all calls: frames that were dated, private frames that were kept, worst conversation lost at an edge (seconds)."""

    kept_frames: int
    leaks: list[Sent]
    before_hold: float
    after_hold: float
    forbidden_db: float
    undisturbed: float
    """Worst of these edges, less the time for which its phone stood still: then it sends a burst, which Asterisk hands out late."""

    def __str__(self) -> str:
        return (
            f"{self.kept_frames} kept frames dated, {len(self.leaks)} of them private; conversation lost at most "
            f"{1000 * self.before_hold:.0f} ms before and {1000 * self.after_hold:.0f} ms after a hold; "
            f"loudest forbidden tone {self.forbidden_db:.0f} dBFS"
        )


async def _call(customer: Phone, agent: Phone, coded: bool) -> TrueStory:
    """Dials, and finds the agent's end of it."""
    known = len(agent.legs)
    mine = await customer.dial("110")
    while len(agent.legs) == known:
        await asyncio.sleep(0.01)
    story = TrueStory(mine, agent.legs[known])
    story.customer.media.say(_voices(coded)[0])
    story.agent.media.say(_voices(coded)[2])
    return story


def _voices(coded: bool) -> tuple[Source, Source, Source, Source]:
    if coded:
        customer, agent = Code(CUSTOMER_CODE), Code(AGENT_CODE)
        return customer, customer, agent, agent
    return Tone(tones.CUSTOMER), Tone(tones.CUSTOMER_HELD), Tone(tones.AGENT), Tone(tones.AGENT_HOLDING)


async def _live(story: TrueStory, rng: random.Random, coded: bool) -> None:
    talk_c, wait_c, talk_a, wait_a = _voices(coded)
    while not story.both_up:
        await asyncio.sleep(0.01)
    await asyncio.sleep(rng.uniform(0.5, 1.2))
    for _ in range(HOLDS):
        holder = rng.choice((story.agent, story.agent, story.customer))
        began = await holder.hold(rng.choice(KINDS))
        story.customer.media.say(wait_c)
        story.agent.media.say(wait_a)
        await asyncio.sleep(rng.uniform(0.15, 1.2))
        story.customer.media.say(talk_c)
        story.agent.media.say(talk_a)
        await asyncio.sleep(0.04)  # the frames with the old tone are out
        story.holds.append((began, await holder.unhold()))
        await asyncio.sleep(rng.uniform(0.4, 1.2))
    story.customer.hangup()


def _conversations(story: TrueStory) -> list[Stretch]:
    begins, ends = [-inf, *(end for _, end in story.holds)], [*(begin for begin, _ in story.holds), inf]
    return [Stretch(begin, begin, end, end) for begin, end in zip(begins, ends, strict=True)]


@pytest.mark.parametrize("capture", ["snoop", "wire"])
async def test_not_one_frame_of_a_hold_is_kept(capture: str, install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(20261122)
    stories: list[tuple[TrueStory, bool]] = []
    sounds = short_sounds(tmp_path / "sounds", DIALPLAN / "sounds")
    port = free_port(socket.SOCK_DGRAM)
    site = Site(tmp_path, install, ALWAYS + profile("sales", '"proof"'), contacts={"agent": port}, sounds=sounds, capture=capture)
    async with running(site):
        server = site.pbx.sip_port
        async with Phone("agent", port, server, answer_after=0.2) as agent, Phone("customer", 0, server) as customer:
            for _ in range(CALLS // AT_ONCE):
                lives = []
                for _ in range(AT_ONCE):
                    coded = len(stories) % 2 == 0
                    story = await _call(customer, agent, coded)
                    stories.append((story, coded))
                    lives.append(asyncio.create_task(_live(story, rng, coded)))
                await asyncio.gather(*lives)
            rows = await asyncio.to_thread(site.wait_for_calls, CALLS)
        await asyncio.to_thread(wait_until_quiet, site)
        alarms = site.status()["alarms"]
        found = _measure(site, stories, rows)
    with capsys.disabled():
        print(f"\noracle, {capture}: {CALLS} calls, {CALLS * HOLDS} holds: {found}")
    assert found.kept_frames > 1000
    assert found.leaks == [], f"private: {found.leaks}"
    assert found.undisturbed <= EDGE_SECONDS
    assert found.forbidden_db < FORBIDDEN_DB
    assert alarms == {}


def _measure(site: Site, stories: list[tuple[TrueStory, bool]], rows: list[CallRow]) -> Found:
    recordings = {row.call_id: row for row in site.recordings()}
    assert len(recordings) == CALLS
    before, after, edges, frames, level, private = [0.0], [0.0], [0.0], 0, [-120.0], list[Sent]()
    for (story, coded), row in zip(stories, sorted(rows, key=lambda r: r.begun_at), strict=True):
        audio = site.listen(recordings[row.id].id)
        assert sum(1 for s in row.spans if s.kind is SpanKind.HOLD) == HOLDS
        if not coded:
            level.append(_loudest_forbidden(audio))
            continue
        for leg, code, column in ((story.customer, CUSTOMER_CODE, 0), (story.agent, AGENT_CODE, 1)):
            heard = code.heard(audio[:, column])
            frames += len(heard)
            talks = _conversations(story)
            private += leaks(leg.media.sent, heard, talks)
            missing = [lost(leg.media.sent, heard, talk) for talk in talks]
            before += [edge.end for edge in missing]
            after += [edge.begin for edge in missing]
            stood = [leg.media.late(talk.begins, talk.ended) for talk in talks]
            edges += [max(edge.begin, edge.end) - still for edge, still in zip(missing, stood, strict=True)]
    return Found(frames, private, max(before), max(after), max(level), max(edges))


def _loudest_forbidden(audio: Block) -> float:
    loudest = -120.0
    for column, talk in ((0, tones.CUSTOMER), (1, tones.AGENT)):
        known = {"talk": talk, "held": tones.CUSTOMER_HELD, "holding": tones.AGENT_HOLDING, "music": tones.MUSIC}
        heard = tones.seconds_of(audio[:, column], known)
        assert heard.get("talk", 0.0) > 1.0
        assert not {"held", "holding", "music"} & heard.keys(), heard
        loudest = max(loudest, *(tones.level(audio[:, column], freq) for name, freq in known.items() if name != "talk"))
    return loudest
