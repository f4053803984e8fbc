"""Calls of which only a part, or only for some purposes, is kept: a real runner, registry and store; only Asterisk is made up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from stage import TIMING, Stage

from asterisk_privacy.daemon.control import Report
from asterisk_privacy.daemon.draining import Draining
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.report import Disk, Running, status_report
from asterisk_privacy.daemon.runner import CallRunner
from asterisk_privacy.policy.purpose import Basis, Period, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.rows import State

SAMPLED = Purpose("training", "t", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, Days(35), one_in=20)
BY_QUOTA = replace(SAMPLED, one_in=None, quota=Quota(1, Period.MONTH))
PROOF = Purpose("proof", "p", Basis.CONTRACT, "r", Trigger.MARKED, Days(30))
COMPLAINT = Purpose("complaint", "c", Basis.LEGITIMATE_INTEREST, "r", Trigger.FLAG, Days(30))


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def closed(stage: Stage) -> Iterator[None]:
    yield
    stage.ledger.close()


def near(frames: list[int], first: int, last: int) -> bool:
    """µ-law tells neighbouring numbers apart only while they are small; the ends and the length are what counts."""
    return abs(frames[0] - first) <= 1 + first // 20 and abs(frames[-1] - last) <= 1 + last // 20 and abs(len(frames) - (last - first)) <= 2


async def test_only_what_is_marked_reaches_the_disk(stage: Stage) -> None:
    runner = await stage.call((PROOF,), {20: "from", 60: "to", 100: "from", 120: "to"})
    [row] = stage.rows(runner).values()
    frames = stage.heard(row)
    assert (row.state, row.marked, [p.name for p in row.purposes]) == (State.SEALED, True, ["proof"])
    assert near(frames[:39], 20, 59) and near(frames[39:], 100, 119)
    assert stage.tones == ["from", "to", "from", "to"]
    assert [s.kind.value for s in row.spans].count("unkept") == 3


async def test_the_whole_call_for_one_purpose_and_its_marked_part_for_another(stage: Stage) -> None:
    runner = await stage.call((PROOF, COMPLAINT), {20: "from", 40: "keep", 60: "to"})
    rows = stage.rows(runner)
    assert {part: (row.marked, [p.name for p in row.purposes]) for part, row in rows.items()} == {
        1: (False, ["complaint"]), 2: (True, ["proof"]),
    }  # fmt: skip
    assert len(stage.heard(rows[1])) >= 148 and near(stage.heard(rows[2]), 20, 59)


async def test_off_the_record_forgets_what_was_marked_before(stage: Stage) -> None:
    runner = await stage.call((PROOF,), {20: "from", 40: "off", 60: "resume", 100: "from", 120: "to"})
    [row] = stage.rows(runner).values()
    assert near(stage.heard(row), 100, 119)


async def test_off_the_record_after_hang_up_takes_both_files(stage: Stage) -> None:
    runner = await stage.call((PROOF, COMPLAINT), {20: "from", 40: "keep", 60: "to", 180: "off"})
    assert [row.state for row in stage.rows(runner).values()] == [State.PURGED, State.PURGED]
    assert list(stage.vault.sealed()) == [] and stage.vault.unfinished() == []


async def test_an_objection_leaves_the_other_purpose(stage: Stage) -> None:
    runner = await stage.call((SAMPLED, COMPLAINT), {40: "keep", 60: "object"}, frozenset({"training"}))
    [row] = stage.rows(runner).values()
    assert (row.state, [p.name for p in row.purposes]) == (State.SEALED, ["complaint"])
    call = stage.registry.call(runner.call_id)
    assert call is not None and [(c.kind.value, c.detail) for c in call.consent][-1] == ("objected", "training")
    assert "objected" in [m.kind.value for m in call.marks]


async def test_an_objection_that_leaves_no_purpose_erases_and_the_rest_can_be_kept(stage: Stage) -> None:
    runner = await stage.call((SAMPLED, COMPLAINT), {60: "object", 100: "keep"}, frozenset({"training"}))
    rows = stage.rows(runner)
    assert (rows[1].state, rows[2].state) == (State.ERASED, State.SEALED)
    assert near(stage.heard(rows[2]), 60, 149)


async def test_what_waited_from_before_the_objection_is_not_in_the_next_file(stage: Stage) -> None:
    """The agent keeps the rest at once, while the last words before the objection are still in quarantine."""
    runner = await stage.call((SAMPLED, COMPLAINT), {60: "object", 63: "keep"}, frozenset({"training"}))
    assert near(stage.heard(stage.rows(runner)[2]), 60, 149)


async def test_an_objection_after_the_recording_was_sealed_destroys_it_with_evidence(stage: Stage) -> None:
    runner = await stage.call((SAMPLED, COMPLAINT), {180: "object"}, frozenset({"training"}))
    [row] = stage.rows(runner).values()
    assert row.state is State.PURGED and row.evidence is not None and list(stage.vault.sealed()) == []


async def test_a_quota_of_one_keeps_one_call_whole_whichever_it_is(stage: Stage) -> None:
    runners = [await stage.call((BY_QUOTA,), {}) for _ in range(6)]
    rows = [row for runner in runners for row in stage.rows(runner).values()]
    kept = [row for row in rows if row.purposes]
    assert len(kept) == 1 and len(stage.heard(kept[0])) >= 148, "from the first word"
    assert stage.rows(runners[0]), "the first call always takes the place until another is drawn"
    assert all(row.state is State.SEALED for row in rows)  # the purger deletes the others: they have no purpose left
    withdrawn = [row for row in stage.registry.audit_entries(None) if row.action == "recording.withdraw-purpose"]
    assert len(withdrawn) == len(rows) - 1


async def test_an_objection_gives_the_place_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.randbelow", lambda _n: 0)  # every call is drawn
    first = await stage.call((BY_QUOTA, COMPLAINT), {})
    await stage.call((BY_QUOTA, COMPLAINT), {40: "keep", 60: "object"})
    await stage.call((BY_QUOTA, COMPLAINT), {60: "object"})
    [row] = stage.rows(first).values()
    assert [p.name for p in row.purposes] == ["training"], "no call that objected took its place"


async def test_without_the_registry_nothing_is_drawn(stage: Stage) -> None:
    stage.registry._engine.db.execute_sql("DROP TABLE quota_counts")
    runner = await stage.call((BY_QUOTA,), {})
    assert stage.rows(runner) == {} and stage.health.alarms[Alarm.REGISTRY_FAILED] == 1


async def test_status_does_not_tell_which_call_was_drawn(stage: Stage) -> None:
    """While a call lives, the report has the same words and, but for the sum of memory, the same numbers for both."""
    told = []
    for drawn in (frozenset[str](), frozenset({"training"})):
        runner = await stage.call((SAMPLED, COMPLAINT), {}, drawn, stop_at=100)
        told.append(report_of(runner, stage))
        runner.close()
        await runner.finished()
    assert told[0] == told[1]
    assert runner.call_id not in json.dumps(told) and "training" not in json.dumps(told)


def report_of(runner: CallRunner, stage: Stage) -> Report:
    count = SimpleNamespace(
        up=True, app="x", requests=0, counts=Counter[str](), served=0, problems=0, connected=0, attached=0, failed=0, uninvited=0,
        strangers=0, broken=0,
        used=0, limit=1, report=dict, words=None, gone="",
    )  # fmt: skip
    purging = SimpleNamespace(last=None, next=None, overdue=0, requests=SimpleNamespace(counts=TIMING), astray=SimpleNamespace(report=dict))
    service = SimpleNamespace(
        supervisor=SimpleNamespace(runners=(runner,)), link=count, ari=count, capture=count, health=stage.health,
        sealing=SimpleNamespace(all=SimpleNamespace(publics=())),
    )  # fmt: skip
    service.supervisor.draining = False
    draining = Draining(service.supervisor, stage.ledger, None)
    reloader = SimpleNamespace(read_at=datetime(2026, 11, 22, tzinfo=UTC), ok=True, restart=())
    report = status_report(Running(service, count, count, count, purging, reloader, draining, count, count), Disk(1, 2))  # type: ignore[arg-type]
    report["process"] = {}
    report["draining"] |= {"longest": 0.0, "words": ""}  # how long both took  # type: ignore[operator]
    report["calls"]["outcomes"] = {}  # of earlier calls  # type: ignore[index]
    return report
