"""What a caller chooses while the link to Asterisk is down is obeyed when it is back: his channel remembers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest
from whole_daemon import POLICY, Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk.ari import Announced, Reading
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.recorder import Recorder
from asterisk_privacy.call.situation import Consent, Life
from asterisk_privacy.daemon.report import Running

SECOND = (
    POLICY
    + """
[purposes.order]
title = "your order"
basis = "contract"
reasoning = "An order by telephone."
trigger = "always"
retention = { until = "days", latest_days = 30 }
[profiles.orders]
title = "Orders"
language = "nl"
announcement = "notice-optout"
purposes = ["order"]
refuse_key = "4"
[profiles.duty]
title = "Duty"
language = "nl"
announcement = "notice-optout"
purposes = ["order"]
"""
)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with whole_daemon(installed(tmp_path, SECOND)) as made:
        linked(made)
        yield made


async def back_with(running: Running, caller: Somebody, consent: str, heard: tuple[str, ...] | None = None) -> Recorder:
    """The link is lost, and read again: the caller's channel now says `consent`, and that the call's first announcement was heard, or those
    that are named."""
    supervisor = running.service.supervisor
    supervisor.link_down("planted")
    await asyncio.sleep(0)
    there = snap.Channel(caller.channel, f"PJSIP/trunk-{caller.channel}", "Up")
    said = Announced("sealed", consent, heard=(caller.plan["PRIVACY_NOTICE_ID"],) if heard is None else heard)
    supervisor.link_up(Reading(monotonic(), (there,), (), frozenset(), announced={caller.channel: said}))
    await asyncio.sleep(0)
    (runner,) = supervisor.runners
    return runner.recorder


async def test_a_refusal_that_nobody_heard(running: Running) -> None:
    recorder = await back_with(running, Somebody(running), "refused")
    assert recorder.situation.consent is Consent.REFUSED


async def test_a_refusal_in_the_notice_of_the_second_line_wipes_what_the_first_allowed(running: Running) -> None:
    caller = Somebody(running)
    caller.talks()
    assert caller.asks("orders")["PRIVACY_PLAN"] == "announce"
    recorder = await back_with(running, caller, "refused")
    assert recorder.situation.consent is Consent.REFUSED


async def test_a_refusal_of_which_the_line_is_not_known_is_one_that_no_agent_takes_back(running: Running) -> None:
    caller = Somebody(running)
    caller.talks()
    caller.asks("duty")  # which has no refuse key
    recorder = await back_with(running, caller, "refused")
    recorder.receive(ev.KeyPressed(monotonic(), ev.AgentKey.RESUME, ""))
    assert recorder.situation.consent is Consent.REFUSED
    [call] = [await running.service.supervisor._tools.ledger.ask(lambda r: r.call(caller.plan["PRIVACY_CALL"]))]
    assert call is not None and [note.key for note in call.consent if note.kind == "refused"] == [None]


async def test_a_notice_of_which_the_end_was_not_heard(running: Running) -> None:
    recorder = await back_with(running, Somebody(running), "notice")
    assert (recorder.situation.life, recorder.situation.consent) == (Life.LIVE, Consent.HEARD)


@pytest.mark.parametrize("consent", ["notice", "agreed:1"])
async def test_what_was_heard_of_another_line_before_is_not_heard_of_this_one(running: Running, consent: str) -> None:
    """PRIVACY_CONSENT stands for the whole call: here for a line of another company, or of a recorder that is gone."""
    recorder = await back_with(running, Somebody(running), consent, ("5f0e8d3c9a7b6124",))
    assert (recorder.situation.life, recorder.situation.consent) == (Life.EXPECTED, Consent.UNASKED)


async def test_a_notice_that_still_plays(running: Running) -> None:
    caller = Somebody(running)
    caller.tell(ae.NoticeStage(monotonic(), caller.channel, caller.plan["PRIVACY_CALL"], caller.plan["PRIVACY_NOTICE_ID"], "begin", False))
    recorder = await back_with(running, caller, "none")
    assert (recorder.situation.life, recorder.situation.consent) == (Life.NOTICE, Consent.UNASKED)


async def test_the_second_lines_notice_is_not_taken_for_heard(running: Running) -> None:
    """PRIVACY_CONSENT still says that the first was."""
    caller = Somebody(running)
    caller.talks()
    plan = caller.asks("orders")
    caller.tell(ae.NoticeStage(monotonic(), caller.channel, plan["PRIVACY_CALL"], plan["PRIVACY_NOTICE_ID"], "begin", False))
    recorder = await back_with(running, caller, "notice")
    assert recorder.situation.life is Life.NOTICE


async def test_a_key_in_another_recorders_notice_agrees_to_nothing_of_the_one_that_was_heard_since(tmp_path: Path) -> None:
    """Here the caller pressed nothing, so that PRIVACY_CONSENT is what it was."""
    policy = POLICY.replace('trigger = "flag"', 'trigger = "flag"\nagree_key = "1"')
    async with whole_daemon(installed(tmp_path, policy)) as running:
        linked(running)
        caller = Somebody(running)
        notice = caller.plan["PRIVACY_NOTICE_ID"]
        recorder = await back_with(running, caller, "agreed:1", ("5f0e8d3c9a7b6124", "5f0e8d3c9a7b6124", notice))
        assert recorder.situation.consent is Consent.HEARD and recorder.wishes.agreed == frozenset()
