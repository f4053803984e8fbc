"""Which announcement was heard: the end of one line's says nothing of another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from between_daemons import Pbx
from test_unheard import SECOND
from whole_daemon import POLICY, Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Announced
from asterisk_privacy.asterisk.reminders import CallReminders
from asterisk_privacy.call import pbx
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.remembered import Memory
from asterisk_privacy.daemon.report import Running
from asterisk_privacy.daemon.runner import CallRunner


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with whole_daemon(installed(tmp_path, SECOND)) as made:
        linked(made)
        yield made


def hears(caller: Somebody, notice: str, stages: str = "begin end") -> CallRunner:
    """Those stages of the announcement with that name."""
    caller.tell(pbx.ChannelSeen(monotonic(), caller.channel, "PJSIP/trunk-1", True))
    for stage in stages.split():
        caller.tell(ae.NoticeStage(monotonic(), caller.channel, caller.plan["PRIVACY_CALL"], notice, stage, True))
    (runner,) = caller.supervisor.runners
    return runner


async def test_each_announcement_has_a_name_of_its_own(running: Running) -> None:
    caller, other = Somebody(running), Somebody(running)
    again = caller.asks("orders")
    names = [plan["PRIVACY_NOTICE_ID"] for plan in (caller.plan, other.plan, again)]
    assert len(set(names)) == 3 and all(len(name) == 16 for name in names)
    assert list(caller.plan)[-1] == "PRIVACY_PLAN", "a connection that breaks before it announces nothing"


async def test_the_end_of_the_one_that_plays_is_not_the_end_of_the_one_that_was_answered_since(running: Running) -> None:
    caller = Somebody(running)
    runner = hears(caller, caller.plan["PRIVACY_NOTICE_ID"], "begin")
    caller.asks("orders")
    hears(caller, caller.plan["PRIVACY_NOTICE_ID"], "end")
    caller.tell(ae.NoticeKey(monotonic(), caller.channel, runner.call_id, caller.plan["PRIVACY_NOTICE_ID"], "4"))
    assert runner.recorder.situation.consent is Consent.UNASKED
    assert [p.name for p in runner.profile.purposes] == ["complaint", "training"]


async def test_an_include_that_does_not_say_which_one_announces_nothing_and_is_told(running: Running) -> None:
    caller = Somebody(running)
    runner = hears(caller, "")
    assert (runner.recorder.situation.life, runner.recorder.situation.consent) == (Life.EXPECTED, Consent.UNASKED)
    assert running.service.health.alarms == {Alarm.NOT_READY: 2}


async def test_the_next_daemon_knows_it_for_the_first_line_and_not_for_another(running: Running) -> None:
    caller, reminders = Somebody(running), running.service.supervisor._reminders
    first = reminders.read(caller.channel, caller.plan["PRIVACY_STATE"])
    second = reminders.read(caller.channel, caller.asks("orders")["PRIVACY_STATE"])
    assert first is not None and second is not None
    assert first.notice == caller.plan["PRIVACY_NOTICE_ID"]
    assert second.profiles == ("sales",) and second.notice == first.notice, "the end of the second must not count for the first"


async def test_a_refusal_counts_in_whatever_announcement_of_the_call_it_was_pressed(running: Running) -> None:
    caller = Somebody(running)
    first = caller.plan["PRIVACY_NOTICE_ID"]
    runner = hears(caller, first, "begin")
    caller.asks("orders")
    caller.tell(ae.NoticeKey(monotonic(), caller.channel, "f" * 32, first, "3"))
    assert runner.recorder.situation.consent is Consent.UNASKED, "it is another call's"
    caller.tell(ae.NoticeKey(monotonic(), caller.channel, runner.call_id, first, "3"))
    assert runner.recorder.situation.consent is Consent.REFUSED


async def test_the_name_of_the_newest_is_written_down_at_once(running: Running) -> None:
    caller, written = Somebody(running), list[Memory | None]()
    runner = hears(caller, caller.plan["PRIVACY_NOTICE_ID"])
    runner._tools = replace(runner._tools, remember=lambda _channel, memory: written.append(memory))
    plan = caller.asks("orders")
    assert [(m.newest, m.newest_line) for m in written if m is not None] == [(plan["PRIVACY_NOTICE_ID"], "orders")]
    read = running.service.supervisor._reminders.read(caller.channel, plan["PRIVACY_STATE"])
    assert read is not None and (read.newest, read.newest_line) == (plan["PRIVACY_NOTICE_ID"], "orders")


@pytest.mark.parametrize(("key", "consent"), [("3", Consent.REFUSED), ("4", Consent.HEARD)])
async def test_a_refusal_in_the_second_lines_notice_reaches_the_next_daemon(tmp_path: Path, key: str, consent: Consent) -> None:
    """The first line's refuse key is 4, which means nothing on the second."""
    asterisk = Pbx(installed(tmp_path, SECOND))
    async with asterisk.daemon():
        call = asterisk.announced_to("cora", "orders")
        asterisk.joins("cora", "waits")
        assert asterisk.asks("cora", "sales") == call
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        asterisk.chooses("cora", call, key)
        assert asterisk.call_of("cora").recorder.situation.consent is consent


