"""A call that is passed on is the call of all who took part: rows, draws and the next daemon know each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import monotonic

import pytest
from stage import Stage
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.call import pbx
from asterisk_privacy.call.participants import Participant
from asterisk_privacy.daemon.aftermath import settle_after_crash
from asterisk_privacy.daemon.purging import Rules, to_item
from asterisk_privacy.policy.evaluations import Calendar
from asterisk_privacy.policy.purpose import Basis, Period, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.campaigns import Designation
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow

BY_QUOTA = Purpose("training", "t", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, Days(35), quota=Quota(1, Period.MONTH))
COMPLAINT = Purpose("complaint", "c", Basis.LEGITIMATE_INTEREST, "r", Trigger.FLAG, Days(30))
FAULT = Purpose("fault", "f", Basis.LEGITIMATE_INTEREST, "r", Trigger.CAMPAIGN, Days(30))
ALWAYS = Purpose("order", "o", Basis.CONTRACT, "r", Trigger.ALWAYS, Days(30))


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def closed(stage: Stage) -> Iterator[None]:
    yield
    stage.ledger.close()


class PassedOn(Somebody):
    """Its agent puts the customer through to another: first asks the colleague, then leaves the two together."""

    def to(self, colleague: str) -> None:
        now, theirs, bridge = monotonic(), f"{self.channel}-{colleague}", f"b{self.channel}"
        self.tell(pbx.ChannelSeen(now, theirs, f"PJSIP/{colleague}-0002", True))
        self.tell(pbx.Left(now, bridge, f"{self.channel}-a"))
        self.tell(pbx.Entered(now, bridge, theirs))


async def test_both_stand_in_the_row_with_when_they_spoke(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()  # the stage has the folder above
    async with whole_daemon(installed(tmp_path / "whole")) as running:
        linked(running)
        caller = PassedOn(running)
        caller.talks()
        caller.presses("keep")
        caller.holds()
        caller.to("bert")
        [runner] = running.service.supervisor.runners
        assert runner.agents == (f"PJSIP/{caller.agent}", "PJSIP/bert")
        await running.service.supervisor._tools.ledger.drained()
        registry = running.service.supervisor._tools.ledger._registry
        [row] = registry.recordings(call_id=caller.plan["PRIVACY_CALL"])
        (first, second) = row.participants
        assert first.person.endpoint == f"PJSIP/{caller.agent}" and second.person.endpoint == "PJSIP/bert"
        assert first.from_ms is not None and first.to_ms is not None and second.from_ms is not None and second.to_ms is None
        assert first.from_ms <= first.to_ms <= second.from_ms
        for asked in (caller.agent, "PJSIP/bert"):
            assert [one.id for one in registry.recordings_of(agent=asked)] == [row.id]


async def test_the_next_daemon_knows_who_spoke_before(stage: Stage, tmp_path: Path) -> None:
    """Killed in the middle: what went on lasted as long as anything is known of the call."""
    await stage.call((ALWAYS,), {}, stop_at=100, passed_on={50: "bert"})
    await stage.ledger.drained()
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        (left,) = settle_after_crash(registry, stage.vault, keep=True).calls
    assert left.row.participants == (Participant.agent("PJSIP/anna", 200, 1200), Participant.agent("PJSIP/bert", 1200))
    (anna, bert) = left.people
    assert anna == left.row.participants[0] and bert.to_ms is not None and bert.to_ms >= 1200


async def test_a_quota_draws_for_whoever_takes_the_call_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anna's place is taken and her second call is not drawn; Bert, to whom that one is passed on, has none yet. What is kept begins with
    him: until then nothing wanted the call, and nothing of it is left."""
    monkeypatch.setattr("secrets.randbelow", lambda n: n - 1)
    first = await stage.call((BY_QUOTA,), {})
    second = await stage.call((BY_QUOTA,), {}, passed_on={75: "bert"})
    [kept] = stage.rows(first).values()
    [passed] = stage.rows(second).values()
    assert [p.name for p in kept.purposes] == [p.name for p in passed.purposes] == ["training"]
    frames = stage.heard(passed)
    assert abs(frames[0] - 75) < 6 and 70 < len(frames) <= 75, "of Anna's part nothing is kept"
    assert passed.agents == ("PJSIP/anna", "PJSIP/bert") and places(stage) == {("PJSIP/anna", kept.id), ("PJSIP/bert", passed.id)}
    assert seen(stage) == {"PJSIP/anna": 2, "PJSIP/bert": 1}


async def test_a_call_that_is_kept_already_counts_for_the_second_agent_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda _n: 0)
    both = await stage.call((BY_QUOTA,), {}, passed_on={75: "bert", 100: "anna"})
    [row] = stage.rows(both).values()
    assert len(stage.heard(row)) > 140 and places(stage) == {("PJSIP/anna", row.id), ("PJSIP/bert", row.id)}
    await stage.call((BY_QUOTA,), {})  # takes Anna's place
    [row] = stage.rows(both).values()
    assert [p.name for p in row.purposes] == ["training"], "it is in Bert's quota"
    await stage.call((BY_QUOTA,), {}, agent="bert")
    [row] = stage.rows(both).values()
    assert row.purposes == () and seen(stage) == {"PJSIP/anna": 2, "PJSIP/bert": 2}


async def test_a_campaign_takes_the_call_that_is_passed_to_its_extension(stage: Stage) -> None:
    now = utc_now()
    stage.registry.open_campaign(Designation("fault", ["bert"], [], (now.replace(year=2020), now.replace(year=2099)), 5, "Telco", "echo"))
    other = await stage.call((FAULT,), {})
    passed = await stage.call((FAULT,), {}, passed_on={75: "bert", 110: "carl"})
    assert stage.rows(other) == {} and len(stage.rows(passed)) == 1 and stage.registry.campaigns()[0].taken == 1
    assert stage.heard(stage.rows(passed)[1])[0] > 70


async def test_the_earliest_evaluation_ends_it(stage: Stage) -> None:
    calendar = Calendar(agents={"PJSIP/anna": [date(2099, 3, 9)], "PJSIP/bert": [date(2099, 2, 3)]})
    runner = await stage.call((COMPLAINT,), {10: "keep"}, passed_on={75: "bert"})
    [row] = stage.rows(runner).values()

    def evaluated(row: RecordingRow) -> date:
        found = to_item(row, Rules(calendar=calendar)).evaluation
        assert found is not None
        return found.date()

    assert evaluated(row) == date(2099, 2, 3)
    assert evaluated(replace(row, participants=row.participants[:1])) == date(2099, 3, 9)
    assert evaluated(replace(row, participants=(Participant.agent("PJSIP/carl"),))).year < 2099


def places(stage: Stage) -> set[tuple[str, str]]:
    return set(stage.registry._engine.db.execute_sql("SELECT agent, recording_id FROM quota_places").fetchall())


def seen(stage: Stage) -> dict[str, int]:
    return dict(stage.registry._engine.db.execute_sql("SELECT agent, seen FROM quota_counts").fetchall())
