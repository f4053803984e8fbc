"""The dialplan on real calls: what callers hear and press, what the recorder is told, and that calls go on whatever it does."""

from __future__ import annotations

import asyncio
import socket
import time
import uuid
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from toy_agi import ANSWER, CLOSE, LINGER, SILENT, SLOW, STALL, ToyAgi
from toy_ari import Told, ToyAri
from toy_audiosocket import ToyAudioSocket

from asterisk_privacy.lab.pbx import Pbx, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Tone
from asterisk_privacy.lab.tones import level

pytestmark = pytest.mark.asterisk

NOTICE_SECONDS = 0.6
GOES_ON_WITHIN = 2.0
SLACK = 0.4  # a busy machine
TESTS = """
[test]
; an admin's line: an absolute time-out, an h and a T extension of his own
exten => line,1,UserEvent(Begun)
 same => n,Gosub(privacy-start,s,1(support))
 same => n,UserEvent(Passed,Consent: ${PRIVACY_CONSENT},State: ${CHANNEL(state)},Limit: ${TIMEOUT(absolute)},Exit: ${AGIEXITONHANGUP})
 same => n,Hangup()
exten => limited,1,Set(TIMEOUT(absolute)=20)
 same => n,Set(AGIEXITONHANGUP=no)
 same => n,Goto(line,1)
exten => short,1,Answer()
 same => n,Set(TIMEOUT(absolute)=0.5)
 same => n,Goto(line,1)
exten => answered,1,Answer()
 same => n,Goto(line,1)
exten => T,1,UserEvent(AdminT)
exten => h,1,UserEvent(AdminH)
exten => _out-.,1,Set(DIALLED=${EXTEN:4})
 same => n,Dial(Local/${DIALLED}@callee/n,10,gU(privacy-outbound^support))
 same => n,UserEvent(Done,Answered: ${ANSWEREDTIME})
[callee]
exten => quiet,1,Answer()
 same => n,Wait(5)
exten => _k.,1,Answer()
 same => n,Wait(0.2)
 same => n,SendDTMF(${EXTEN:1},400,80)
 same => n,Wait(5)
[caller]
exten => tone,1,Playback(${GLOBAL(TEST_TONE)}&${GLOBAL(TEST_TONE)}&${GLOBAL(TEST_TONE)}&${GLOBAL(TEST_TONE)})
exten => quiet,1,Wait(30)
exten => _bye.,1,Wait(0.${EXTEN:3})
exten => _late.,1,Wait(1.5)
 same => n,SendDTMF(${EXTEN:4},400,80)
 same => n,Wait(20)
exten => _k.,1,Wait(0.7)
 same => n,SendDTMF(${EXTEN:1},400,80)
 same => n,Wait(20)
"""

# Asterisk calls itself over SIP, as a customer with a wideband phone: the toy phone speaks no G.722.
WIDEBAND = """
[wideband](lab-phone)
allow = !all,g722
from_user = customer
"""


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port(socket.SOCK_DGRAM) for name in ("customer", "agent", "agent2")}


@pytest.fixture(scope="module")
def pbx(pbx_factory: Callable[..., Pbx], ports: dict[str, int]) -> Pbx:
    return pbx_factory(extra_dialplan=TESTS, extra_pjsip=WIDEBAND, contacts=ports)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """notice, refused and agreed, all short, so that the tests are."""
    folder = tmp_path_factory.mktemp("sounds")
    for name, hz, seconds in (("notice", 700, NOTICE_SECONDS), ("refused", 300, 0.1), ("agreed", 500, 0.1)):
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            at = np.arange(int(8000 * seconds))
            file.writeframes((6000 * np.sin(2 * np.pi * hz * at / 8000)).astype("<i2").tobytes())
    return folder


@pytest.fixture
async def ari(pbx: Pbx) -> AsyncIterator[ToyAri]:
    async with ToyAri(pbx, f"toy-{uuid.uuid4().hex[:8]}") as ari:
        yield ari


class Line:
    """The PBX with a toy recorder behind it."""

    def __init__(self, ari: ToyAri, agi: ToyAgi, sounds: Path) -> None:
        self.ari = ari
        self.agi = agi
        self.answer("3", "", "0.4")
        self.sounds = sounds

    def answer(self, refuse: str, agree: str, seconds: str = "0.4", notice: str = "", plan: str = "announce") -> None:
        self._answer = (refuse, agree, seconds, notice, plan)

    async def dial(self, extension: str, caller: str = "quiet", agi: str = "") -> None:
        refuse, agree, seconds, notice, plan = self._answer
        self.agi.variables = {
            "PRIVACY_CALL": "c1",
            "PRIVACY_NOTICE": notice or str(self.sounds / "notice"),
            "PRIVACY_REFUSE_KEY": refuse,
            "PRIVACY_AGREE_KEYS": agree,
            "PRIVACY_KEY_SECONDS": seconds,
            "PRIVACY_PLAN": plan,
        }
        await self.ari.post("asterisk/variable", variable="PRIVACY_AGI", value=agi or self.agi.address)
        await self.ari.post("channels", endpoint=f"Local/{extension}@test/n", context="caller", extension=caller, priority="1")

    async def plan_nothing(self) -> None:
        """The recorder takes no interest in the next call."""
        self.agi.variables = {"PRIVACY_PLAN": "none"}
        await self.ari.post("asterisk/variable", variable="PRIVACY_AGI", value=self.agi.address)

    async def call(self, extension: str = "line", caller: str = "quiet", agi: str = "") -> Told:
        """One whole call; returns what the admin's dialplan sees after the Gosub."""
        await self.dial(extension, caller, agi)
        passed = await self.ari.until_told("Passed")
        await self.ari.until_told("AdminH")
        return passed

    def seconds(self, passed: Told) -> float:
        return passed.at - next(t for t in self.ari.told if t.name == "Begun").at


