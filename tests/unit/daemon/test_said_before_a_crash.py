"""What a customer said reaches the calls that are over, also where the daemon dies before it came to it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from between_daemons import ALWAYS, BOTH, Pbx
from test_voices_taken_up import kept_before, presses, two_customers
from whole_daemon import POLICY, installed

from asterisk_privacy.asterisk.ari import Announced
from asterisk_privacy.call import events as ev
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State


def says(asterisk: Pbx, what: str) -> None:
    bea = asterisk.call_of("bea")
    if what == "refuses":
        asterisk.chooses("bea", bea.call_id, "3")
        asterisk.announced["bea"] = Announced("", "refused")
    else:
        presses(bea, ev.AgentKey.OFF_RECORD if what == "off" else ev.AgentKey.OBJECT)


def objections(asterisk: Pbx, call_id: str) -> int:
    with closing(Registry.open(asterisk.config.parent / "registry.sqlite")) as registry:
        call = registry.call(call_id)
    assert call is not None
    return sum(note.kind == "objected" for note in call.consent)


@pytest.mark.parametrize("what", ["refuses", "off", "objects"])
async def test_the_next_daemon_does_it(tmp_path: Path, what: str) -> None:
    asterisk = Pbx(installed(tmp_path, POLICY + ALWAYS + BOTH, '[keys]\ngrace_seconds = 1\nobjection_purpose = "proof"\n'))
    async with asterisk.daemon():
        await two_customers(asterisk, "both")
        call = asterisk.call_of("cora").call_id
    asterisk.bridges["room"].discard("cora")
    del asterisk.announced["cora"]
    recording = kept_before(asterisk, call)
    async with asterisk.daemon() as running:
        await asyncio.sleep(0.05)
        running.service.supervisor._jobs.next = lambda job: None  # type: ignore[method-assign]  # it dies before
        says(asterisk, what)
    assert [row.state for row in asterisk.rows() if row.id == recording] == [State.SEALED]
    for _ in range(2):  # the second has nothing left to do
        async with asterisk.daemon() as running:
            await asyncio.sleep(0.05)
            await running.service.supervisor._jobs.finished()
            left = asterisk.call_of("bea").memory.heard_in
        assert [row.state for row in asterisk.rows() if row.id == recording] == [State.PURGED]
        assert left == (frozenset({call}) if what == "objects" else frozenset())
    assert objections(asterisk, call) == (what == "objects")
