"""The dialplan on real calls: what callers hear and press, what the recorder is told, and that calls go on whatever it does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from dialplan_lab import GOES_ON_WITHIN, NOTICE_SECONDS, SLACK, Line
from toy_agi import CLOSE, LINGER, SILENT, SLOW, STALL

from asterisk_privacy.lab.pbx import Pbx, free_port
from asterisk_privacy.lab.phone import Phone
from asterisk_privacy.lab.rtp import Nothing, Source, Tone

pytestmark = pytest.mark.asterisk


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


async def test_a_recorder_of_an_earlier_release_announces_nothing(line: Line, pbx: Pbx) -> None:
    """It gives its announcement no name, and would take the stages of another one for its own."""
    before = missed(pbx)
    await line.dial("line")
    del line.agi.variables["PRIVACY_NOTICE_ID"]
    passed = await line.ari.until_told("Passed")
    await line.ari.until_told("AdminH")
    assert line.ari.names() == ["Begun", "unavailable OLDER", "Passed", "AdminH"]
    assert passed.fields["Consent"] == "none" and passed.fields["State"] == "Ring"
    assert missed(pbx) == before + 1


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
    told_by = {e["userevent"]["Key"]: e["channel"]["dialplan"]["exten"] for e in line.ari.events if e.get("userevent", {}).get("Key")}
    assert told_by == {key: "refuse" if key == refuse else "agree" for key in told_by} and len(told_by) == told.count("key")
    assert all(t.fields["Call"] == "c1" for t in line.ari.told if t.name in ("PrivacyNotice", "PrivacyChoice"))
    assert all(t.fields["Notice"] == "n1" for t in line.ari.told if t.name in ("PrivacyNotice", "PrivacyChoice"))


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
    assert f'ControlPlayback("{passed.channel}", "{line.sounds / "notice"},' in line.ari.pbx.log


async def test_a_refusal_is_heard_at_every_moment(line: Line) -> None:
    """In the notice, at its seams and after it; each at a moment of its own, all at once."""
    line.answer("3", "1", "2")
    moments = [round(1000 * (NOTICE_SECONDS + 1.2) * n / 23) for n in range(24)]
    await line.ari.post("asterisk/variable", variable="PRIVACY_AGI_SECONDS", value="8")  # a busy machine answers so many late
    try:
        for ms in moments:
            await line.dial("line", caller=f"at-{ms}-3")
        await line.ari.until(lambda: line.ari.names().count("AdminH") == len(moments), "the end of all calls", 20)
    finally:
        await line.ari.post("asterisk/variable", variable="PRIVACY_AGI_SECONDS", value="1.5")
    assert [t.fields["Consent"] for t in line.ari.told if t.name == "Passed"] == ["refused"] * len(moments)


@pytest.mark.parametrize("source", [Tone(700), Nothing()], ids=["talks", "sends nothing between its keys"])
@pytest.mark.parametrize("after", [0.0, 0.3, NOTICE_SECONDS - 0.04, NOTICE_SECONDS + 0.04, NOTICE_SECONDS + 0.4])
async def test_a_phone_that_refuses_is_heard(line: Line, source: Source, after: float) -> None:
    line.answer("3", "1", "1.5")
    async with Phone("customer", 0, line.ari.pbx.sip_port, source=source) as customer:
        await line.ask_us()
        await customer.dial("100")
        await line.ari.until_told("PrivacyNotice", Stage="begin")
        await asyncio.sleep(after)
        await customer.press("3")
        await line.ari.until_told("PrivacyChoice", Key="3")
    await line.ari.pbx_quiet()


@pytest.mark.parametrize("caller", ["at-300-13", "at-2100-13"])
async def test_a_refusal_is_heard_while_the_caller_is_told_that_he_agreed(line: Line, longer: str, caller: str) -> None:
    line.answer("3", "1", "0.6", notice=longer)
    told = await line.call(caller=caller)
    assert line.ari.names() == ["Begun", "begin", "key 1", "key 3", "end no", "Passed", "AdminH"]
    assert told.fields["Consent"] == "refused"


@pytest.mark.parametrize("keys", ["993", "99#9*3"])
async def test_a_refusal_is_heard_however_often_a_wrong_key_came_before(line: Line, longer: str, keys: str) -> None:
    line.answer("3", "", "0.4", notice=longer)
    told = await line.call(caller=f"at-200-{keys}")
    assert line.ari.names() == ["Begun", "begin", "key 3", "end no", "Passed", "AdminH"]
    assert told.fields["Consent"] == "refused"


async def test_a_refusal_after_five_wrong_keys_within_the_time_is_heard(line: Line) -> None:
    line.answer("3", "", "4")
    told = await line.call(caller="late999993")
    assert told.fields["Consent"] == "refused"
    assert line.ari.names() == ["Begun", "begin", "key 3", "end no", "Passed", "AdminH"]


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
