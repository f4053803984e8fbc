"""The agents' keys and the taps in the dialplan, on real SIP calls."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from dialplan_lab import Line
from toy_ari import ToyAri
from toy_audiosocket import ToyAudioSocket

from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.tones import level

pytestmark = pytest.mark.asterisk


@asynccontextmanager
async def talk(line: Line, ports: dict[str, int]) -> AsyncIterator[tuple[Phone, Phone]]:
    """Customer (700 Hz) and agent (1100 Hz) in conversation on the example's extension 100, not announced."""
    await line.plan_nothing()
    sip = line.ari.pbx.sip_port
    async with (
        Phone("agent", ports["agent"], sip, source=Tone(1100), answer_after=0) as agent,
        Phone("customer", ports["customer"], sip, source=Tone(700)) as customer,
    ):
        await customer.dial("100")
        await agent.answered()
        await customer.talk(0.2)
        yield customer, agent


def channel(ari: ToyAri, name: str) -> dict[str, str]:
    found = [e["channel"] for e in ari.events if e.get("channel", {}).get("name", "").startswith(f"PJSIP/{name}-")]
    assert found, f"no channel of {name}"
    return dict(found[-1])


async def test_call_set_up_waits_for_no_name_server(line: Line, ports: dict[str, int]) -> None:
    async with talk(line, ports) as (customer, _):
        invite = next(t for t in customer.trace if "INVITE" in str(t))
        answer = next(t for t in customer.trace if "200 OK" in str(t))
        assert answer.at - invite.at < 1.0


async def test_the_agents_keys(line: Line, ports: dict[str, int]) -> None:
    async with talk(line, ports) as (_, agent):
        linked = channel(line.ari, "customer")["id"]
        for keys, command in (("*1", "keep"), ("*5", "pause"), ("*6", "resume"), ("*90", "off")):
            await agent.press(keys)
            told = await line.ari.until_told("PrivacyKey", Cmd=command)
            assert told.fields["Linked"] == linked
            assert told.channel.startswith("PJSIP/agent-")
        line.ari.forget()
        await agent.press("*1", "info")  # last: a phone that mixes both ways gets its later RTP digits doubled
        await line.ari.until_told("PrivacyKey", Cmd="keep")


async def test_an_agent_who_calls_out_has_the_keys_too(line: Line, ports: dict[str, int]) -> None:
    await line.plan_nothing()
    sip = line.ari.pbx.sip_port
    async with (
        Phone("customer", ports["customer"], sip, answer_after=0) as customer,
        Phone("agent", ports["agent"], sip) as agent,
    ):
        await agent.dial("500")
        await customer.answered()
        await agent.talk(0.2)
        await agent.press("*1")
        told = await line.ari.until_told("PrivacyKey", Cmd="keep")
        assert told.channel.startswith("PJSIP/agent-")
        assert told.fields["Linked"] == channel(line.ari, "agent")["id"]


async def test_the_phones_own_record_key(line: Line, ports: dict[str, int]) -> None:
    async with talk(line, ports) as (_, agent):
        assert await agent.record() == 200
        await line.ari.until_told("PrivacyKey", Cmd="keep")
        assert await agent.record(False) == 200
        await line.ari.until_told("PrivacyKey", Cmd="off")


async def test_the_customers_keys_do_nothing(line: Line, ports: dict[str, int]) -> None:
    async with talk(line, ports) as (customer, agent):
        await customer.press("*1")
        assert await customer.record() == 403
        # Asterisk is still passing the customer's keys on; an agent's code that falls into that is not recognised.
        await agent.talk(0.7)
        await agent.press("*5")  # arrives after whatever the customer's keys might have caused
        await line.ari.until_told("PrivacyKey", Cmd="pause")
        assert [t.fields["Cmd"] for t in line.ari.told] == ["pause"]


