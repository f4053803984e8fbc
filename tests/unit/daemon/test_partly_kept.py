"""Calls of which only a part, or only for some purposes, is kept: a real runner, registry and store; only Asterisk is made up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from asterisk_privacy.audio.frames import FRAME_SAMPLES
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.recorder import Timing
from asterisk_privacy.call.timeline import passages
from asterisk_privacy.daemon.control import Report
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.daemon.report import Disk, Running, status_report
from asterisk_privacy.daemon.runner import CallRunner, Tools
from asterisk_privacy.policy.purpose import Basis, Period, Profile, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault, open_recording

SAMPLED = Purpose("training", "t", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, Days(35), one_in=20)
BY_QUOTA = replace(SAMPLED, one_in=None, quota=Quota(1, Period.MONTH))
PROOF = Purpose("proof", "p", Basis.CONTRACT, "r", Trigger.MARKED, Days(30))
COMPLAINT = Purpose("complaint", "c", Basis.LEGITIMATE_INTEREST, "r", Trigger.FLAG, Days(30))
TIMING = Timing(settle=0.0, quarantine=0.2, grace=5.0)


class Tap:
    """Both microphones; each frame carries its number."""

    def __init__(self, taps: list[Tap], sink: Callable[[float, bytes], None]) -> None:
        self.sink = sink
        taps.append(self)
        self._taps = taps

    def stop(self) -> None:
        if self in self._taps:
            self._taps.remove(self)


class Stage:
    """A call in made-up time, which is ahead of the real one; what the runner asks of the registry and the disk is real."""

    def __init__(self, folder: Path) -> None:
        self.identity = Identity.generate()
        self.vault = Vault(folder / "recordings", Recipients.of([self.identity.public]))
        self.health = Health()
        self.registry = Registry.open(folder / "registry.sqlite")
        self.ledger = Ledger(self.registry, self.health)
        self.memory = RingMemory(1 << 30)
        self.taps: list[Tap] = []
        self.tones: list[str] = []
        self.now = 0.0

    def attach(self, _channel: str, sink: Callable[[float, bytes], None], _ended: Callable[[], None]) -> Tap:
        return Tap(self.taps, sink)

    def play(self, _channel: str, name: str) -> None:
        self.tones.append(name)

    async def call(
        self, purposes: tuple[Purpose, ...], keys: dict[int, str], drawn: frozenset[str] = frozenset(), stop_at: int | None = None
    ) -> CallRunner:
        """Three seconds of talk; `keys` are pressed after so many frames of 20 ms. `stop_at`: leave it there, in mid-call."""
        tools = Tools(
            self, self, self.vault, self.ledger, self.health, lambda: Ring(600, self.memory), lambda: self.now, TIMING, 60.0,  # type: ignore[arg-type]
            remember=lambda _channel, _memory: None,
        )  # fmt: skip
        self.tones.clear()
        runner = CallRunner("caller", Profile("line", "Line", "nl", "notice", purposes, "3"), drawn, tools, lambda _runner: None)
        began = self.now = runner.began_at
        self.ledger.post(lambda r: r.begin_call(runner.call_id, "line", datetime.now(UTC), None, None, "in"))
        runner.receive(ev.NoticeBegun(began))
        runner.receive(ev.NoticeEnded(began + 0.1, True))
        runner.met("PJSIP/anna")
        runner.receive(ev.Surroundings(began + 0.2, frozenset({"anna"})))
        if runner._lot is not None:
            await runner._lot
        for n in range(150):
            at = began + 0.2 + 0.02 * n
            if n == stop_at:
                return runner
            if n in keys:
                runner.receive(ev.KeyPressed(at, ev.AgentKey(keys[n]), "anna"))
            for tap in tuple(self.taps):
                tap.sink(at + 0.02, np.full(FRAME_SAMPLES, 100 + 100 * n, dtype="<i2").tobytes())
            self.now = at - 0.2
            runner.media.release(self.now)
        runner.receive(ev.HungUp(began + 3.2))
        self.now = began + 60
        runner.receive(ev.Tick(began + 3.2 + TIMING.quarantine))
        await runner.finished()  # sealed, in the grace time
        for later, key in sorted((n, k) for n, k in keys.items() if n >= 150):
            runner.receive(ev.KeyPressed(began + 0.2 + 0.02 * later, ev.AgentKey(key), "anna"))
        runner.receive(ev.Tick(began + 3.2 + TIMING.quarantine + TIMING.grace))
        await runner.finished()
        await self.ledger.drained()
        assert self.memory.used == 0 and not self.taps
        return runner

    def heard(self, row: RecordingRow) -> list[int]:
        """The numbers of the frames that a reviewer hears."""
        audio, _ = open_recording(self.vault.path(row.id), [self.identity])
        assert len(audio) * 1000 // 8000 == row.duration_ms == passages(row.spans)[-1].audio_to_ms
        return [round((int(v) - 100) / 100) for v in audio[FRAME_SAMPLES // 2 :: FRAME_SAMPLES, 0] if v]

    def rows(self, runner: CallRunner) -> dict[int, RecordingRow]:
        return {row.part: row for row in self.registry.recordings(call_id=runner.call_id)}


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
    stage.registry._file.db.execute_sql("DROP TABLE quota_counts")
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
        used=0, limit=1,
    )  # fmt: skip
    purging = SimpleNamespace(last=None, next=None, overdue=0, requests=SimpleNamespace(counts=TIMING))
    service = SimpleNamespace(
        supervisor=SimpleNamespace(runners=(runner,)), link=count, ari=count, capture=count, health=stage.health,
        recipients=SimpleNamespace(publics=()),
    )  # fmt: skip
    reloader = SimpleNamespace(read_at=datetime(2026, 11, 22, tzinfo=UTC), ok=True, restart=())
    report = status_report(Running(service, count, count, count, purging, reloader), Disk(1, 2))  # type: ignore[arg-type]
    report["process"] = {}
    report["calls"]["outcomes"] = {}  # of earlier calls  # type: ignore[index]
    return report
