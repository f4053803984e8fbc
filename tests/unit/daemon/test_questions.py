"""Which question over FastAGI is believed: the one that Asterisk shows being asked, whenever its event comes, and once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from agi_lines import address
from whole_daemon import installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.asterisk import ari_snapshots as snap
from asterisk_privacy.asterisk.ari import Reading
from asterisk_privacy.asterisk.fastagi import AgiAsked, AgiForged, AgiProblem, AgiRequest
from asterisk_privacy.call import pbx
from asterisk_privacy.daemon import questions
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.questions import AgiGhost, Questions

CUSTOMER, LOCAL, CALLEE = "1.1", "1.2", "1.3"
QUERY = f"profile=sales&direction=in&channel={CUSTOMER}"
STEP = snap.Step(CUSTOMER, "privacy-ask", "AGI", address(QUERY), "0612345678")
ASKED = AgiAsked(CUSTOMER, address(QUERY))
OUT = address(f"profile=sales&direction=out&channel={CALLEE}")


class Link:
    def __init__(self, up: bool = True) -> None:
        self.health = Health()
        self.questions = Questions(self.health, 0.2)
        if up:
            self.up()

    def up(self, *channels: snap.Channel) -> None:
        self.questions.link_up(Reading(time.monotonic(), channels, (), frozenset()))

    def tells(self, *events: ae.AriEvent) -> Link:
        for event in events:
            self.questions.pbx_told(event)
        return self

    async def refuses(self, asked: AgiAsked = ASKED, kind: type[AgiProblem] = AgiGhost) -> None:
        with pytest.raises(AgiProblem) as raised:
            await self.questions.believe(asked)
        assert type(raised.value) is kind


async def test_one_that_is_being_asked_is_believed_once() -> None:
    link = Link().tells(STEP)
    assert await link.questions.believe(ASKED) == AgiRequest(
        CUSTOMER, "start", {"profile": "sales", "direction": "in", "channel": CUSTOMER}, "0612345678"
    )
    await link.refuses()
    assert await link.tells(STEP).questions.believe(ASKED), "at the next Gosub it is asked again"


@pytest.mark.parametrize(("late", "kind"), [(0.0, AgiGhost), (3.0, AgiProblem)])
async def test_where_asterisk_tells_everything_late_no_stranger_is_accused(late: float, kind: type[AgiProblem]) -> None:
    """A rush of calls past what the machine can do: none of them is believed, and nobody but Asterisk has asked."""
    link = Link().tells(pbx.ChannelSeen(time.monotonic() - late, "1.7", "PJSIP/a-7", True))
    await link.refuses(kind=kind)
    link.questions.link_down()
    link.up()
    await link.refuses(kind=AgiProblem)  # asked while it was down, perhaps


async def test_the_event_may_come_after_the_question() -> None:
    link = Link().tells(replace(STEP, context="privacy-start", app="Gosub", data="privacy-ask,s,1"))
    waiting = asyncio.create_task(link.questions.believe(ASKED))
    await asyncio.sleep(0.02)
    link.tells(replace(STEP, app="Set", data="TIMEOUT(absolute)=1.5"))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    assert (await asyncio.wait_for(link.tells(STEP) and waiting, 1)).caller == "0612345678"


@pytest.mark.parametrize(
    "step",
    [
        replace(STEP, context="from-outside"),
        replace(STEP, context="privacy-notice"),
        replace(STEP, app="UserEvent"),
        replace(STEP, data=address(f"profile=support&direction=in&channel={CUSTOMER}")),
        replace(STEP, channel="1.9"),
    ],
    ids=["another context", "later", "another application", "another line", "another channel"],
)
async def test_what_asterisk_shows_otherwise_is_not_being_asked(step: snap.Step) -> None:
    await Link().tells(step).refuses()


async def test_who_has_moved_on_does_not_ask_any_more() -> None:
    await Link().tells(STEP, replace(STEP, context="from-outside", app="Dial", data="PJSIP/agent")).refuses()
    await Link().tells(STEP, replace(STEP, app="Set", data="LOCAL(why)=FAILURE")).refuses()


async def test_for_a_called_party_a_channel_of_its_own_asks_while_it_waits() -> None:
    asks = snap.Step(LOCAL, "privacy-ask", "AGI", OUT, "")
    waits = snap.Step(CALLEE, "privacy-outbound", "WaitForCondition", "#,#[...],1.8,0.02", "0201234567")
    request = await Link().tells(waits, asks).questions.believe(AgiAsked(LOCAL, OUT))
    assert (request.channel, request.caller) == (CALLEE, "0201234567")
    await Link().tells(asks).refuses(AgiAsked(LOCAL, OUT))
    await Link().tells(replace(waits, context="from-outside"), asks).refuses(AgiAsked(LOCAL, OUT))


async def test_of_several_recorders_each_is_asked_by_a_channel_of_its_own() -> None:
    asked = address(f"{QUERY}&more=1")
    link = Link().tells(replace(STEP, app="WaitForCondition"))
    for local in ("1.4", "1.5"):
        link.tells(snap.Step(local, "privacy-ask-one", "AGI", asked, "0612345678"))
        assert (await link.questions.believe(AgiAsked(local, asked))).channel == CUSTOMER


async def test_who_hung_up_meanwhile_is_no_ghost() -> None:
    link = Link().tells(STEP, pbx.ChannelGone(1.0, CUSTOMER))
    await link.refuses(kind=AgiProblem)
    waiting = asyncio.create_task(Link.refuses(link, AgiAsked("1.8", address()), AgiProblem))
    await asyncio.sleep(0.02)
    link.tells(pbx.ChannelGone(1.0, "1.8"))
    await asyncio.wait_for(waiting, 0.1)


async def test_where_the_link_began_in_the_middle_of_the_question() -> None:
    link = Link(up=False)
    there = snap.Channel(CUSTOMER, "PJSIP/a-1", "Ring", snap.Dialplan("privacy-ask", "s", "AGI", address(QUERY)), snap.Party("1"))
    link.up(there)
    assert (await link.questions.believe(ASKED)).caller == "1"
    link.up()
    await link.tells().refuses()


async def test_without_a_link_nobody_waits_for_what_cannot_come() -> None:
    """The answer to it is that nothing can be recorded, and it comes at once."""
    link = Link(up=False)
    assert (await link.questions.believe(ASKED)).channel == CUSTOMER
    link.up()
    waiting = asyncio.create_task(link.questions.believe(ASKED))
    await asyncio.sleep(0.02)
    link.questions.link_down()
    assert (await asyncio.wait_for(waiting, 0.1)).channel == CUSTOMER


async def test_a_flood_of_made_up_ones_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_WAITING", 50)
    link = Link()
    flood = [asyncio.create_task(link.refuses(AgiAsked(f"9.{n}", address()))) for n in range(500)]
    await asyncio.sleep(0.02)
    assert len(link.questions._waiting) == 50
    real = asyncio.create_task(link.questions.believe(ASKED))
    await asyncio.sleep(0.02)
    assert (await asyncio.wait_for(link.tells(STEP) and real, 0.1)).channel == CUSTOMER
    await asyncio.gather(*flood)
    assert link.questions._waiting == {} and len(link.questions._steps) == 0


def test_what_strangers_do_is_counted_and_told_without_their_words(caplog: pytest.LogCaptureFixture) -> None:
    link = Link()
    for n in range(3000):
        link.questions.dropped(AgiGhost("Asterisk does not show it being asked") if n % 2 else AgiForged("agi_request twice"))
    link.questions.dropped(AgiProblem("nothing complete within 2 s"))
    assert link.health.alarms == {Alarm.GHOST_CALL: 1500, Alarm.FORGED: 1500}
    assert len(caplog.records) == 2


async def test_nothing_begins_for_a_channel_that_asterisk_does_not_have(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        for n in range(200):
            with pytest.raises(AgiProblem):
                await running.agi._believe(AgiAsked(f"9.{n}", "agi://h/start?profile=sales&profile=sales"))
        assert running.service.supervisor.runners == () and running.service.health.calls_begun == 0
