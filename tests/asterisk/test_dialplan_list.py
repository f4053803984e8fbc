"""PRIVACY_AGI as a list: calls are spread over the recorders, one that cannot take a call costs a moment, and no call has two of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from dialplan_lab import GOES_ON_WITHIN, SLACK, TESTS, WIDEBAND, Line
from test_dialplan import full_backlog, missed
from toy_agi import ANSWER, CLOSE, LATE, LATE_SECONDS, SILENT, STALL, ToyAgi
from toy_ari import Told

from asterisk_privacy.lab.pbx import Pbx, free_port

pytestmark = pytest.mark.asterisk

BOUND = 1.5
"""PRIVACY_AGI_SECONDS of the lab."""
MORE = """
[test](+)
exten => numbered,1,Set(CALLERID(num)=0612345678)
 same => n,Goto(line,1)
exten => twice,1,Gosub(privacy-start,s,1(support))
 same => n,Gosub(privacy-start,s,1(sales))
 same => n,Goto(line,1)
exten => pauses,1,Gosub(privacy-start,s,1(support))
 same => n,UserEvent(Half)
 same => n,Wait(0.5)
 same => n,Gosub(privacy-start,s,1(sales))
 same => n,Goto(line,1)
exten => waits,1,Answer()
 same => n,Gosub(privacy-start,s,1(support))
 same => n,Wait(1.5)
 same => n,UserEvent(Passed,Call: ${PRIVACY_CALL},Server: ${PRIVACY_SERVER},Recorder: ${PRIVACY_RECORDER},State: ${PRIVACY_STATE})
 same => n,Hangup()
