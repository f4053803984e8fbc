"""The lab's phones against a real Asterisk: what one says the other hears, and what was sent when is known to the frame."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.pbx import Pbx, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Code, Tone
from asterisk_privacy.lab.sipp import HangUp, Held, Hold, Key, SippAgent, SippCaller, Step, Talk, WaitForBye
from asterisk_privacy.lab.timecode import TimeCode

pytestmark = pytest.mark.asterisk

LISTENER = """
[from-outside](+)
exten => 7001,1,Answer()
 same => n,MixMonitor(,r({work}/r.raw)t({work}/t.raw))
 same => n,Dial(PJSIP/agent,30,tkK)
"""
"""A listener in the middle of Asterisk: what a tap hears (the same kind of hook) ends in r.raw (from the caller) and t.raw (to him)."""


@dataclass(frozen=True)
class Exchange:
    pbx: Pbx
    work: Path
    ports: dict[str, int]

    def tap(self, side: str) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        return np.fromfile(self.work / f"{side}.raw", np.int16)

    def keys(self) -> int:
        """How often the agent's keep key was recognised so far."""
        return self.pbx.log.count("PrivacyKey,Cmd: keep")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory, pbx_factory: Callable[..., Pbx]) -> Exchange:
    work = tmp_path_factory.mktemp("phone")
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent", "agent2")}
    return Exchange(pbx_factory(contacts=ports, extra_dialplan=LISTENER.format(work=work)), work, ports)


@pytest.fixture
async def customer(exchange: Exchange) -> AsyncIterator[Phone]:
    async with Phone("customer", exchange.ports["customer"], exchange.pbx.sip_port, source=Tone(tones.CUSTOMER)) as phone:
        yield phone


@pytest.fixture
async def agent(exchange: Exchange) -> AsyncIterator[Phone]:
    async with Phone("agent", exchange.ports["agent"], exchange.pbx.sip_port, source=Tone(tones.AGENT), answer_after=0.0) as phone:
        yield phone


@pytest.fixture
async def colleague(exchange: Exchange) -> AsyncIterator[Phone]:
    port = exchange.ports["agent2"]
    async with Phone("agent2", port, exchange.pbx.sip_port, source=Tone(tones.SECOND_AGENT), answer_after=0.0, codec="alaw") as phone:
        yield phone


