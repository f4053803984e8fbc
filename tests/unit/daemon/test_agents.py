"""Which endpoints are agents': asked at once, asked again after a while, believed of nobody before that."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import monotonic

import pytest

from asterisk_privacy.asterisk.agent_marks import is_marked, is_named
from asterisk_privacy.asterisk.ari import AriRefused, AriUnreachable
from asterisk_privacy.call.pbx import EndpointRead
from asterisk_privacy.daemon import agents
from asterisk_privacy.daemon.agents import Agents


class Asterisk:
    """What it tells of endpoints' settings."""

    def __init__(self, *marked: str) -> None:
        self.marked = set(marked)
        self.asked: Counter[str] = Counter()
        self.faults: list[Exception] = []
        self.told: list[tuple[str, bool]] = []

    async def ask(self, endpoint: str) -> bool:
        self.asked[endpoint] += 1
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop()
        return endpoint in self.marked

    def made(self, *patterns: str) -> Agents:
        made = Agents(self.ask, patterns)
        made.tell = lambda event: self.told.append((event.endpoint, event.agent))
        return made


async def until(asterisk: Asterisk, count: int) -> None:
    for _ in range(200):
        if len(asterisk.told) >= count:
            return
        await asyncio.sleep(0.01)


async def test_asked_once_and_told() -> None:
    asterisk = Asterisk("PJSIP/anna")
    made = asterisk.made()
    assert made.seen("PJSIP/anna-00000001") is None and made.seen("PJSIP/anna-00000002") is None
    assert made.seen("PJSIP/trunk-00000003") is None and made.seen("Local/1@x-00000001;1") is None
    await until(asterisk, 2)
    assert asterisk.told == [("PJSIP/anna", True), ("PJSIP/trunk", False)] and asterisk.asked == {"PJSIP/anna": 1, "PJSIP/trunk": 1}
    known = made.seen("PJSIP/anna-00000004")
    assert known is not None and known.agent and asterisk.asked["PJSIP/anna"] == 1


async def test_the_next_call_asks_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "FRESH_SECONDS", 0.0)
    asterisk = Asterisk("PJSIP/anna")
    made = asterisk.made()
    made.seen("PJSIP/anna-1")
    await until(asterisk, 1)
    asterisk.marked.clear()
    made.seen("PJSIP/anna-2")
    await until(asterisk, 2)
    assert asterisk.told == [("PJSIP/anna", True), ("PJSIP/anna", False)]


@pytest.mark.parametrize("fault", [AriRefused(500, "GET"), AriUnreachable("timed out"), ValueError("no JSON")])
async def test_of_whom_nothing_can_be_learned_nothing_is_believed(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    monkeypatch.setattr(agents, "RETRIES", (0.01, 0.01))
    asterisk = Asterisk("PJSIP/anna")
    made = asterisk.made()
    asterisk.faults = [fault] * 2
    made.seen("PJSIP/anna-1")
    await until(asterisk, 1)
    assert asterisk.told == [("PJSIP/anna", True)]
    asterisk.faults = [fault] * 3
    made.seen("PJSIP/trunk-1")
    await asyncio.sleep(0.1)
    assert asterisk.told == [("PJSIP/anna", True)]


async def test_the_configuration_names_them_at_once_whatever_their_technology() -> None:
    asterisk = Asterisk()
    made = asterisk.made("PJSIP/1???", "DAHDI/3?")
    for name, agent in (("PJSIP/1001-00000001", True), ("DAHDI/31-1", True)):
        known = made.seen(name)
        assert known is not None and known.agent is agent
    assert made.seen("PJSIP/2001-00000001") is None
    told = made.follow(["PJSIP/2*"], ["PJSIP/1001-1", "PJSIP/2001-1"])
    assert [(e.endpoint, e.agent) for e in told] == [("PJSIP/1001", False), ("PJSIP/2001", True)]
    assert made.follow(["PJSIP/2*"], ["PJSIP/1001-1"]) == []


async def test_a_reading_of_the_state_is_believed_and_asks_what_it_lacks() -> None:
    asterisk = Asterisk("PJSIP/ben")
    made = asterisk.made("SIP/*")
    now = monotonic()
    told = made.read({"PJSIP/anna": True, "PJSIP/trunk": False}, ["PJSIP/anna-1", "PJSIP/trunk-2", "PJSIP/ben-3", "SIP/x-4"], now)
    assert told == [
        EndpointRead(now, "PJSIP/anna", True), EndpointRead(now, "PJSIP/ben", False), EndpointRead(now, "PJSIP/trunk", False),
        EndpointRead(now, "SIP/x", True),
    ]  # fmt: skip
    await until(asterisk, 1)
    assert asterisk.told == [("PJSIP/ben", True)]


@pytest.mark.parametrize(
    ("value", "marked"),
    [("privacykeep#privacyoff", True), ("apprecord#privacykeep", True), ("apprecord", False), ("", False), ("notprivacykeep", False)],
)
def test_marked(value: str, marked: bool) -> None:
    assert is_marked({"DYNAMIC_FEATURES": value}) is marked
    assert not is_marked({"set_var": value})


def test_named() -> None:
    assert is_named("PJSIP/1001", ["PJSIP/1*"]) and is_named("PJSIP/1001", ["SIP/*", "PJSIP/100[0-9]"])
    assert not is_named("PJSIP/2001", ["PJSIP/1*"]) and not is_named("pjsip/1001", ["PJSIP/1*"]) and not is_named("PJSIP/1", [])
