"""Calls that were to be kept and in which nothing was said: no file, and no row of a recording of 0.00 s. Only Asterisk is made up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stage import TIMING, Stage

from asterisk_privacy.audio.ring import Ring
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.participants import PartyRole, Person
from asterisk_privacy.call.timeline import SpanKind
from asterisk_privacy.daemon.call_tools import Tools
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.daemon.tally import RecordingOutcome
from asterisk_privacy.policy.purpose import Basis, Profile, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.rows import CallRow, State

ALWAYS = Purpose("proof", "p", Basis.CONTRACT, "r", Trigger.ALWAYS, Days(30))
MARKED = replace(ALWAYS, trigger=Trigger.MARKED)
FLAG = Purpose("complaint", "c", Basis.LEGITIMATE_INTEREST, "r", Trigger.FLAG, Days(30))


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def closed(stage: Stage) -> Iterator[None]:
    yield
    stage.ledger.close()


async def call_without_a_word(stage: Stage, purposes: tuple[Purpose, ...], seconds: float, keys: dict[float, ev.AgentKey]) -> CallRow:
    """Conversation of `seconds`, in which no frame comes from either microphone. `keys`: pressed so long after it began."""
    tools = Tools(
        stage, stage, stage.vault, stage.ledger, stage.health, lambda: Ring(600, stage.memory), lambda: stage.now, TIMING, 60.0,  # type: ignore[arg-type]
        remember=lambda _channel, _memory: None,
    )  # fmt: skip
    runner = CallRunner("caller", Profile("line", "Line", "nl", "notice", purposes, None), frozenset(), tools, lambda _runner: None)
    began = stage.now = runner.began_at
    stage.ledger.post(lambda r: r.begin_call(runner.call_id, "line", datetime.now(UTC), None, None, "in"))
    runner.receive(ev.NoticeBegun(began))
    runner.receive(ev.NoticeEnded(began + 0.1, True))
    runner.talks_with(frozenset({Person(PartyRole.AGENT, "PJSIP/anna")}), began + 0.2)
    runner.receive(ev.Surroundings(began + 0.2, frozenset({"anna"})))
    hung_up = began + 0.2 + seconds
    for after, key in keys.items():
        if after < seconds:
            runner.receive(ev.KeyPressed(began + 0.2 + after, key, "anna"))
    runner.receive(ev.HungUp(hung_up))
    stage.now = began + 60
    runner.receive(ev.Tick(hung_up + TIMING.quarantine))
    await runner.finished()
    for after, key in keys.items():
        if after >= seconds:
            runner.receive(ev.KeyPressed(began + 0.2 + after, key, "anna"))
    runner.receive(ev.Tick(hung_up + TIMING.quarantine + TIMING.grace))
    await runner.finished()
    await stage.ledger.drained()
    row = stage.registry.call(runner.call_id)
    assert row is not None
    return row


@pytest.mark.parametrize(("purposes", "keys"), [
    ((ALWAYS,), {}),
    ((ALWAYS, FLAG), {0.4: ev.AgentKey.KEEP}),
    ((FLAG,), {0.02: ev.AgentKey.KEEP}),
    ((MARKED,), {0.01: ev.AgentKey.FROM, 0.03: ev.AgentKey.TO}),
    ((ALWAYS,), {0.4: ev.AgentKey.OFF_RECORD}),
], ids=["always", "kept in the grace time", "kept by the key", "marked", "wiped after it"])  # fmt: skip
async def test_no_recording_of_nothing(stage: Stage, purposes: tuple[Purpose, ...], keys: dict[float, ev.AgentKey]) -> None:
    call = await call_without_a_word(stage, purposes, 0.04, keys)
    assert list(stage.vault.sealed()) == [] and stage.vault.unfinished() == []
    assert all(row.state is State.ERASED for row in stage.registry.recordings()), "the row says that there is none"
    assert call.outcome == "not-kept"
    assert purposes == (MARKED,) or SpanKind.TALK not in [span.kind for span in call.spans]
    assert not stage.health.alarms, "it needs nobody"


async def test_the_trail_says_what_was(stage: Stage) -> None:
    await call_without_a_word(stage, (ALWAYS,), 0.04, {})
    [row] = stage.registry.recordings()
    details = {entry.action: entry.detail for entry in stage.registry.audit_entries(None) if entry.subject == row.id}
    assert details["recording.erase"]["reason"] == "nothing was heard in it" and "recording.seal" not in details
    assert stage.health.tally.recordings == {("proof", RecordingOutcome.EMPTY): 1}


async def test_a_longer_call_of_which_nothing_came_is_told(stage: Stage) -> None:
    call = await call_without_a_word(stage, (ALWAYS,), 5.0, {})
    assert stage.health.alarms == {Alarm.KEPT_NOTHING: 1}
    assert call.outcome == "not-kept" and [span.kind for span in call.spans if span.end_ms - span.start_ms > 1000] == [SpanKind.LOST]