def only(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> set[str]:
    """Who is in these samples, the first frame (which may be cut) left out."""
    return set(tones.present(samples[tones.FRAME :], tones.VOICES)) - {tones.SILENCE}


async def pressed(exchange: Exchange, times: int) -> int:
    """Wait until Asterisk logged the keep key so often (or 5 s)."""
    for _ in range(250):
        if exchange.keys() >= times:
            break
        await asyncio.sleep(0.02)
    return exchange.keys()


async def test_each_hears_the_other_and_holds_bring_music(customer: Phone, agent: Phone) -> None:
    await customer.dial("900")
    since = customer.leg.answered_at
    await customer.talk(0.5)
    assert only(customer.heard(since + 0.1)) == {"agent"}
    assert only(agent.heard(since + 0.1)) == {"customer"}
    for kind in ("sendonly", "inactive", "c0"):
        held = await agent.hold(kind)
        await customer.talk(0.3)
        assert only(customer.heard(held + 0.1)) == {"music"}
        resumed = await agent.unhold()
        assert held < resumed
        await customer.talk(0.3)
        assert only(customer.heard(resumed + 0.1)) == {"agent"}
        assert only(agent.heard(resumed + 0.1)) == {"customer"}
    await customer.hangup()
    assert (await agent.ended()).ending == "BYE received"


async def test_keys_reach_asterisk_and_stay_there(exchange: Exchange, customer: Phone, agent: Phone) -> None:
    before = exchange.keys()
    await customer.dial("900")
    await agent.talk(0.1)
    await agent.press("*1")
    assert await pressed(exchange, before + 1) == before + 1
    await agent.press("*1", how="info")
    assert await pressed(exchange, before + 2) == before + 2
    assert await agent.record() == 200
    assert await pressed(exchange, before + 3) == before + 3
    assert customer.leg.media.keys() == ""
    assert await customer.record() == 403
    await customer.press("*1")
    await customer.talk(1.6)  # featuredigittimeout: then the digits are passed on
    assert agent.leg.media.keys() == "*1"
    assert exchange.keys() == before + 3


async def test_the_time_code_survives_asterisk(exchange: Exchange, customer: Phone, agent: Phone) -> None:
    """Both ways through two codecs, and in a hook in the middle: every frame there, none twice, each in its place."""
    theirs, ours = TimeCode(0), TimeCode(1)
    await customer.dial("7001")
    await agent.answered()
    await customer.talk(0.1)
    first = {"customer": customer.say(Code(theirs)), "agent": agent.say(Code(ours))}
    await customer.talk(3.0)
    last = {"customer": customer.say(Tone(tones.CUSTOMER)) - 1, "agent": agent.say(Tone(tones.AGENT)) - 1}
    await customer.talk(0.2)
    await customer.hangup()
    await agent.ended()
    for who, code, heard in (("customer", theirs, agent.heard()), ("agent", ours, customer.heard())):
        assert [(run.first, run.last) for run in code.runs(heard)] == [(first[who], last[who])]
    for who, code, side in (("customer", theirs, "r"), ("agent", ours, "t")):
        tapped = code.heard(exchange.tap(side))
        assert tapped == set(range(first[who], last[who] + 1))
    assert theirs.heard(exchange.tap("t")) == ours.heard(exchange.tap("r")) == set()


async def test_a_hook_goes_deaf_when_sequence_numbers_step_back(exchange: Exchange, customer: Phone, agent: Phone) -> None:
    """The trap that the taps avoid (fresh hooks): the phone can set it."""
    code = TimeCode(1)
    agent.first_sequence = 20000
    await customer.dial("7001")
    await agent.answered()
    await agent.talk(0.5)
    restarted = agent.say(Code(code))
    agent.leg.media.step_sequence(-5000)
    await agent.talk(0.5)
    await customer.hangup()
    await agent.ended()
    assert len(code.heard(customer.heard())) >= 20
    assert not [n for n in code.heard(exchange.tap("t")) if n > restarted + 2]


@pytest.mark.parametrize(("agents_sequence", "colleague_hears"), [(1000, {"customer"}), (25000, set())])
async def test_attended_transfer_by_refer(
    customer: Phone, agent: Phone, colleague: Phone, agents_sequence: int, colleague_hears: set[str]
) -> None:
    """The colleague's A-law needs a translator, as deaf to old sequence numbers as a hook is: Asterisk 22 loses the voice for real."""
    customer.first_sequence, agent.first_sequence = 20000, agents_sequence
    await customer.dial("900")
    first = await agent.answered()
    await agent.hold()
    consult = await agent.dial("601")
    await colleague.answered()
    await agent.talk(0.2)
    assert await agent.refer(consult) == 202
    await customer.talk(0.3)
    since = customer.leg.media.received[-1].at
    await customer.talk(0.3)
    assert only(customer.heard(since)) == {"second-agent"}
    assert only(colleague.heard(since)) == colleague_hears
    assert first is not consult
    await customer.hangup()
    await colleague.ended()


def test_sipp_customers_and_agents(exchange: Exchange) -> None:
    install, work = exchange.pbx.install, exchange.work
    before = exchange.keys()
    agent = SippAgent(
        "agent",
        work,
        install,
        port=exchange.ports["agent"],
        server_port=exchange.pbx.sip_port,
        steps=[Talk(1.0), Hold(1.0), Talk(0.5), Key("*1"), WaitForBye()],
        answer_after=0.2,
    )
    steps: list[Step] = [Talk(1.2), Held(1.0), Talk(1.5), HangUp()]
    customer = SippCaller("customer", work, install, extension="7001", server_port=exchange.pbx.sip_port, steps=steps)
    with agent:
        with customer:
            assert customer.wait(20) == 0, customer.errors
        assert agent.wait(5) == 0, agent.errors
    assert (customer.errors, agent.errors) == ("", "")
    assert exchange.keys() == before + 1
    said = tones.seconds_of(exchange.tap("r"), tones.VOICES)
    assert said["customer"] == pytest.approx(2.7, abs=0.2)
    assert said["customer-held"] == pytest.approx(1.0, abs=0.1)
    told = tones.seconds_of(exchange.tap("t"), tones.VOICES)
    assert "agent-holding" not in told
    assert told["music"] == pytest.approx(1.0, abs=0.4)  # and a little while ringing
    assert [t.message.method for t in agent.trace() if not t.sent][:2] == ["INVITE", "ACK"]