AGREED = (
    POLICY.replace('trigger = "flag"', 'trigger = "flag"\nagree_key = "1"')
    + """
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
[profiles.first]
title = "First"
language = "nl"
announcement = "notice-optin"
purposes = ["complaint", "quality", "training"]
[profiles.plain]
title = "Plain"
language = "nl"
announcement = "notice-optin"
purposes = ["complaint"]
"""
)


@pytest.mark.parametrize(
    ("heard", "agreed"),
    [("1", ["complaint"]), ("11", ["complaint"]), ("12", []), ("122", []), ("112", []), ("2", None)],
    ids=["agreeing", "agreed", "agreeing at the second", "agreed at the second", "agreed before, and lost", "not heard"],
)
async def test_a_key_agrees_to_what_the_line_asked_for_at_which_it_was_pressed(
    tmp_path: Path, heard: str, agreed: list[str] | None
) -> None:
    """Pressed while no daemon lived; the call came from a line to another one before. 1 means another thing on each."""
    asterisk = Pbx(installed(tmp_path, AGREED))
    async with asterisk.daemon():
        call = asterisk.announced_to("cora", "plain")
        first = asterisk.notices[call]
        asterisk.joins("cora", "waits")
        assert asterisk.asks("cora", "work") == call
        names = {"1": first, "2": asterisk.notices[call]}
    said = replace(asterisk.announced["cora"], consent="agreed:1", heard=tuple(names[n] for n in heard))
    asterisk.announced["cora"] = said
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        recorder = asterisk.call_of("cora").recorder
        assert (recorder.situation.consent is Consent.HEARD) is (agreed is not None)
        assert sorted(recorder.wishes.told()) == (agreed or [])


async def test_what_was_agreed_to_before_a_restart_is_that_and_not_what_the_key_means_elsewhere(tmp_path: Path) -> None:
    """On the second line the caller agreed to quality, with a key that means complaint too on the first."""
    asterisk = Pbx(installed(tmp_path, AGREED))
    async with asterisk.daemon():
        call = asterisk.announced_to("cora", "first")
        asterisk.joins("cora", "waits")
        first = asterisk.notices[call]
        runner = asterisk.call_of("cora")
        runner.change_profile(load(asterisk.config).book.profiles["work"], frozenset())  # which it covers; so none is asked for
        asterisk.notices[call] = runner.notice
        asterisk.notice("cora", call, "begin")
        asterisk.chooses("cora", call, "1")
        asterisk.notice("cora", call, "end")
        assert runner.recorder.wishes.agreed == {"quality"}
    said = asterisk.announced["cora"]
    asterisk.announced["cora"] = replace(said, consent="agreed:1", heard=(first, *2 * [asterisk.notices[call]]))
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        assert asterisk.call_of("cora").recorder.wishes.agreed == {"quality"}


@pytest.mark.parametrize("policy", ['refuse_key = "4"', "# no refuse key"])
async def test_a_refusal_counts_where_the_policy_has_another_key_for_it_by_now(tmp_path: Path, policy: str) -> None:
    """The notice that plays named 3. Now 3 means nothing."""
    asterisk = Pbx(installed(tmp_path, POLICY))
    async with asterisk.daemon():
        call = asterisk.announced_to("cora", "sales")
        asterisk.joins("cora", "waits")
    asterisk.config.write_text(asterisk.config.read_text().replace('refuse_key = "3"', policy))
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        asterisk.chooses("cora", call, "3", refuses=True)
        runner = asterisk.call_of("cora")
        assert runner.recorder.situation.consent is Consent.REFUSED and runner.memory.consent == "refused"


SAME = "# nothing"
CHANGES = [
    (SAME, SAME, {"complaint", "training"}),
    ('purposes = ["complaint", "training"]', 'purposes = ["complaint", "training", "order"]', {"complaint", "training"}),
    ('trigger = "flag"', 'trigger = "always"', {"training"}),
    ("latest_days = 700", "latest_days = 900", {"training"}),
    ('title = "handling your complaint"', 'title = "your complaint"', {"complaint", "training"}),
    ('reasoning = "Practice on real calls."', 'reasoning = "Practice."', {"complaint", "training"}),
    ('purposes = ["complaint", "training"]', 'purposes = ["training"]', {"training"}),
]


@pytest.mark.parametrize(("was", "by_now", "told"), CHANGES, ids=lambda it: it[:30] if isinstance(it, str) else "")
async def test_a_call_goes_on_for_what_its_notice_said_and_not_for_what_the_policy_says_by_now(
    tmp_path: Path, was: str, by_now: str, told: set[str]
) -> None:
    asterisk = Pbx(installed(tmp_path, SECOND))
    async with asterisk.daemon():
        asterisk.announced_to("cora", "sales")
        asterisk.joins("cora", "waits")
    assert was in asterisk.config.read_text() or was == SAME
    asterisk.config.write_text(asterisk.config.read_text().replace(was, by_now))
    for _ in range(2):
        async with asterisk.daemon():
            await asyncio.sleep(0.02)
            assert asterisk.call_of("cora").recorder.wishes.told() == told


