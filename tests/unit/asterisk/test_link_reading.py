"""Who holds, as read after a lost link. Real values: CHANNEL(onhold) and CHANNEL(rtp,hold) of Asterisk 22.10.1."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ari_double import ToyAri, channel
from link_story import running, until

from asterisk_privacy.asterisk.ari import Reading

CUSTOMER, AGENT, COLLEAGUE = "c", "a", "b"
ONHOLD, PHONE = "CHANNEL(onhold)", "CHANNEL(rtp,hold)"


async def reading(toy: ToyAri, names: dict[str, str], kind: str = "mixing") -> Reading:
    toy.channels = [channel(number, name) for number, name in names.items()]
    toy.bridges = [{"id": "br", "bridge_type": kind, "channels": list(names)}]
    async with running(toy) as (_link, story, _):
        await until(lambda: bool(story.readings))
        return story.readings[0]


TWO = {CUSTOMER: "PJSIP/customer-0", AGENT: "PJSIP/agent-1"}
THREE = {**TWO, COLLEAGUE: "PJSIP/agent2-2"}


async def test_nobody_holds(toy: ToyAri) -> None:
    got = await reading(toy, TWO)
    assert (got.holding, got.suspects) == (frozenset(), frozenset())


async def test_the_agent_holds(toy: ToyAri) -> None:
    toy.variables = {(CUSTOMER, ONHOLD): "1", (AGENT, PHONE): "1"}
    got = await reading(toy, TWO)
    assert got == replace(got, holding=frozenset({AGENT}), suspects=frozenset())


async def test_who_holds_and_is_in_no_room_yet_holds(toy: ToyAri) -> None:
    """In a queue, say; nothing more is told when the agent answers."""
    toy.variables = {(COLLEAGUE, PHONE): "1"}
    toy.channels = [channel(number, name) for number, name in THREE.items()]
    toy.bridges = [{"id": "br", "bridge_type": "mixing", "channels": list(TWO)}]
    async with running(toy) as (_link, story, _):
        await until(lambda: bool(story.readings))
        assert story.readings[0].holding == {COLLEAGUE}


async def test_a_hold_in_a_conference_is_told_by_the_phone_only(toy: ToyAri) -> None:
    toy.variables = {(AGENT, PHONE): "1"}
    assert (await reading(toy, THREE)).holding == {AGENT}


async def test_told_to_hold_and_nobody_admits_it(toy: ToyAri) -> None:
    """Asterisk's own transfer feature, or a phone of another technology."""
    toy.variables = {(CUSTOMER, ONHOLD): "1"}
    assert (await reading(toy, TWO)).suspects == {AGENT}


@pytest.mark.parametrize("answer", [500, 404, "", "?"])
async def test_a_phone_that_does_not_say(toy: ToyAri, answer: str | int) -> None:
    toy.variables = {(AGENT, PHONE): answer}
    got = await reading(toy, TWO)
    assert got == replace(got, holding=frozenset(), suspects=frozenset({AGENT}))


async def test_other_technologies_are_believed_in_twos_and_suspected_in_threes(toy: ToyAri) -> None:
    assert (await reading(toy, {CUSTOMER: "PJSIP/customer-0", AGENT: "SIP/old-1"})).suspects == frozenset()
    assert (await reading(toy, {**TWO, COLLEAGUE: "SIP/old-1"})).suspects == {COLLEAGUE}


async def test_local_channels_hold_nothing(toy: ToyAri) -> None:
    toy.variables = {("l2", ONHOLD): "1", ("l2", PHONE): 500, (AGENT, PHONE): "1"}
    got = await reading(toy, {"l2": "Local/7702@from-outside-00000000;2", AGENT: "PJSIP/agent-1"})
    assert got == replace(got, holding=frozenset({AGENT}), suspects=frozenset())


async def test_the_last_key_of_each_agent(toy: ToyAri) -> None:
    toy.variables = {(AGENT, "PRIVACY_HUSH"): "pause", (CUSTOMER, "PRIVACY_HUSH"): 404, (COLLEAGUE, "PRIVACY_HUSH"): ""}
    assert (await reading(toy, THREE)).pressed == {AGENT: "pause"}


STAMPS = [("1700000000.250", 1700000000.25), *((said, None) for said in (404, "", "nan", "1e9", "\u0663.000"))]


@pytest.mark.parametrize(("said", "at"), STAMPS)
async def test_and_when_it_was_pressed(toy: ToyAri, said: str | int, at: float | None) -> None:
    """Where an older include is loaded nothing tells."""
    nobody_else = {(CUSTOMER, "PRIVACY_HUSH"): 404, (COLLEAGUE, "PRIVACY_HUSH"): "", (COLLEAGUE, "PRIVACY_HUSH_AT"): "1700000000.250"}
    toy.variables = {(AGENT, "PRIVACY_HUSH"): "off", (AGENT, "PRIVACY_HUSH_AT"): said, **nobody_else}
    got = await reading(toy, THREE)
    assert (got.pressed, got.pressed_at) == ({AGENT: "off"}, {} if at is None else {AGENT: at})


async def test_what_was_chosen_on_half_of_a_local_channel(toy: ToyAri) -> None:
    names = {"l1": "Local/s@group-00000000;1", "l2": "Local/s@group-00000000;2", "snoop": "Snoop/l2-1"}
    toy.variables = {("l2", "PRIVACY_STATE"): "sealed", ("l2", "PRIVACY_CONSENT"): "refused", ("l1", "PRIVACY_STATE"): 404}
    got = await reading(toy, names)
    assert set(got.announced) == {"l2"} and (got.announced["l2"].state, got.announced["l2"].consent) == ("sealed", "refused")


async def test_a_parking_lot_is_not_asked(toy: ToyAri) -> None:
    toy.variables = {(AGENT, PHONE): 500}
    assert (await reading(toy, TWO, "holding")).suspects == frozenset()