async def check_tap(line: Line, server: ToyAudioSocket, tapped: str) -> None:
    """Attach a tap to channel `tapped`, which says 700 Hz; 50 frames a second of 8 kHz arrive under the UUID that we chose."""
    await line.ari.post("asterisk/variable", variable="PRIVACY_AUDIOSOCKET", value=server.address)
    wanted = str(uuid.uuid4())
    await line.ari.post(f"channels/{tapped}/snoop/{wanted}", app=line.ari.app, spy="in")
    await line.ari.until_event("StasisStart")
    await line.ari.post(f"channels/{wanted}/continue", context="privacy-tap", extension="s", priority="1")
    await asyncio.sleep(1.5)  # what is measured is a rate: it takes this long
    assert list(server.taps) == [wanted]
    tap = server.taps[wanted]
    assert {(kind, size) for _, kind, size in tap.messages} == {(0x10, 320)}
    rate = (len(tap.messages) - 1) / (tap.messages[-1][0] - tap.messages[0][0])
    voice = tap.samples[2400:]
    assert rate == pytest.approx(50, abs=2)
    assert level(voice, 700) > level(voice, 1100) + 30
    await line.ari.delete(f"channels/{wanted}")
    await tap.ended.wait()


async def test_a_tap_is_one_partys_microphone_at_50_frames_a_second(line: Line, ports: dict[str, int]) -> None:
    async with ToyAudioSocket() as server, talk(line, ports):
        await check_tap(line, server, channel(line.ari, "customer")["id"])


async def test_a_tap_on_a_wideband_leg_is_narrowband_and_true_to_pitch(line: Line, ports: dict[str, int]) -> None:
    await line.plan_nothing()
    await line.ari.post("asterisk/variable", variable="TEST_TONE", value=str(line.sounds / "notice"))
    sip = line.ari.pbx.sip_port
    async with ToyAudioSocket() as server, Phone("agent", ports["agent"], sip, source=Tone(1100), answer_after=0) as agent:
        where = f"PJSIP/wideband/sip:100@127.0.0.1:{sip}"
        await line.ari.post("channels", endpoint=where, context="caller", extension="tone", priority="1")
        await agent.answered()
        tapped = channel(line.ari, "customer")
        assert "g722" in line.ari.pbx.cli(f"core show channel {tapped['name']}")
        await check_tap(line, server, tapped["id"])
    await line.ari.pbx_quiet()


async def test_a_whispered_tone_is_heard_by_the_agent_alone(line: Line, ports: dict[str, int]) -> None:
    async with talk(line, ports) as (customer, agent):
        snoop = str(uuid.uuid4())
        await line.ari.post(f"channels/{channel(line.ari, 'agent')['id']}/snoop/{snoop}", app=line.ari.app, whisper="out")
        await line.ari.until_event("StasisStart")
        begun = time.monotonic()
        await line.ari.post(f"channels/{snoop}/play", media=f"sound:{line.ari.pbx.sounds / 'tones' / 'pause'}")
        await line.ari.until_event("PlaybackFinished")
        await agent.talk(0.3)
        assert level(agent.heard(since=begun), 500) > level(customer.heard(since=begun), 500) + 20
        await line.ari.delete(f"channels/{snoop}")


async def test_keep_the_last_call_from_the_idle_phone(line: Line, ports: dict[str, int]) -> None:
    async with Phone("agent", ports["agent"], line.ari.pbx.sip_port) as agent:
        await agent.dial("*1")
        told = await line.ari.until_told("PrivacyKey", Cmd="keep-last")
        assert told.fields["Endpoint"] == "agent"
        snoop = str(uuid.uuid4())
        await line.ari.post(f"channels/{channel(line.ari, 'agent')['id']}/snoop/{snoop}", app=line.ari.app, whisper="out")
        await line.ari.until_event("StasisStart")
        await line.ari.post(f"channels/{snoop}/play", media=f"sound:{line.ari.pbx.sounds / 'tones' / 'pause'}")
        await line.ari.until_event("PlaybackFinished")
        await agent.talk(0.1)
        assert level(agent.heard(), 500) > -40
