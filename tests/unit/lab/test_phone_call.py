"""Two phones call each other without a server: dialogs, holds, keys, lost messages, and what was on the air."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from asterisk_privacy.lab import leg, sip, tones, wire
from asterisk_privacy.lab.leg import State
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Code, Nothing, Tone
from asterisk_privacy.lab.timecode import TimeCode


@pytest.fixture
async def callee() -> AsyncIterator[Phone]:
    phone = Phone("b", 0, 0, source=Tone(tones.AGENT), first_sequence=65530)
    await phone.open()
    yield phone
    await phone.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rtp-")]


@pytest.fixture
async def caller(callee: Phone) -> AsyncIterator[Phone]:
    phone = Phone("a", 0, callee.port, source=Tone(tones.CUSTOMER))
    await phone.open()
    callee._server = ("127.0.0.1", phone.port)  # no PBX between the two
    yield phone
    await phone.close()


def dropping(phone: Phone, choose: Callable[[sip.Message], bool], times: int) -> list[str]:
    """Make the phone's next `times` chosen messages vanish on the way."""
    dropped: list[str] = []
    transport = phone._wire._transport
    assert transport
    original = transport.sendto

    def sendto(data: bytes, addr: tuple[str, int]) -> None:
        message = sip.Message.parse(data)
        if len(dropped) < times and choose(message):
            dropped.append(str(message))
        else:
            original(data, addr)

    transport.sendto = sendto  # type: ignore[method-assign, assignment]
    return dropped


async def test_call_talk_and_hang_up(caller: Phone, callee: Phone) -> None:
    await caller.call("b")
    ringing = await callee.ringing()
    assert ringing.incoming
    await caller.ringing()
    assert caller.leg.state is State.RINGING
    await callee.answer()
    await caller.answered()
    await caller.talk(0.2)
    assert "agent" in tones.seconds_of(caller.heard(), tones.VOICES)
    assert "customer" in tones.seconds_of(callee.heard(), tones.VOICES)
    await callee.hangup()
    assert (await caller.ended()).ending == "BYE received"
    assert {message.method for message in (t.message for t in caller.trace)} == {"INVITE", "ACK", "BYE"}


async def test_every_frame_is_logged_with_what_it_carried(caller: Phone, callee: Phone) -> None:
    callee.answer_after = 0.0
    await caller.dial("b")
    await caller.talk(0.1)
    code = TimeCode(0)
    first = caller.say(Code(code))
    await caller.talk(0.3)
    changed = caller.say(Nothing())
    await caller.talk(0.1)
    runs = code.runs(callee.heard())
    assert [(run.first, run.last) for run in runs] == [(first, changed - 1)]
    said = {frame.n: frame.what for frame in caller.sent}
    assert said[first - 1] == "tone 700"
    assert said[first] == f"code {first}"
    assert said[changed] == "nothing"
    assert [frame.n for frame in caller.sent] == list(range(len(caller.sent)))


async def test_hold_and_resume_stop_and_start_the_other_side(caller: Phone, callee: Phone) -> None:
    callee.answer_after = 0.0
    await caller.dial("b")
    for kind, their_view in (("sendonly", "recvonly"), ("inactive", "inactive")):
        began = await caller.hold(kind)
        assert callee.leg.remote_sdp
        assert callee.leg.remote_sdp.holds
        assert caller.leg.remote_sdp
        assert caller.leg.remote_sdp.direction == their_view
        await caller.talk(0.1)
        assert callee.sent[-1].what == "held"
        assert caller.sent[-1].what == ("held" if kind == "inactive" else "tone 700")
        assert len(caller.heard(since=began + 0.05)) == 0
        ended = await caller.unhold()
        await caller.talk(0.1)
        assert ended > began
        assert callee.sent[-1].what == "tone 1100"
    await caller.hold("c0")
    assert callee.leg.remote_sdp
    assert callee.leg.remote_sdp.address == "0.0.0.0"


async def test_keys_both_ways_and_the_record_key(caller: Phone, callee: Phone) -> None:
    callee.answer_after = 0.0
    await caller.dial("b")
    await caller.talk(0.04)
    await caller.press("*1")
    assert callee.leg.media.keys() == "*1"
    await callee.press("#", how="info")
    assert caller.leg.infos[0].body.startswith("Signal=#")
    assert await callee.record() == 200
    assert caller.leg.infos[1].get("Record") == "on"


async def test_lost_packets_and_sequence_steps(caller: Phone, callee: Phone) -> None:
    callee.answer_after = 0.0
    await caller.dial("b")
    await callee.talk(0.16)
    callee.leg.media.lose(2)
    await callee.talk(0.06)
    callee.leg.media.step_sequence(-5000)
    await callee.talk(0.1)
    await caller.talk(0.02)
    numbers = [packet.sequence for packet in caller.leg.media.received]
    steps = [(b - a) & 0xFFFF for a, b in pairwise(numbers)]
    assert 65530 in numbers[:2]
    assert steps.count(3) == 1
    assert steps.count((1 - 5000) & 0xFFFF) == 1
    assert len({packet.ssrc for packet in caller.leg.media.received}) == 2


async def test_refused_and_cancelled(caller: Phone, callee: Phone) -> None:
    await caller.call("b")
    await callee.ringing()
    await callee.hangup()
    with pytest.raises(sip.SipError, match="486 Busy Here"):
        await caller.answered()
    await caller.call("b")
    await caller.ringing()
    await caller.hangup()
    assert caller.leg.ending.startswith("487")
    assert (await callee.ended()).ending == "CANCEL received"


@pytest.mark.parametrize(("who", "what"), [("caller", "INVITE"), ("callee", "180"), ("callee", "200"), ("caller", "ACK")])
async def test_a_lost_message_is_sent_again(caller: Phone, callee: Phone, who: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (wire, leg):
        monkeypatch.setattr(module, "T1", 0.05)
    callee.answer_after = 0.12
    phone = caller if who == "caller" else callee
    dropped = dropping(phone, lambda m: m.start.startswith(what) or m.start.startswith(f"SIP/2.0 {what}"), 1)
    await caller.dial("b")
    await asyncio.wait_for(callee.leg._acked.wait(), 2)
    assert len(dropped) == 1
    assert callee.leg.state is State.UP
    assert len(callee.legs) == 1


async def test_a_port_is_free_again_at_once(callee: Phone) -> None:
    for _ in range(3):
        async with Phone("a", 0, callee.port) as phone:
            port = phone.port
        async with Phone("a", port, callee.port) as phone:
            assert phone.port == port


async def test_no_answer_is_an_error_that_says_so(callee: Phone) -> None:
    async with Phone("a", 0, 9) as lonely:
        await lonely.call("nobody")
        with pytest.raises(TimeoutError, match=r"a waited 0\.05 s for an answer\. Last messages: .*INVITE sip:nobody"):
            await lonely.answered(0.05)
        lonely.leg.end("given up")
