"""Why a party is silent: asked of Asterisk, told to timeline and status, and where needed to a person. Only the answers are made up."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from asterisk_privacy.asterisk.leg_facts import LegFacts
from asterisk_privacy.call.silence import NEEDS_A_PERSON, Why
from asterisk_privacy.daemon import silent_legs
from asterisk_privacy.daemon.health import SILENT, Alarm, Health
from asterisk_privacy.daemon.silent_legs import SilentLegs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silent_legs, "FRESH_SECONDS", 0.02)
    monkeypatch.setattr(silent_legs, "LEAST_SECONDS", 0.01)


class Phone:
    """`rate`: packets a second by which Asterisk's count grows."""

    def __init__(self, rate: float, gated: bool = False) -> None:
        self.rate, self.health = rate, Health()
        self.legs = SilentLegs(self.ask, self.health, lambda _channel: gated)
        self.legs.talk(["a", "b"])

    async def ask(self, _channel: str) -> LegFacts:
        return LegFacts("PJSIP/anna", round(self.rate * 1000 * asyncio.get_running_loop().time()), enciphered=False, decodes=True)

    async def is_silent(self, seconds: float, heard_at_once: bool | None = None) -> None:
        """From 100.0 on. `heard_at_once`: by the tap that was put anew; None: not at all."""
        self.legs.begins("a", 100.0)
        await asyncio.sleep(0.03)
        self.legs.lasts("a", 100.0, 100.0 + seconds)
        await asyncio.sleep(0.005)
        if heard_at_once is not None:
            self.legs.heard("a", heard_at_once)
        await asyncio.sleep(0.1)


async def test_a_mute_is_in_the_timeline_and_in_status_and_needs_nobody() -> None:
    phone = Phone(rate=50)
    await phone.is_silent(1.0)
    assert phone.legs.marks == [(100.0, Why.MUTED)] and not phone.health.alarms
    assert phone.health.silent_legs[Why.MUTED] == {"PJSIP/anna": 1} and not phone.legs.no_hold(["a"])


async def test_a_deaf_hook_is_told_to_a_person() -> None:
    phone = Phone(rate=50)
    await phone.is_silent(1.0, heard_at_once=True)
    assert phone.health.alarms == {Alarm.TAP_BLIND: 1} and phone.legs.marks == [(100.0, Why.BLIND_HOOK)]


async def test_a_mute_that_ends_a_moment_later_is_none() -> None:
    phone = Phone(rate=50)
    await phone.is_silent(1.0, heard_at_once=False)
    assert not phone.health.alarms and phone.legs.marks == [(100.0, Why.MUTED)]


async def test_pauses_are_told_once() -> None:
    phone = Phone(rate=0, gated=True)
    for _ in range(3):
        await phone.is_silent(1.0, heard_at_once=True)
    assert phone.legs.marks == [(100.0, Why.PAUSES)] and not phone.health.alarms


async def test_who_sends_nothing_any_more_is_gone() -> None:
    phone = Phone(rate=0)
    for seconds in (1.0, 3.0, 7.0):
        await phone.is_silent(seconds)
    assert phone.legs.marks == [(100.0, Why.NO_PACKETS)] and not phone.health.alarms and phone.legs.no_hold(["a"])
    for seconds in (15.0, 31.0):
        await phone.is_silent(seconds)
    assert phone.legs.marks[1:] == [(100.0, Why.GONE)] and phone.health.alarms == {Alarm.PARTY_GONE: 1}


async def test_when_nobody_is_heard_and_all_send_no_tap_hears_anything() -> None:
    phone = Phone(rate=50)
    phone.legs.begins("b", 100.0)
    for seconds in (1.0, 3.0, 7.0):
        await phone.is_silent(seconds)
    assert [why for _, why in phone.legs.marks] == [Why.MUTED, Why.BLIND_HOOK] and phone.health.alarms == {Alarm.TAP_BLIND: 1}


async def test_the_reason_counts_until_the_party_is_heard_again() -> None:
    """What is decided a quarantine later is decided after the conversation was interrupted."""
    phone = Phone(rate=0)
    await phone.is_silent(1.0)
    phone.legs.over()
    assert phone.legs.no_hold(["a"]) and not phone.legs.no_hold(["b"])
    phone.legs.heard("a", at_once=False)
    assert not phone.legs.no_hold(["a"])


async def test_a_conversation_that_is_interrupted_meanwhile_tells_nothing() -> None:
    phone = Phone(rate=50)
    phone.legs.begins("a", 100.0)
    phone.legs.lasts("a", 100.0, 101.0)
    phone.legs.over()
    await asyncio.sleep(0.1)
    assert phone.legs.marks == [] and sum(map(Counter.total, phone.health.silent_legs.values())) == 0


def test_what_needs_a_person_has_an_alarm_and_nothing_else() -> None:
    assert SILENT.keys() == NEEDS_A_PERSON
