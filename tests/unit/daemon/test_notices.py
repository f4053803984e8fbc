"""Whose call it is once a notice was heard on half of a Local channel: a whole daemon, and an Asterisk that is made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from whole_daemon import POLICY, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk.ari import Announced, Reading
from asterisk_privacy.asterisk.fastagi import AgiRequest
from asterisk_privacy.call import events as ev
from asterisk_privacy.call import pbx
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.remembered import Memory
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.daemon.runner import CallRunner

DESK = """
[profiles.desk]
title = "Desk"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint"]
refuse_key = "3"
[profiles.duty]
title = "Duty"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint"]
[purposes.quality]
title = "better work"
basis = "consent"
reasoning = "We learn from calls."
trigger = "flag"
agree_key = "1"
retention = { until = "days", latest_days = 30 }
[profiles.work]
title = "Work"
language = "nl"
announcement = "notice-optin"
purposes = ["quality"]
refuse_key = "3"
"""


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with whole_daemon(installed(tmp_path, POLICY + DESK)) as made:
        linked(made)
        yield made


class Group:
    """A line in a dialplan behind Local/x: `two` runs it. `who` is with `one`."""

    def __init__(self, running: Running, profile: str = "sales") -> None:
        self.running = running
        self.tell = running.service.supervisor.pbx_told
        for channel, half in (("one", 1), ("two", 2)):
            self.tell(pbx.ChannelSeen(monotonic(), channel, f"Local/s@group-0001;{half}", True))
        self.tell(pbx.BridgeSeen(monotonic(), "front", True))
        self.tell(pbx.Entered(monotonic(), "front", "one"))
        self.plan = self.asks("two", profile)

    def asks(self, channel: str, profile: str) -> dict[str, str]:
        return dict(self.running.service.supervisor.answer(AgiRequest(channel, "start", {"profile": profile}, "")))

    def joins(self, channel: str, name: str, bridge: str = "front") -> None:
        self.tell(pbx.ChannelSeen(monotonic(), channel, name, True))
        self.tell(pbx.BridgeSeen(monotonic(), bridge, True))
        self.tell(pbx.Entered(monotonic(), bridge, channel))

    def notice(self, stage: str, channel: str = "two", plan: dict[str, str] | None = None) -> None:
        said = plan or self.plan
        self.tell(ae.NoticeStage(monotonic(), channel, said["PRIVACY_CALL"], said["PRIVACY_NOTICE_ID"], stage, stage == "end"))

    def answered_by_anna(self) -> None:
        self.joins("two", "Local/s@group-0001;2", "back")
        self.joins("anna", "PJSIP/agent1-0009", "back")

    @property
    def runner(self) -> CallRunner:
        return next(r for r in self.running.service.supervisor.runners if r.call_id == self.plan["PRIVACY_CALL"])


def alarms(running: Running) -> dict[Alarm, int]:
    return dict(running.service.health.alarms)


async def test_the_customer_behind_it_is_found_and_the_call_outlives_the_local_channel(running: Running) -> None:
    group = Group(running)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.notice("end")
    runner = group.runner
    assert runner.customer == "cora" and runner.recorder.situation.consent is Consent.HEARD
    group.answered_by_anna()
    assert runner.agents == ("PJSIP/agent1",) and alarms(running) == {}
    group.tell(pbx.Entered(monotonic(), "front", "anna"))
    for half in ("one", "two"):
        group.tell(pbx.ChannelGone(monotonic(), half))
    assert runner.recorder.situation.life is Life.LIVE
    group.tell(pbx.ChannelGone(monotonic(), "cora"))
    assert runner.recorder.situation.life is Life.GRACE


async def test_nobody_heard_it(running: Running) -> None:
    group = Group(running)
    group.notice("begin")
    group.notice("end")
    group.joins("cora", "PJSIP/trunk-0001")
    assert group.runner.customer is None and group.runner.recorder.situation.consent is Consent.UNASKED
    assert alarms(running) == {Alarm.NOBODY_BEHIND: 1}


async def test_of_two_who_heard_it_nobody_can_say_whose_it_is(running: Running) -> None:
    group = Group(running)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.joins("bea", "PJSIP/trunk-0002")
    group.notice("end")
    assert group.runner.customer is None and alarms(running) == {Alarm.NOBODY_BEHIND: 1}


async def test_only_a_colleague_heard_it(running: Running) -> None:
    group = Group(running)
    group.joins("anna", "PJSIP/agent1-0009")
    group.notice("begin")
    group.notice("end")
    group.tell(pbx.ChannelGone(monotonic(), "anna"))
    group.joins("cora", "PJSIP/trunk-0001")
    assert group.runner.customer is None and alarms(running) == {}
    assert running.service.health.colleagues == {"PJSIP/agent1": 1}


async def test_a_customer_with_a_call_goes_on_in_it(running: Running) -> None:
    group = Group(running, "sales")
    own = group.asks("cora", "desk")
    group.tell(pbx.ChannelSeen(monotonic(), "cora", "PJSIP/trunk-0001", True))
    for stage in ("begin", "end"):
        group.notice(stage, "cora", own)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.notice("end")
    theirs = next(r for r in running.service.supervisor.runners if r.call_id == own["PRIVACY_CALL"])
    assert [p.name for p in theirs.profile.purposes] == ["complaint", "training"] and theirs.recorder.situation.life is Life.LIVE
    assert group.runner.recorder.situation.life is not Life.LIVE


async def test_a_refusal_behind_it_is_one_of_the_customers_call(running: Running) -> None:
    group = Group(running, "sales")
    own = group.asks("cora", "desk")
    group.tell(pbx.ChannelSeen(monotonic(), "cora", "PJSIP/trunk-0001", True))
    for stage in ("begin", "end"):
        group.notice(stage, "cora", own)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "3"))
    theirs = next(r for r in running.service.supervisor.runners if r.call_id == own["PRIVACY_CALL"])
    assert theirs.recorder.situation.consent is group.runner.recorder.situation.consent is Consent.REFUSED


@pytest.mark.parametrize("refuses", [False, True])
async def test_the_customer_of_another_recorder_is_not_ours_too(running: Running, refuses: bool) -> None:
    group = Group(running, "sales")
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.tell(ae.Taken("cora", "another-recorder"))
    if refuses:
        group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "3"))
    else:
        group.notice("end")
    assert group.runner.customer is None and group.runner.recorder.situation.life is Life.GRACE
    assert "cora" not in running.service.supervisor._customers and alarms(running) == {}


def found(running: Running) -> Group:
    """A call whose customer heard the notice behind the Local channel."""
    group = Group(running)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.notice("end")
    assert group.runner.customer == "cora"
    return group


def read_again(group: Group, *channels: str, front: tuple[str, ...] = ("one",)) -> None:
    """The link was lost. These are there now, beside the Local channel."""
    names = {"one": "Local/s@group-0001;1", "two": "Local/s@group-0001;2", "cora": "PJSIP/trunk-0001", "bea": "PJSIP/trunk-0002"}
    there = tuple(snap.Channel(c, names[c], "Up") for c in channels)
    bridges = (snap.Bridge("front", "mixing", channels=list(front)),) if front else ()
    group.running.service.supervisor.link_down("planted")
    group.running.service.supervisor.link_up(Reading(monotonic(), there, bridges, frozenset()))


async def test_who_was_there_as_it_began_and_is_gone_since_the_link_was_lost_has_no_call_without_end(running: Running) -> None:
    group = Group(running)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    read_again(group, "one", "two")
    group.notice("end")
    assert group.runner.customer is None and group.runner.recorder.situation.consent is Consent.UNASKED
    group.tell(pbx.ChannelGone(monotonic(), "two"))
    assert group.runner.recorder.situation.life is Life.GRACE


async def test_who_is_in_the_place_of_another_since_the_link_was_lost_heard_the_end_alone(running: Running) -> None:
    group = Group(running)
    group.tell(ae.NoticeStage(monotonic() - 2, "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "begin", False))
    group.joins("cora", "PJSIP/trunk-0001")
    read_again(group, "one", "two", "bea", front=("one", "bea"))
    group.notice("end")
    assert group.runner.customer is None and group.runner.recorder.situation.consent is Consent.UNASKED


async def test_who_was_there_all_the_time_is_found_though_the_link_was_lost(running: Running) -> None:
    group = Group(running)
    group.joins("cora", "PJSIP/trunk-0001")
    group.joins("bea", "PJSIP/trunk-0002")  # who leaves meanwhile
    group.notice("begin")
    read_again(group, "one", "two", "cora", front=("one", "cora"))
    group.notice("end")
    assert group.runner.customer == "cora" and group.runner.recorder.situation.consent is Consent.HEARD


@pytest.mark.parametrize("heard", ["to its end", "not"])
async def test_what_is_told_of_a_channel_that_is_gone_begins_no_call_without_end(running: Running, heard: str) -> None:
    """The question came late, and its channel is not there any more."""
    known = running.service.supervisor
    plan = dict(known.answer(AgiRequest("cora", "start", {"profile": "sales"}, "")))
    for stage in ("begin", "end"):
        said = (plan["PRIVACY_CALL"], plan["PRIVACY_NOTICE_ID"], stage, stage == "end" and heard == "to its end")
        known.pbx_told(ae.NoticeStage(monotonic(), "cora", *said))
    (runner,) = known.runners
    assert runner.recorder.situation.life is Life.GRACE and "cora" not in known._customers


async def test_the_customer_that_was_found_goes_to_another_recorder(running: Running) -> None:
    group = found(running)
    group.tell(ae.Taken("cora", "another-recorder"))
    assert group.runner.recorder.situation.life is Life.GRACE


async def test_the_customer_that_was_found_went_to_another_recorder_while_the_link_was_down(running: Running) -> None:
    group, known = found(running), running.service.supervisor
    known.link_down("planted")
    await asyncio.sleep(0)
    there = (snap.Channel("cora", "PJSIP/trunk-0001", "Up"), snap.Channel("two", "Local/s@group-0001;2", "Up"))
    said = {"cora": Announced("theirs", "notice", "another-recorder"), "two": Announced("ours", "notice", "asterisk-privacy")}
    known.link_up(Reading(monotonic(), there, (), frozenset(), announced=said))
    await asyncio.sleep(0)
    assert group.runner.recorder.situation.life is Life.GRACE


async def test_half_of_the_local_channel_that_asked_again_and_is_gone_ends_no_call_of_who_was_found(running: Running) -> None:
    group = found(running)
    group.asks("two", "desk")
    group.tell(pbx.ChannelGone(monotonic(), "two"))
    running.service.supervisor.unheard(AgiRequest("two", "start", {"profile": "desk"}, ""))
    assert group.runner.recorder.situation.life is Life.LIVE


async def test_out_of_sight_behind_a_local_channel(running: Running) -> None:
    group = found(running)
    group.answered_by_anna()
    group.tell(ae.OutOfSight(monotonic(), "anna"))
    assert alarms(running) == {}, "told once, for the half that came with her"
    group.tell(ae.OutOfSight(monotonic(), "two"))
    assert alarms(running) == {Alarm.OUT_OF_SIGHT: 1}


async def test_a_refusal_behind_it_holds_also_where_the_customers_own_line_has_no_key_for_it(running: Running) -> None:
    group = Group(running, "sales")
    own = group.asks("cora", "duty")
    group.tell(pbx.ChannelSeen(monotonic(), "cora", "PJSIP/trunk-0001", True))
    for stage in ("begin", "end"):
        group.notice(stage, "cora", own)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "3"))
    theirs = next(r for r in running.service.supervisor.runners if r.call_id == own["PRIVACY_CALL"])
    theirs.receive(ev.KeyPressed(monotonic(), ev.AgentKey.RESUME, ""))
    assert theirs.recorder.situation.consent is Consent.REFUSED and theirs.memory.consent == "refused"


async def over(runner: CallRunner) -> None:
    runner.receive(ev.Tick(monotonic() + 100))
    await runner.finished()


def what_is_remembered(runner: CallRunner) -> dict[str, Memory]:
    """By Asterisk, of this call from now on, by channel."""
    left = dict[str, Memory]()

    def remember(channel: str, memory: Memory | None) -> None:
        left.pop(channel, None)
        left.update({channel: memory} if memory is not None else {})

    runner._tools = replace(runner._tools, remember=remember)
    return left


@pytest.mark.parametrize("link", ["up", "lost meanwhile", "another recorder's call"])
async def test_of_two_who_may_have_refused_nothing_is_left_once_both_are_gone(running: Running, link: str) -> None:
    group, known = Group(running), running.service.supervisor
    runner = group.runner
    left = what_is_remembered(runner)
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.joins("bea", "PJSIP/trunk-0002")
    group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "3"))
    assert set(known._customers) == {"cora", "bea"}
    first, second = sorted(known._customers, key=lambda c: c != runner.customer)
    if link == "another recorder's call":
        group.tell(ae.Taken("two", "another-recorder"))
        await over(runner)
        assert known._customers == {} and left == {}
        return
    if link == "up":
        group.tell(pbx.ChannelGone(monotonic(), first))
    else:
        read_again(group, "one", "two", second, front=("one", second))
        await asyncio.sleep(0)
    assert runner.customer == second and runner.recorder.situation.life is not Life.GRACE, "they are not asked again"
    assert left == {second: runner.memory}
    group.tell(pbx.ChannelGone(monotonic(), second))
    assert runner.recorder.situation.life is Life.GRACE
    await over(runner)
    assert known._customers == {} and known.runners == () and left == {}


@pytest.mark.parametrize("is_found", [True, False])
@pytest.mark.parametrize("key", ["1", "3"])
async def test_what_asterisk_remembers_goes_with_the_call(running: Running, key: str, is_found: bool) -> None:
    """Also what was written for half of a Local channel, before the customer behind it was found."""
    group = Group(running, "work")
    runner = group.runner
    left = what_is_remembered(runner)
    group.notice("begin")
    if is_found:
        group.joins("cora", "PJSIP/trunk-0001")
    group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], key))
    group.notice("end")
    assert left == {"cora" if is_found else "two": runner.memory}
    runner.receive(ev.HungUp(monotonic()))
    await over(runner)
    assert left == {}


async def test_who_refused_behind_it_is_not_asked_again(running: Running) -> None:
    group = Group(running, "sales")
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "3"))
    assert group.runner.customer == "cora"
    assert group.asks("cora", "desk") == {"PRIVACY_PLAN": "none"}


async def test_the_customer_comes_to_another_line_on_their_own_channel(running: Running) -> None:
    group = Group(running, "desk")
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.notice("end")
    again = group.asks("cora", "sales")
    assert again["PRIVACY_CALL"] == group.plan["PRIVACY_CALL"] and again["PRIVACY_PLAN"] == "announce"
    for stage in ("begin", "end"):
        group.notice(stage, "cora", again)
    assert [p.name for p in group.runner.profile.purposes] == ["complaint", "training"]


async def test_a_question_that_overtakes_the_news_of_its_channel(running: Running) -> None:
    asked = running.service.supervisor
    plan = dict(asked.answer(AgiRequest("cora", "start", {"profile": "sales"}, "")))
    asked.pbx_told(pbx.ChannelSeen(monotonic(), "cora", "PJSIP/trunk-0001", True))
    (runner,) = asked.runners
    assert runner.customer == "cora" and plan["PRIVACY_CALL"] == runner.call_id


def at_another_line(running: Running, profile: str, *behind: str) -> tuple[Group, dict[str, str]]:
    """Cora heard the notice of the line "desk" behind the Local channel, which comes to another line now. `behind`: who is there by now."""
    group = Group(running, "desk")
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.notice("end")
    if "cora" not in behind:
        group.tell(pbx.Left(monotonic(), "front", "cora"))
    if "bea" in behind:
        group.joins("bea", "PJSIP/trunk-0002")
    plan = group.asks("two", profile)
    assert plan["PRIVACY_PLAN"] == "announce"
    group.notice("begin", plan=plan)
    return group, plan


@pytest.mark.parametrize(("behind", "heard"), [("cora", True), ("bea", False), ("cora bea", False), ("", False)])
async def test_a_later_notice_behind_it_counts_for_who_hears_that_one(running: Running, behind: str, heard: bool) -> None:
    """Cora may have been moved elsewhere, and another caller be in her place."""
    group, plan = at_another_line(running, "sales", *behind.split())
    group.notice("end", plan=plan)
    assert group.runner.recorder.wishes.told() == ({"complaint", "training"} if heard else {"complaint"})
    assert alarms(running) == ({} if heard else {Alarm.NOBODY_BEHIND: 1})


async def test_who_goes_while_a_later_notice_plays_has_not_heard_it(running: Running) -> None:
    group, plan = at_another_line(running, "sales", "cora")
    group.tell(pbx.Left(monotonic(), "front", "cora"))
    group.joins("bea", "PJSIP/trunk-0002")
    group.notice("end", plan=plan)
    assert group.runner.recorder.wishes.told() == {"complaint"}


@pytest.mark.parametrize(("behind", "agrees"), [("cora", True), ("bea", False), ("cora bea", False)])
async def test_a_key_that_another_caller_may_have_pressed_agrees_to_nothing(running: Running, behind: str, agrees: bool) -> None:
    group, plan = at_another_line(running, "work", *behind.split())
    group.tell(ae.NoticeKey(monotonic(), "two", plan["PRIVACY_CALL"], plan["PRIVACY_NOTICE_ID"], "1"))
    assert group.runner.recorder.wishes.agreed == ({"quality"} if agrees else set())


async def test_a_key_in_the_first_notice_of_who_is_gone_at_its_end_agrees_to_nothing(running: Running) -> None:
    group = Group(running, "work")
    group.notice("begin")
    group.joins("cora", "PJSIP/trunk-0001")
    group.joins("bea", "PJSIP/trunk-0002")
    group.tell(ae.NoticeKey(monotonic(), "two", group.plan["PRIVACY_CALL"], group.plan["PRIVACY_NOTICE_ID"], "1"))
    group.tell(pbx.ChannelGone(monotonic(), "bea"))
    group.notice("end")
    assert group.runner.customer == "cora" and group.runner.recorder.wishes.told() == set()


async def test_a_refusal_in_a_later_notice_is_one_of_every_call_whose_customer_may_have_pressed_it(running: Running) -> None:
    """Bea came there with a call of her own."""
    group, plan = at_another_line(running, "sales", "cora")
    own = group.asks("bea", "desk")
    group.joins("bea", "PJSIP/trunk-0002")
    for stage in ("begin", "end"):
        group.notice(stage, "bea", own)
    group.tell(ae.NoticeKey(monotonic(), "two", plan["PRIVACY_CALL"], plan["PRIVACY_NOTICE_ID"], "3"))
    consents = {r.recorder.situation.consent for r in running.service.supervisor.runners}
    assert len(running.service.supervisor.runners) == 2 and consents == {Consent.REFUSED}