"""


@pytest.fixture(scope="module")
def pbx(pbx_factory: Callable[..., Pbx], ports: dict[str, int]) -> Pbx:
    return pbx_factory(extra_dialplan=TESTS + MORE, extra_pjsip=WIDEBAND, contacts=ports)


@dataclass
class Lines:
    """Recorders "one" and "two", of which "one" is asked first."""

    line: Line
    one: ToyAgi
    two: ToyAgi

    def __post_init__(self) -> None:
        for name, agi in (("one", self.one), ("two", self.two)):
            agi.variables = self.plan("announce") | {"PRIVACY_CALL": f"call-{name}", "PRIVACY_RECORDER": f"app-{name}"}

    def plan(self, plan: str) -> dict[str, str]:
        keys = {"PRIVACY_REFUSE_KEY": "3", "PRIVACY_AGREE_KEYS": "12", "PRIVACY_KEY_SECONDS": "0.1", "PRIVACY_NOTICE_ID": "n1"}
        notice = str(self.line.sounds / "notice")
        return {"PRIVACY_STATE": "gAAAA-sealed_==", "PRIVACY_NOTICE": notice, **keys, "PRIVACY_PLAN": plan}

    @property
    def addresses(self) -> str:
        return f"{self.one.address}&{self.two.address}"

    async def dial(self, extension: str, agi: str = "", caller: str = "quiet", turn: int = 0) -> None:
        ari = self.line.ari
        ari.forget()
        for name, value in (("PRIVACY_AGI", agi or self.addresses), ("PRIVACY_TURN", str(turn))):
            await ari.post("asterisk/variable", variable=name, value=value)
        await ari.post("channels", endpoint=f"Local/{extension}@test/n", context="caller", extension=caller, priority="1")

    async def call(self, extension: str = "limited", agi: str = "", turn: int = 0) -> Told:
        await self.dial(extension, agi, turn=turn)
        passed = await self.line.ari.until_told("Passed")
        await self.line.ari.until_told("AdminH")
        return passed

    def calls(self) -> set[str]:
        return {t.fields["Call"] for t in self.line.ari.told if t.name == "PrivacyNotice"}


@pytest.fixture
async def lines(line: Line, pbx: Pbx) -> AsyncIterator[Lines]:
    for one in ("1", "2", "3"):
        pbx.cli(f"dialplan set global PRIVACY_ASIDE_{one} 0")
    async with ToyAgi() as one, ToyAgi() as two:
        yield Lines(line, one, two)


async def test_calls_are_spread_and_each_asks_one(lines: Lines, pbx: Pbx) -> None:
    before, took = missed(pbx), []
    for turn in range(4):
        passed = await lines.call("numbered", turn=turn)
        took.append(lines.line.seconds(passed))
        assert lines.line.ari.names() == ["Begun", "begin", "end yes", "Passed", "AdminH"]
    assert (len(lines.one.requests), len(lines.two.requests), missed(pbx)) == (2, 2, before)
    script = lines.one.requests[0]["agi_network_script"]
    assert script.startswith("start?profile=support&direction=in&channel=") and script.endswith("&more=1")
    assert lines.one.requests[0]["agi_callerid"] == "unknown", "the recorder has the number from ARI, and no step of ours holds it"
    assert lines.one.requests[0]["agi_uniqueid"] not in script


async def test_spaces_in_the_list_mean_nothing(lines: Lines) -> None:
    for turn in range(2):
        await lines.call(agi=lines.addresses.replace("&", " & "), turn=turn)
        assert lines.line.ari.names() == ["Begun", "begin", "end yes", "Passed", "AdminH"]
    assert (len(lines.one.requests), len(lines.two.requests)) == (1, 1)


async def test_the_turn_goes_round(lines: Lines, pbx: Pbx) -> None:
    await lines.call()
    said = pbx.cli("dialplan show globals")
    assert "PRIVACY_TURN=1" in said


@pytest.mark.parametrize("plan", ["elsewhere", ""])
async def test_one_that_does_not_take_it_costs_a_moment(lines: Lines, pbx: Pbx, plan: str) -> None:
    quick = lines.line.seconds(await lines.call(turn=1))
    before = missed(pbx)
    lines.one.variables = lines.plan(plan) | {"PRIVACY_CALL": "nobody's"}
    passed = await lines.call()
    assert lines.line.ari.names() == ["Begun", "begin", "end yes", "Passed", "AdminH"]
    assert lines.calls() == {"call-two"} and missed(pbx) == before
    assert lines.line.seconds(passed) < quick + SLACK / 2
    assert float(passed.fields["Limit"]) == pytest.approx(20 - lines.line.seconds(passed), abs=SLACK)
    assert passed.fields["Exit"] == "no"


async def test_one_of_an_earlier_release_costs_a_moment(lines: Lines) -> None:
    """It gives its announcement no name, and would take the stages of another one for its own."""
    del lines.one.variables["PRIVACY_NOTICE_ID"]
    await lines.call()
    assert lines.line.ari.names() == ["Begun", "begin", "end yes", "Passed", "AdminH"]
    assert lines.calls() == {"call-two"}
    assert {t.fields["Notice"] for t in lines.line.ari.told if t.name == "PrivacyNotice"} == {"n1"}


@pytest.mark.parametrize("mode", [CLOSE, SILENT, STALL, "refusing", "blackhole"])
async def test_one_that_fails_leaves_the_others_time(lines: Lines, pbx: Pbx, mode: str) -> None:
    before = missed(pbx)
    async with AsyncExitStack() as stack:
        first = lines.one.address
        if mode == "blackhole":
            first = await stack.enter_async_context(full_backlog())
        elif mode == "refusing":
            first = f"127.0.0.1:{free_port()}"
        else:
            lines.one.mode = mode
        await lines.dial("answered", f"{first}&{lines.two.address}")
        begin = await lines.line.ari.until_told("PrivacyNotice")
        asking = lines.line.seconds(begin)
        await lines.line.ari.until_told("AdminH")
        assert lines.calls() == {"call-two"} and missed(pbx) == before
        assert asking < BOUND / 2 + 0.2, "one that says nothing has its share of the time, and no more"
        if mode not in (CLOSE, "refusing"):  # these say at once that they do nothing
            await lines.dial("answered", f"{first}&{lines.two.address}")
            begin = await lines.line.ari.until_told("PrivacyNotice")
            await lines.line.ari.until_told("AdminH")
            assert lines.line.seconds(begin) < 0.3, "who said nothing a moment ago is asked last"


@pytest.mark.parametrize(("mode", "why"), [(CLOSE, "SUCCESS"), (SILENT, "TIMEOUT"), ("elsewhere", "ELSEWHERE"), ("blackhole", "TIMEOUT")])
async def test_when_none_takes_it_the_call_goes_on(lines: Lines, pbx: Pbx, mode: str, why: str) -> None:
    before = missed(pbx)
    async with full_backlog() as nowhere:
        addresses = lines.addresses if mode != "blackhole" else "&".join([nowhere] * 3)
        for agi in (lines.one, lines.two):
            agi.mode, agi.variables = (ANSWER, lines.plan("elsewhere")) if mode == "elsewhere" else (mode, agi.variables)
        passed = await lines.call(agi=addresses)
        assert lines.line.ari.names() == ["Begun", f"unavailable {why}", "Passed", "AdminH"]
        assert lines.line.seconds(passed) < BOUND + SLACK
        assert passed.fields["Consent"] == "none" and passed.fields["State"] == "Ring"
        assert missed(pbx) == before + 1


@pytest.mark.parametrize("second", [0.0, 0.5])
async def test_an_answer_that_comes_too_late_counts_for_nothing(lines: Lines, second: float) -> None:
    """At one second; the other has answered by then, or is still waited for."""
    lines.one.mode = lines.two.mode = LATE
    lines.two.late = second
    await lines.dial("waits")
    passed = await lines.line.ari.until_told("Passed", timeout=BOUND + LATE_SECONDS + 5)
    assert lines.calls() == {"call-two"}
    named = {"Call": "call-two", "Server": lines.two.address, "Recorder": "app-two", "State": "gAAAA-sealed_=="}
    assert {key: passed.fields[key] for key in named} == named


async def test_another_line_asks_the_recorder_that_has_the_call_and_no_other(lines: Lines) -> None:
    await lines.call("twice", turn=1)
    assert (len(lines.one.requests), len(lines.two.requests)) == (0, 3)
    assert "more" not in lines.two.requests[-1]["agi_network_script"]
    await lines.dial("pauses", turn=1)
    await lines.line.ari.until_told("Half")
    lines.two.mode = CLOSE
    await lines.line.ari.until_told("AdminH")
    assert lines.line.ari.names() == ["begin", "end yes", "Half", "unavailable SUCCESS", "Begun", "unavailable SUCCESS", "Passed", "AdminH"]
    assert lines.one.requests == []


async def test_hanging_up_while_the_recorders_hang_is_not_held_up(lines: Lines) -> None:
    lines.one.mode = lines.two.mode = SILENT
    await lines.dial("answered", caller="bye9")
    begun = await lines.line.ari.until_told("Begun")
    ended = await lines.line.ari.until_told("AdminH")
    assert ended.at - begun.at < 1.3
    assert lines.line.ari.names() == ["Begun", "AdminH"]
    await lines.line.ari.pbx_quiet()


async def test_the_called_party_of_a_call_out(lines: Lines) -> None:
    lines.one.mode = SILENT
    await lines.dial("out-quiet")
    await lines.line.ari.until_told("PrivacyNotice", Stage="end")
    assert lines.calls() == {"call-two"}
    callee = next(t.channel for t in lines.line.ari.told)
    for name, value in (("PRIVACY_SERVER", lines.two.address), ("PRIVACY_RECORDER", "app-two")):
        assert f"{name}={value}" in lines.line.ari.pbx.cli(f"core show channel {callee}")
    await lines.line.ari.pbx_quiet()


async def test_a_call_out_survives_recorders_that_fail(lines: Lines) -> None:
    lines.one.mode = lines.two.mode = SILENT
    await lines.dial("out-quiet")
    await lines.line.ari.until_told("PrivacyUnavailable", timeout=GOES_ON_WITHIN + 1)
    await lines.line.ari.pbx_quiet()
