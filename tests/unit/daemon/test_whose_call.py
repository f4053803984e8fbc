"""Whose call an agent's key is about: that in which the agent's channel is, or was last. No event says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk.ari import Reading
from asterisk_privacy.call import pbx
from asterisk_privacy.call.situation import Hush
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.report import Running


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with whole_daemon(installed(tmp_path)) as made:
        linked(made)
        yield made


def hush(somebody: Somebody) -> Hush:
    return next(r.recorder.situation.hush for r in somebody.supervisor.runners if r.channel == somebody.channel)


def talking(running: Running) -> Somebody:
    somebody = Somebody(running)
    somebody.talks()
    return somebody


async def test_in_a_conversation_it_is_that_one(running: Running) -> None:
    one, other = talking(running), talking(running)
    one.presses("off")
    assert (hush(one), hush(other)) == (Hush.OFF_RECORD, Hush.NONE)


async def test_in_a_consultation_it_is_the_one_before(running: Running) -> None:
    one = talking(running)
    one.tell(pbx.Left(monotonic(), f"b{one.channel}", f"{one.channel}-a"))
    one.presses("off")
    assert hush(one) is Hush.OFF_RECORD


async def test_who_was_in_no_conversation_ends_none(running: Running) -> None:
    one = talking(running)
    one.tell(pbx.ChannelSeen(monotonic(), "8.1", "PJSIP/agent-00000008", True))
    one.tell(ae.AgentPressed(monotonic(), "8.1", "PJSIP/agent-00000008", "off"))
    assert hush(one) is Hush.NONE
    assert running.service.health.alarms == {Alarm.UNKNOWN_CALL: 1}


async def test_the_customer_ends_nothing_either(running: Running) -> None:
    one = talking(running)
    one.tell(ae.AgentPressed(monotonic(), one.channel, "PJSIP/trunk-00000001", "off"))
    assert hush(one) is Hush.NONE


async def test_the_idle_phone_is_known_by_its_channel(running: Running) -> None:
    one = talking(running)
    one.ends()
    one.tell(ae.AgentPressed(monotonic(), "8.1", "PJSIP/somebody-00000008", "keep-last"))
    assert running.service.health.tally.keys["keep"] == 0
    one.tell(ae.AgentPressed(monotonic(), "8.2", f"PJSIP/{one.agent}-00000009", "keep-last"))
    assert running.service.health.tally.keys["keep"] == 1


async def test_nobody_is_remembered_longer_than_his_channel(running: Running) -> None:
    one, other = talking(running), talking(running)
    one.ends()
    assert set(running.service.supervisor._conversations.last_calls._before) == {f"{other.channel}-a"}
    running.service.supervisor.link_up(Reading(monotonic(), (), (), frozenset()))
    assert running.service.supervisor._conversations.last_calls._before == {}
