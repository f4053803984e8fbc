"""Holds of which Asterisk's events say too little, or something wrong: nothing passes as talk before Asterisk has confirmed it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from time import monotonic
from typing import cast

import pytest

from asterisk_privacy.asterisk import hold_check
from asterisk_privacy.asterisk.ari import Ari, AriRefused, AriUnreachable, Reading
from asterisk_privacy.asterisk.ari_snapshots import Channel
from asterisk_privacy.asterisk.hold_check import HoldCheck
from asterisk_privacy.call import pbx
from asterisk_privacy.call.pbx import ChannelGone, ChannelSeen, Held, HoldsHidden, HoldsTold, Unheld
from asterisk_privacy.call.switchboard import Switchboard

Told = list[pbx.PbxEvent]
Until = Callable[[int], Awaitable[None]]
AGENT = ChannelSeen(1.0, "a", "PJSIP/floor-2-anna-0000000a", True)


class Answers:
    """In place of Ari: what Asterisk answers, by path; an error is raised. `wait`: until then it says nothing."""

    def __init__(self) -> None:
        self.config: dict[str, Mapping[str, str] | bytes | Exception] = {}
        self.holds: list[str | Exception | None] = []
        self.asked: list[str] = []
        self.wait = asyncio.Event()
        self.wait.set()

    async def request(self, _method: str, path: str) -> bytes:
        self.asked.append(path)
        found = self.config.get(path.rpartition("/")[2], {})
        await self.wait.wait()
        if isinstance(found, Exception):
            raise found
        if isinstance(found, bytes):
            return found
        options = ",".join(f'{{"attribute":"{key}","value":"{value}"}}' for key, value in found.items())
        return f"[{options}]".encode()

    async def variable(self, channel: str, name: str) -> str | None:
        assert name == "CHANNEL(rtp,hold)"
        self.asked.append(channel)
        await self.wait.wait()
        found = self.holds.pop(0) if len(self.holds) > 1 else self.holds[0]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def told() -> list[pbx.PbxEvent]:
    return []


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
async def check(answers: Answers, told: Told, alarms: list[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HoldCheck]:
    monkeypatch.setattr(hold_check, "ASKED_AGAIN_SECONDS", 0.01)
    made = HoldCheck(cast("Ari", answers), told.append, alarms.append)
    yield made
    made.disconnected()


@pytest.fixture
def until(told: Told) -> Callable[[int], Awaitable[None]]:
    async def enough(count: int) -> None:
        async with asyncio.timeout(5):
            while len(told) < count:
                await asyncio.sleep(0.002)

    return enough


def tells(event: pbx.PbxEvent, since: float) -> None:
    """Dated when it was known, not when the channel appeared: what was shut until then was shut."""
    assert isinstance(event, HoldsTold) and event.channel == "a" and since <= event.at <= monotonic()


async def test_a_channel_counts_as_hidden_until_asterisk_has_answered(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    answers.wait.clear()
    before = monotonic()
    assert check.takes(AGENT) is False, "the channel itself is told as ever"
    assert told == [HoldsHidden(1.0, "a", certain=False)]
    await asyncio.sleep(0.03)
    assert len(told) == 1
    answers.wait.set()
    await until(2)
    tells(told[1], since=before)
    assert answers.asked == ["asterisk/config/dynamic/res_pjsip/endpoint/floor-2-anna"]


@pytest.mark.parametrize("value", ["true", "yes"])
async def test_an_endpoint_that_hides_its_holds(check: HoldCheck, answers: Answers, told: Told, until: Until, value: str) -> None:
    answers.config["floor-2-anna"] = {"direct_media": "false", "suppress_moh_on_sendonly": value}
    check.takes(AGENT)
    await until(2)
    assert told[1] == HoldsHidden(1.0, "a", certain=True)


async def test_an_endpoint_that_asterisk_does_not_know_may_be_anything(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    answers.config["floor-2-anna"] = AriRefused(404, "x")
    check.takes(AGENT)
    await until(2)
    assert told[1] == HoldsHidden(1.0, "a", certain=True)


async def test_asterisk_is_asked_until_it_answers(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    answers.config["floor-2-anna"] = AriUnreachable("busy")
    check.takes(AGENT)
    await asyncio.sleep(0.05)
    assert len(told) == 1 and len(answers.asked) > 1
    answers.config.clear()
    before = monotonic()
    await until(2)
    tells(told[1], since=before)


async def test_many_channels_of_an_endpoint_are_one_question(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    for n in range(50):
        check.takes(ChannelSeen(1.0, f"t{n}", f"PJSIP/trunk-{n:08x}", False))
    await until(100)
    assert len(answers.asked) == 1


async def test_only_phones_are_asked_about(check: HoldCheck, answers: Answers, told: Told) -> None:
    for name in ("Local/100@queue-0001;1", "Snoop/1-2", "DAHDI/1-1", "Announcer/x"):
        check.takes(ChannelSeen(1.0, name, name, True))
        assert check.takes(Unheld(2.0, name)) is False
    await asyncio.sleep(0.01)
    assert told == [] and answers.asked == []


async def test_after_a_new_connection_all_are_asked_anew(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    check.takes(AGENT)
    await until(2)
    check.disconnected()
    answers.config["floor-2-anna"] = {"suppress_moh_on_sendonly": "true"}
    check.connected(Reading(5.0, (Channel("a", AGENT.name, "Up"),), (), frozenset(), frozenset(), {}, {}))
    await until(4)
    assert told[2:] == [HoldsHidden(5.0, "a", certain=False), HoldsHidden(5.0, "a", certain=True)]


async def test_an_unhold_is_told_with_its_own_time_once_asterisk_confirms_it(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    check.takes(AGENT)
    await until(2)
    answers.holds = ["0"]
    assert check.takes(Unheld(3.0, "a")) is True
    assert len(told) == 2
    await until(3)
    assert told[2] == Unheld(3.0, "a")


async def test_an_unhold_of_a_phone_that_holds_on_is_told_when_it_does_no_more(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    check.takes(AGENT)
    await until(2)
    answers.holds = ["1", AriUnreachable("busy"), "1", "0"]
    before = asyncio.get_running_loop().time()
    check.takes(Unheld(3.0, "a"))
    await until(3)
    (event,) = told[2:]
    assert isinstance(event, Unheld) and event.at >= before, "not since the time at which Asterisk was wrong"


async def test_of_a_channel_that_is_gone_nothing_more_is_told(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    check.takes(AGENT)
    await until(2)
    answers.holds = ["1"]
    check.takes(Unheld(3.0, "a"))
    check.takes(ChannelGone(4.0, "a"))
    answers.holds = ["0"]
    await asyncio.sleep(0.05)
    assert len(told) == 2


async def test_a_channel_that_a_pick_up_gave_to_another_phone_is_asked_about(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    answers.config["ben"] = {"suppress_moh_on_sendonly": "yes"}
    check.takes(AGENT)
    await until(2)
    check.takes(ChannelSeen(2.0, "a", "PJSIP/ben-0000000b", True))
    await until(4)
    assert told[2:] == [HoldsHidden(2.0, "a", certain=False), HoldsHidden(2.0, "a", certain=True)]


async def test_the_answer_about_the_phone_that_rang_is_not_the_one_about_who_picked_up(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    answers.config["ben"] = {"suppress_moh_on_sendonly": "yes"}
    answers.wait.clear()
    check.takes(AGENT)
    await asyncio.sleep(0.01)
    check.takes(ChannelSeen(2.0, "a", "PJSIP/ben-0000000b", True))
    answers.wait.set()
    await until(3)
    await asyncio.sleep(0.02)
    hidden = [HoldsHidden(1.0, "a", certain=False), HoldsHidden(2.0, "a", certain=False), HoldsHidden(2.0, "a", certain=True)]
    assert told == hidden


async def test_an_old_name_that_comes_late_is_not_who_picked_up(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    answers.config["ben"] = {"suppress_moh_on_sendonly": "yes"}
    check.takes(AGENT)
    await until(2)
    check.takes(ChannelSeen(2.0, "a", "PJSIP/ben-0000000b", True))
    check.takes(AGENT)  # a list of channels that was asked for before
    await until(4)
    await asyncio.sleep(0.02)
    assert told[2:] == [HoldsHidden(2.0, "a", certain=False), HoldsHidden(2.0, "a", certain=True)]


async def test_of_a_name_that_came_back_the_latest_counts(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    answers.config["floor-2-anna"] = {"suppress_moh_on_sendonly": "yes"}
    answers.wait.clear()
    for at, name in ((1.0, AGENT.name), (2.0, "PJSIP/ben-0000000b"), (2.5, "PJSIP/ben-0000000b"), (3.0, AGENT.name), (1.0, AGENT.name)):
        check.takes(ChannelSeen(at, "a", name, True))
        await asyncio.sleep(0.01)
    answers.wait.set()
    await until(4)
    await asyncio.sleep(0.02)
    assert told == [*(HoldsHidden(at, "a", certain=False) for at in (1.0, 2.0, 3.0)), HoldsHidden(3.0, "a", certain=True)]


async def test_an_answer_over_the_link_before_says_nothing_about_this_one(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    """Asterisk was started anew, with other options."""
    answers.wait.clear()
    check.takes(AGENT)
    await asyncio.sleep(0.01)
    answers.config["floor-2-anna"] = {"suppress_moh_on_sendonly": "yes"}
    check.connected(Reading(5.0, (Channel("a", AGENT.name, "Up"),), (), frozenset(), frozenset(), {}, {}))
    await asyncio.sleep(0.01)
    answers.wait.set()
    await until(3)
    assert told[1:] == [HoldsHidden(5.0, "a", certain=False), HoldsHidden(5.0, "a", certain=True)]


async def test_an_answer_from_before_a_new_hold_does_not_undo_it(check: HoldCheck, answers: Answers, told: Told, until: Until) -> None:
    check.takes(AGENT)
    await until(2)
    answers.holds = ["1"]
    check.takes(Unheld(3.0, "a"))
    await asyncio.sleep(0.03)
    asked = len(answers.asked)
    answers.wait.clear()
    answers.holds = ["0"]
    while len(answers.asked) == asked:
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.02)
    board, held = Switchboard(), Held(monotonic(), "a")
    board.apply(held)
    assert check.takes(held) is False
    await asyncio.sleep(0.02)
    answers.wait.set()
    await until(3)
    board.apply(told[2])
    assert board.holds("a")


async def test_an_answer_from_before_a_second_unhold_does_not_confirm_it(
    check: HoldCheck, answers: Answers, told: Told, until: Until
) -> None:
    check.takes(AGENT)
    await until(2)
    answers.wait.clear()
    answers.holds = ["0", "1"]
    check.takes(Unheld(3.0, "a"))
    await asyncio.sleep(0.01)
    check.takes(Held(3.1, "a"))
    check.takes(Unheld(3.2, "a"))
    answers.wait.set()
    await asyncio.sleep(0.05)
    assert len(told) == 2, "the phone held again, and this unhold is none"


@pytest.mark.parametrize("body", [b"{}", b"no JSON", b'[{"attribute":1}]', b'"\xff"'])
async def test_an_answer_that_cannot_be_read_is_none(check: HoldCheck, answers: Answers, told: Told, until: Until, body: bytes) -> None:
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: caught.append(context))
    answers.config["floor-2-anna"] = body
    check.takes(AGENT)
    await asyncio.sleep(0.03)
    assert len(told) == 1 and caught == []
    answers.config.clear()
    before = monotonic()
    await until(2)
    tells(told[1], since=before)


async def test_a_question_that_fails_after_the_link_was_lost_is_no_mistake_of_ours(check: HoldCheck, answers: Answers, told: Told) -> None:
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: caught.append(context))
    answers.config["floor-2-anna"] = AriUnreachable("gone")
    answers.wait.clear()
    check.takes(AGENT)
    await asyncio.sleep(0.01)
    check.disconnected()
    await asyncio.sleep(0.01)
    answers.wait.set()
    await asyncio.sleep(0.02)
    gc.collect()
    assert caught == [] and len(told) == 1


async def test_an_endpoint_that_is_refused_for_ever_is_asked_less_often_and_a_person_told(
    check: HoldCheck, answers: Answers, told: Told, alarms: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hold_check, "ALARM_SECONDS", 0.1, raising=False)
    answers.config["floor-2-anna"] = AriRefused(500, "GET asterisk")
    for channel in ("a", "b"):
        check.takes(ChannelSeen(1.0, channel, f"PJSIP/floor-2-anna-0000000{channel}", True))
    await asyncio.sleep(0.05)
    assert alarms == []
    await asyncio.sleep(0.6)
    assert 3 <= len(answers.asked) <= 16, "not each 10 ms"
    (words,) = alarms
    assert "HTTP 500" in words and "anna" not in words, "the log names no phone"
    assert len(told) == 2