@pytest.fixture
async def line(ari: ToyAri, sounds: Path) -> AsyncIterator[Line]:
    async with ToyAgi(ANSWER) as agi:
        yield Line(ari, agi, sounds)


# -- the recorder does not answer as it should: calls go on -------------------------------------------------------------------


@asynccontextmanager
async def full_backlog() -> AsyncIterator[str]:
    """An address where connecting takes for ever, as on a host that drops the packets."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        clients = []
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(server.getsockname())
            clients.append(client)
        yield f"127.0.0.1:{server.getsockname()[1]}"
        for client in clients:
            client.close()


def missed(pbx: Pbx) -> int:
    return next((int(line.split("=")[1]) for line in pbx.cli("dialplan show globals").splitlines() if "PRIVACY_MISSED=" in line), 0)


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (CLOSE, "SUCCESS"),
        (SILENT, "TIMEOUT"),
        (STALL, "TIMEOUT"),
        (LINGER, "TIMEOUT"),
        ("refusing", "FAILURE"),
        ("blackhole", "TIMEOUT"),
    ],
)
async def test_a_call_goes_on_unannounced_when_the_recorder_fails(line: Line, pbx: Pbx, mode: str, why: str) -> None:
    before = missed(pbx)
    if mode == "blackhole":
        async with full_backlog() as address:
            passed = await line.call("limited", agi=address)
    elif mode == "refusing":
        passed = await line.call("limited", agi=f"127.0.0.1:{free_port()}")
    else:
        line.agi.mode = mode
        passed = await line.call("limited")
    took = line.seconds(passed)
    assert took < GOES_ON_WITHIN + SLACK
    assert line.ari.names() == ["Begun", f"unavailable {why}", "Passed", "AdminH"]
    assert passed.fields["Consent"] == "none"
    assert passed.fields["State"] == "Ring", "a call that is not announced must not be answered by us"
    # what the admin set is as he left it, less the time it took
    assert passed.fields["Exit"] == "no"
    assert float(passed.fields["Limit"]) == pytest.approx(20 - took, abs=SLACK)
    assert missed(pbx) == before + 1


async def test_an_answer_in_small_pieces_is_waited_for(line: Line) -> None:
    line.agi.mode = SLOW
    passed = await line.call("limited")
    assert line.ari.names() == ["Begun", "begin", "end yes", "Passed", "AdminH"]
    assert float(passed.fields["Limit"]) == pytest.approx(20 - line.seconds(passed), abs=SLACK)


async def test_no_time_limit_is_left_behind(line: Line) -> None:
    passed = await line.call("line")
    assert (passed.fields["Limit"], passed.fields["Exit"]) == ("0", "")


async def test_the_admins_own_limit_still_ends_the_call(line: Line) -> None:
    await line.dial("short")
    await line.ari.until_told("AdminH")
    assert line.ari.names()[:3] == ["Begun", "begin", "end no"]
    assert line.ari.names()[3:] in (["Passed", "AdminH"], ["Passed", "AdminT"], ["AdminT"])
    line.ari.forget()
    line.agi.mode = SILENT
    await line.dial("short")
    await line.ari.until_told("AdminH")
    assert len(line.ari.told) < 6, "a loop"


async def test_the_recorder_is_asked_for_the_profile_and_channel(line: Line) -> None:
    await line.call("line")
    asked = line.agi.requests[0]
    assert asked["agi_network_script"] == f"start?profile=support&direction=in&channel={asked['agi_uniqueid']}"


async def test_no_plan_no_announcement_no_alarm(line: Line, pbx: Pbx) -> None:
    before = missed(pbx)
    line.answer("3", "", plan="none")
    passed = await line.call()
    assert line.ari.names() == ["Begun", "Passed", "AdminH"]
    assert passed.fields["State"] == "Ring"
    assert missed(pbx) == before


# -- the notice and the keys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refuse", "agree", "caller", "told", "consent"),
    [
        ("", "", "quiet", "begin, end yes", "notice"),
        ("3", "", "quiet", "begin, end yes", "notice"),
        ("3", "", "k3", "begin, key 3, end no", "refused"),
        ("3", "12", "k1", "begin, key 1, end yes", "agreed:1"),
        ("3", "12", "k12", "begin, key 1, key 2, end yes", "agreed:12"),
        ("3", "12", "k13", "begin, key 1, key 3, end no", "refused"),
        ("", "1", "k1", "begin, key 1, end yes", "agreed:1"),
        ("3", "1", "k11", "begin, key 1, end yes", "agreed:1"),  # once is enough
        ("#", "*", "k*#", "begin, key *, key #, end no", "refused"),
        ("", "", "k3", "begin, end yes", "notice"),  # no such key here
    ],
)
async def test_keys(line: Line, refuse: str, agree: str, caller: str, told: str, consent: str) -> None:
    line.answer(refuse, agree, "0.8")
    passed = await line.call(caller=caller)
    assert line.ari.names() == ["Begun", *told.split(", "), "Passed", "AdminH"]
    assert passed.fields["Consent"] == consent
    assert all(t.fields["Call"] == "c1" for t in line.ari.told if t.name in ("PrivacyNotice", "PrivacyChoice"))


async def test_a_key_after_the_notice_counts(line: Line) -> None:
    line.answer("3", "", "2")
    passed = await line.call(caller="late93")  # a wrong one first: the notice was heard, it is not played again
    assert passed.fields["Consent"] == "refused"
    begin, choice = (next(t.at for t in line.ari.told if t.name == name) for name in ("PrivacyNotice", "PrivacyChoice"))
    assert choice - begin > NOTICE_SECONDS
    assert line.ari.names() == ["Begun", "begin", "key 3", "end no", "Passed", "AdminH"]


async def test_a_wrong_key_starts_the_notice_again_and_the_third_time_it_is_played_whole(line: Line) -> None:
    passed = await line.call(caller="k9")
    once = line.seconds(passed)
    line.ari.forget()
    passed = await line.call(caller="k9999")
    assert line.ari.names() == ["Begun", "begin", "end yes", "Passed", "AdminH"]
    assert passed.fields["Consent"] == "notice"
    assert line.seconds(passed) > once + 0.2
    assert f'Playback("{passed.channel}", "{line.sounds / "notice"}")' in line.ari.pbx.log


async def test_a_missing_notice_is_not_heard(line: Line) -> None:
    for refuse in ("3", ""):  # Background() and Playback()
        line.answer(refuse, "", notice="/nonexistent/notice")
        passed = await line.call()
        assert line.ari.names() == ["Begun", "begin", "end no", "Passed", "AdminH"]
        assert passed.fields["Consent"] == "none"
        line.ari.forget()


async def test_hanging_up_during_the_notice_still_runs_the_admins_h(line: Line) -> None:
    await line.dial("answered", caller="bye9")
    await line.ari.until_told("AdminH")
    assert line.ari.names() == ["Begun", "begin", "AdminH"]


async def test_hanging_up_while_the_recorder_hangs_is_not_held_up(line: Line) -> None:
    line.agi.mode = SILENT
    await line.dial("answered", caller="bye9")
    begun = await line.ari.until_told("Begun")
    ended = await line.ari.until_told("AdminH")
    assert ended.at - begun.at < 1.0, "the question must end with the call"
    assert line.ari.names() == ["Begun", "AdminH"]


# -- calling out --------------------------------------------------------------------------------------------------------------


async def test_the_called_party_hears_the_notice_before_the_caller(line: Line) -> None:
    line.answer("3", "12", "0.8")
    await line.dial("out-quiet")
    await line.ari.until_told("PrivacyNotice", Stage="end")
    assert line.ari.names() == ["begin", "end yes"]
    script = line.agi.requests[0]["agi_network_script"]
    callee = next(t.channel for t in line.ari.told)
    asked_for = script.rpartition("=")[2]
    assert script.startswith("start?profile=support&direction=out&channel=")
    assert asked_for in {e["channel"]["id"] for e in line.ari.events if e.get("channel", {}).get("name") == callee}
    await line.ari.pbx_quiet()


async def test_the_called_party_can_choose(line: Line) -> None:
    line.answer("3", "12", "0.8")
    await line.dial("out-k13")
    await line.ari.until_told("PrivacyNotice", Stage="end")
    assert line.ari.names() == ["begin", "key 1", "key 3", "end no"]
    await line.ari.pbx_quiet()


@pytest.mark.parametrize("mode", [SILENT, CLOSE])
async def test_an_outbound_call_survives_a_recorder_that_fails(line: Line, mode: str) -> None:
    def waits(name: str) -> bool:
        plan = [e for e in line.ari.events if e["type"] == "ChannelDialplan" and e["channel"]["name"].startswith(name)]
        return any(e["dialplan_app"] == "Wait" for e in plan)

    line.agi.mode = mode
    await line.dial("out-quiet")
    await line.ari.until_told("PrivacyUnavailable", timeout=GOES_ON_WITHIN + 1)
    await line.ari.until(lambda: waits("Local/out"), "the caller's own dialplan, as on an answered call", GOES_ON_WITHIN + SLACK)
    await line.ari.pbx_quiet()


# -- agents' keys and taps, on SIP calls --------------------------------------------------------------------------------------


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
