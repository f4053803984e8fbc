"""Several recorders on one Asterisk: a call is one recorder's, and the others leave it, its keys and its agents alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from time import monotonic

import pytest
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk.ari import Announced, Reading
from asterisk_privacy.asterisk.fastagi import AgiRequest
from asterisk_privacy.call import pbx
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.daemon.boards import GoneLately
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.daemon.tally import Decision

OTHER = "asterisk-privacy-2"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with whole_daemon(installed(tmp_path)) as made:
        yield made


def ask(running: Running, channel: str = "1.1", more: str | None = "1", profile: str = "sales") -> Mapping[str, str]:
    asked = {"profile": profile} | ({} if more is None else {"more": more})
    return running.service.supervisor.answer(AgiRequest(channel, "start", asked, ""))


def alarms(running: Running) -> dict[Alarm, int]:
    return dict(running.service.health.alarms)


def runner_of(somebody: Somebody) -> CallRunner:
    return next(r for r in somebody.supervisor.runners if r.channel == somebody.channel)


async def test_what_it_cannot_take_it_leaves_to_another_if_there_is_one(running: Running) -> None:
    assert ask(running) == {"PRIVACY_PLAN": "elsewhere"}  # not linked
    assert ask(running, more="0") == ask(running, more=None) == {"PRIVACY_PLAN": "none"}
    decisions = running.service.health.tally.decisions
    assert (decisions[Decision.ELSEWHERE], decisions[Decision.UNRECORDED]) == (1, 2)
    linked(running)
    assert ask(running, profile="unknown") == {"PRIVACY_PLAN": "elsewhere"}
    assert alarms(running) == {Alarm.NOT_READY: 4}
    assert ask(running, profile="selftest") == {"PRIVACY_PLAN": "elsewhere"}, "the test of another recorder is no fault here"
    assert alarms(running) == {Alarm.NOT_READY: 4}
    assert ask(running)["PRIVACY_RECORDER"] == "asterisk-privacy"


async def test_a_draining_one_takes_no_call_and_is_loud_only_where_nobody_does(running: Running) -> None:
    linked(running)
    running.draining.begin(stop=False)
    assert ask(running) == {"PRIVACY_PLAN": "elsewhere"} and alarms(running) == {}
    assert ask(running, more="0") == {"PRIVACY_PLAN": "none"} and alarms(running) == {Alarm.NOT_READY: 1}
    running.draining.undo()
    assert ask(running)["PRIVACY_PLAN"] == "announce"


async def test_what_goes_on_while_it_drains_is_kept_as_promised(running: Running) -> None:
    linked(running)
    caller = Somebody(running)
    caller.talks()
    running.draining.begin(stop=False)
    caller.presses("keep")
    assert runner_of(caller).memory.flagged, "a key is obeyed"
    assert caller.asks("sales") == {"PRIVACY_PLAN": "none"}, "covered: the caller heard it"
    assert running.service.health.tally.decisions[Decision.COVERED] == 1
    assert alarms(running) == {}


async def test_a_call_that_another_took_is_given_up(running: Running) -> None:
    linked(running)
    caller = Somebody(running)
    runner = runner_of(caller)
    caller.tell(ae.Taken(caller.channel, "asterisk-privacy"))
    assert runner.recorder.situation.life is Life.EXPECTED
    caller.tell(ae.Taken(caller.channel, OTHER))
    caller.talks()
    assert runner.recorder.situation.consent is Consent.UNASKED and runner.recorder.situation.life is Life.GRACE
    assert runner.media.taps == 0


async def test_a_call_that_another_has_is_not_begun_again_by_who_answers_late(running: Running) -> None:
    linked(running)
    running.service.supervisor.pbx_told(ae.Taken("1.1", OTHER))
    assert ask(running) == ask(running, more="0") == {"PRIVACY_PLAN": "elsewhere"}
    assert running.service.supervisor.runners == () and alarms(running) == {}
    running.service.supervisor.pbx_told(pbx.ChannelGone(monotonic(), "1.1"))
    assert ask(running)["PRIVACY_PLAN"] == "announce", "the channel is another one by now"


async def test_an_answer_that_was_not_taken_begins_no_call_where_another_was_asked(running: Running) -> None:
    linked(running)
    asked = running.service.supervisor
    for channel, more, life in (("1.1", {"more": "1"}, Life.GRACE), ("1.2", {}, Life.EXPECTED)):
        asked.pbx_told(pbx.ChannelSeen(monotonic(), channel, "PJSIP/trunk-1", False))
        request = AgiRequest(channel, "start", {"profile": "sales", **more}, "")
        asked.answer(request)
        asked.unheard(request)
        (runner,) = [r for r in asked.runners if r.channel == channel]
        assert runner.recorder.situation.life is life


async def test_what_a_caller_told_another_recorder_while_the_link_was_down_is_no_consent_here(running: Running) -> None:
    """It was hung, and answered too late; meanwhile another recorder announced the call."""
    linked(running)
    caller = Somebody(running)
    there = snap.Channel(caller.channel, "PJSIP/trunk-1", "Up")
    running.service.supervisor.link_down("planted")
    await asyncio.sleep(0)
    said = {caller.channel: Announced("theirs", "notice", OTHER)}
    runner = runner_of(caller)
    running.service.supervisor.link_up(Reading(monotonic(), (there,), (), frozenset(), announced=said))
    await asyncio.sleep(0)
    assert runner.recorder.situation.consent is Consent.UNASKED and runner.recorder.situation.life is Life.GRACE


def test_who_is_gone_for_long_is_forgotten() -> None:
    gone = GoneLately(10.0)
    for at, channel in enumerate("abcd"):
        gone.note(channel, 5.0 * at)
    assert [c for c in "abcd" if c in gone] == ["b", "c", "d"]


class Neighbours:
    """A call of another recorder, with an agent of its own."""

    def __init__(self, running: Running, agent: str) -> None:
        self.tell, self.agent = running.service.supervisor.pbx_told, agent
        now = monotonic()
        self.tell(pbx.ChannelSeen(now, "theirs", "PJSIP/trunk-9", True))
        self.tell(ae.Taken("theirs", OTHER))
        self.tell(pbx.ChannelSeen(now, "agents", f"{agent}-00000009", True))
        self.tell(pbx.BridgeSeen(now, "b9", True))
        for one in ("theirs", "agents"):
            self.tell(pbx.Entered(now, "b9", one))

    def presses(self, key: str) -> None:
        self.tell(ae.AgentPressed(monotonic(), "agents", f"{self.agent}-00000009", key))

    def ends(self) -> None:
        for one in ("theirs", "agents"):
            self.tell(pbx.ChannelGone(monotonic(), one))


@pytest.fixture
def tones(running: Running, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    played: list[str] = []
    monkeypatch.setattr(running.service.supervisor._tools.tones, "play", lambda _channel, name: played.append(name))
    return played


async def test_the_keys_of_anothers_agents_are_none_of_ours(running: Running, tones: list[str]) -> None:
    linked(running)
    caller = Somebody(running)
    caller.talks()
    theirs = Neighbours(running, "PJSIP/bert")
    theirs.presses("keep")
    theirs.tell(pbx.Left(monotonic(), "b9", "agents"))  # to consult somebody
    theirs.presses("keep")
    assert (tones, alarms(running)) == ([], {}) and not runner_of(caller).memory.flagged
    theirs.ends()
    theirs.presses("keep")
    assert tones == ["refused"] and alarms(running) == {Alarm.UNKNOWN_CALL: 1}, "nobody's call: that is told"


async def test_keep_the_last_call_means_the_last_one_whoever_had_it(running: Running, tones: list[str]) -> None:
    linked(running)
    keys = running.service.health.tally.keys
    caller = Somebody(running)
    caller.talks()
    caller.ends()
    keep_last = ae.AgentPressed(monotonic(), "idle", f"PJSIP/{caller.agent}-00000010", "keep-last")
    Neighbours(running, f"PJSIP/{caller.agent}").ends()
    caller.tell(keep_last)
    assert (keys["keep"], tones, alarms(running)) == (0, [], {})
    later = Somebody(running)
    later.agent = caller.agent
    later.talks()
    later.ends()
    caller.tell(keep_last)
    assert keys["keep"] == 1, "the last one is ours again"