async def test_what_was_asked_for_a_key_still_needs_it(tmp_path: Path) -> None:
    asterisk = Pbx(installed(tmp_path, AGREED))
    async with asterisk.daemon():
        asterisk.announced_to("cora", "work")
        asterisk.joins("cora", "waits")
    silence = asterisk.config.read_text().replace('agree_key = "1"', SAME).replace('basis = "consent"', 'basis = "legitimate-interest"')
    asterisk.config.write_text(silence)
    async with asterisk.daemon():
        await asyncio.sleep(0.02)
        assert asterisk.call_of("cora").recorder.wishes.told() == set()


async def test_what_is_longer_than_a_line_of_agi_is_remembered_over_ari(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer line is no command to Asterisk, and the call would go on unannounced."""
    written = dict[str, str | None]()
    monkeypatch.setattr(CallReminders, "write", lambda _self, channel, value: written.update({channel: value}))
    names = [f"monitoring-of-quality-{number:02}" for number in range(40)]
    one = POLICY[POLICY.index("[purposes.training]") : POLICY.index("[profiles.sales]")]
    policy = POLICY + "".join(one.replace("training]", f"{name}]") for name in names)
    policy = policy.replace('"complaint", "training"]', ", ".join(f'"{name}"' for name in ("complaint", "training", *names)) + "]")
    async with whole_daemon(installed(tmp_path, policy)) as running:
        linked(running)
        caller = Somebody(running)
        (runner,) = caller.supervisor.runners
        assert caller.plan["PRIVACY_STATE"] == "" and caller.plan["PRIVACY_PLAN"] == "announce"
        state = written[caller.channel]
        assert state is not None and caller.supervisor._reminders.read(caller.channel, state) == runner.memory


ALSO_ORDERS = SECOND.replace(
    "[profiles.duty]",
    """[profiles.part]
title = "Part"
language = "nl"
announcement = "notice-optout"
purposes = ["complaint"]
refuse_key = "3"
[profiles.duty]""",
)


async def one_line_unheard(asterisk: Pbx, where: str) -> CallRunner:
    """The sound of the line "orders" is missing; then the caller hears that of the line "part", on `where`, and no other."""
    asterisk.alone |= {"line"} if where != "cora" else set()
    first = "cora" if where == "another call" else where
    call = asterisk.asks(first, "orders")
    if first == "line":
        asterisk.joins("front", "outer")
    asterisk.notice(first, call, "begin")
    if first == "line":
        asterisk.joins("cora", "outer")
    asterisk.tell(ae.NoticeStage(monotonic(), first, call, asterisk.notices[call], "end", False, "FAILED"))
    channel = "line" if where == "another call" else where
    call = asterisk.asks(channel, "part")
    if where == "another call":
        asterisk.joins("front", "outer")
        asterisk.joins("cora", "outer")
    asterisk.notice(channel, call, "begin", "end")
    asterisk.joins("anna", "room")
    asterisk.joins("cora", "room") if where == "cora" else asterisk.joins("line", "room")
    said = (asterisk.notices[call],)
    asterisk.announced = {"cora": Announced("", "notice" if where == "cora" else "none", heard=said if where == "cora" else ())}
    await asyncio.sleep(0.02)
    return asterisk.call_of("cora")


@pytest.mark.parametrize("where", ["cora", "line", "another call"])
async def test_a_line_whose_notice_was_never_heard_counts_for_nothing(tmp_path: Path, where: str) -> None:
    """Neither now, so that it is announced when the call comes there again, nor after a restart. The line that was heard counts still."""
    asterisk = Pbx(installed(tmp_path, ALSO_ORDERS))
    async with asterisk.daemon():
        runner = await one_line_unheard(asterisk, where)
        assert runner.recorder.wishes.told() == {"complaint"}
        assert not runner.covers(load(asterisk.config).book.profiles["orders"])
    for _ in range(2):
        async with asterisk.daemon():
            await asyncio.sleep(0.02)
            recorder = asterisk.call_of("cora").recorder
            assert (recorder.situation.consent, recorder.wishes.told()) == (Consent.HEARD, {"complaint"})


async def test_that_a_second_line_was_heard_is_written_down_at_once(tmp_path: Path) -> None:
    """Nobody knows when the daemon dies."""
    asterisk = Pbx(installed(tmp_path, ALSO_ORDERS))
    async with asterisk.daemon():
        written = list[Memory | None]()
        call = asterisk.announced_to("cora", "part")
        runner = asterisk.call_of("cora")
        runner._tools = replace(runner._tools, remember=lambda _channel, memory: written.append(memory))
        assert asterisk.asks("cora", "orders") == call
        asterisk.notice("cora", call, "begin", "end")
        assert written[-1] is not None and written[-1].profiles == ("part", "orders")
