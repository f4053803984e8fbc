"""The daemon dies or is restarted in mid-call: it takes the call up again, as consent on the channel allows, and as the agent wants it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from fault_lab import AGENT, ALWAYS, CUSTOMER, FLAG, HELD, VOICES, Broken, held, nothing_in_clear, settled

from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.rows import RecordingRow, State

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(90)]


async def killed_and_started(one: Broken) -> None:
    os.kill(one.site.daemon_pid, signal.SIGKILL)
    one.site.stop_daemon()
    await asyncio.to_thread(one.site.start_daemon)


def parts(one: Broken) -> list[RecordingRow]:
    return sorted(one.site.recordings(), key=lambda row: row.part)


def heard(one: Broken, recording_id: str) -> tuple[dict[str, float], dict[str, float]]:
    audio = one.site.listen(recording_id, allow_truncated=True)
    return tones.seconds_of(audio[:, 0], VOICES), tones.seconds_of(audio[:, 1], VOICES)


async def test_killed_in_mid_talk_the_call_goes_on_as_a_second_part(broken: Broken) -> None:
    async with broken.call(ALWAYS, noisy=True) as (customer, agent):
        await customer.talk(7.0)
        await killed_and_started(broken)
        assert [c.outcome for c in broken.site.calls()] == [None]
        await broken.comes_true(lambda status: status["capture"]["taps"] == 2)
        customer.say(Tone(CUSTOMER))
        agent.say(Tone(AGENT))
        await customer.talk(1.5)
        await held(customer, agent)
        await customer.talk(1.5)
        await customer.hangup()
    await broken.over()
    first, second = parts(broken)
    assert (first.state, first.part, first.truncated) == (State.SEALED, 1, True)
    assert (second.state, second.part, second.truncated) == (State.SEALED, 2, False)
    assert first.call_id == second.call_id
    (call,) = broken.site.calls()
    assert call.outcome == "kept" and call.agents == ("PJSIP/agent",)
    kinds = [s.kind for s in call.spans if s.end_ms - s.start_ms > 100]
    assert kinds == [SpanKind.NOTICE, SpanKind.TALK, SpanKind.LOST, SpanKind.TALK, SpanKind.HOLD, SpanKind.TALK], call.spans
    assert all(a.end_ms <= b.start_ms for a, b in zip(call.spans, call.spans[1:], strict=False))
    assert [c.kind for c in call.consent] == ["notice-begun", "notice-heard", "silence"]  # told once
    customer_said, agent_said = heard(broken, second.id)
    assert not {"held", "music", "notice"} & {*customer_said, *agent_said}
    assert customer_said["customer"] > 2.6 and agent_said["agent"] > 2.6
    audio = broken.site.listen(second.id)
    later = [s for s in call.spans if s.kind is SpanKind.TALK][1:]
    assert len(audio) == sum((s.end_ms - s.start_ms) // 20 * 160 for s in later)
    assert [p.span.start_ms for p in audio_of(second, [second, first])] == [s.start_ms for s in later]
    assert audio_of(first, [second, first])[0].span.start_ms == next(s.start_ms for s in call.spans if s.kind is SpanKind.TALK)
    assert tones.level(broken.site.listen(first.id, allow_truncated=True)[:, 0], CUSTOMER) > -25
    settled(broken)
    nothing_in_clear(broken)


async def test_a_refusal_holds_after_a_restart_and_what_was_in_memory_is_lost(broken: Broken) -> None:
    async with broken.phone("customer", CUSTOMER) as customer, broken.phone("agent", AGENT) as agent:
        await customer.dial(ALWAYS)
        await customer.talk(0.1)
        await customer.press("3")
        await broken.comes_true(lambda status: status["calls"]["by_life"] == {"live": 1})
        await killed_and_started(broken)
        await broken.comes_true(lambda status: status["calls"]["taken_up"] == 1)
        await customer.talk(1.5)
        await agent.press("*1")
        await customer.talk(0.5)
        await customer.hangup()
    await broken.over()
    assert [c.outcome for c in broken.site.calls()] == ["refused"] and broken.site.recordings() == []
    async with broken.call(FLAG) as (customer, agent):
        await customer.talk(2.0)
        await killed_and_started(broken)
        await broken.comes_true(lambda status: status["capture"]["taps"] == 2)
        await customer.talk(1.0)
        await agent.press("*1")
        await customer.talk(1.0)
        await customer.hangup()
    await broken.over(2)
    (row,) = broken.site.recordings()
    call = broken.site.calls()[-1]
    assert [s.kind for s in call.spans if s.end_ms - s.start_ms > 100] == [SpanKind.NOTICE, SpanKind.LOST, SpanKind.TALK], call.spans
    assert 1.5 < heard(broken, row.id)[0]["customer"] < 3.0


async def test_what_the_agent_kept_is_kept_on_after_a_crash(broken: Broken) -> None:
    async with broken.call(FLAG, noisy=True) as (customer, agent):
        await customer.talk(6.0)
        await agent.press("*1")
        await customer.talk(1.5)
        assert _left_with_asterisk(broken) == 1
        await killed_and_started(broken)
        await broken.comes_true(lambda status: status["capture"]["taps"] == 2)
        customer.say(Tone(CUSTOMER))
        agent.say(Tone(AGENT))
        await customer.talk(2.0)
        await customer.hangup()
    await broken.over()
    first, second = parts(broken)
    assert [(r.part, r.state, r.truncated) for r in (first, second)] == [(1, State.SEALED, True), (2, State.SEALED, False)]
    customer_said, agent_said = heard(broken, second.id)
    assert customer_said["customer"] > 1.5 and agent_said["agent"] > 1.5
    assert _left_with_asterisk(broken) == 0


def _left_with_asterisk(one: Broken) -> int:
    return one.site.pbx.cli("dialplan show globals").count("PRIVACY_STATE_")


async def test_a_pause_and_an_orderly_restart(broken: Broken) -> None:
    """Restarted while paused: nothing until the agent resumes; the parts before and after are one call. Off the record then erases both."""
    async with broken.call(ALWAYS) as (customer, agent):
        await customer.talk(1.5)
        await agent.press("*5")
        await customer.talk(0.3)
        customer.say(Tone(HELD))
        await asyncio.to_thread(broken.site.stop_daemon)
        (part,) = broken.site.recordings()
        assert part.state is State.SEALED and [c.outcome for c in broken.site.calls()] == [None]
        await asyncio.to_thread(broken.site.start_daemon)
        await broken.comes_true(lambda status: status["calls"]["taken_up"] == 1)
        await customer.talk(1.0)
        customer.say(Tone(CUSTOMER))
        await customer.talk(0.1)
        await agent.press("*6")
        await customer.talk(2.5)  # the last second is not proven when the daemon stops
        await broken.comes_true(lambda status: status["capture"]["taps"] == 2)
        await asyncio.to_thread(broken.site.stop_daemon)
        rows = parts(broken)
        assert [r.part for r in rows] == [1, 2]
        for row in rows:
            assert "held" not in heard(broken, row.id)[0]
        await asyncio.to_thread(broken.site.start_daemon)
        await broken.comes_true(lambda status: status["capture"]["taps"] == 2)
        await agent.press("*90")
        await customer.talk(0.8)
        await customer.hangup()
    await broken.over()
    assert {r.state for r in broken.site.recordings()} <= {State.PURGED, State.ERASED}
    assert not list((broken.site.state / "recordings").rglob("*.age"))
    (call,) = broken.site.calls()
    assert call.outcome == "not-kept" and SpanKind.TALK not in {s.kind for s in call.spans}
