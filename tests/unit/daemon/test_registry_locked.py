"""Another process has the registry locked for longer than anybody waits: calls go on, nothing is lost, and what must go does go."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stage import Stage
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.call import events as ev
from asterisk_privacy.daemon import assembly, ledger, schedule
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.ledger import Ledger
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State

ORDER = Purpose("order", "o", Basis.CONTRACT, "r", Trigger.ALWAYS, Days(30))
LESSON = Purpose("lesson", "l", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, Days(30), one_in=1)
COACHING = replace(LESSON, name="coaching")
BUSY_SECONDS = 0.05


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """By a process that writes and does not come to an end."""
    with closing(sqlite3.connect(folder / "registry.sqlite", isolation_level=None)) as thief:
        thief.execute("BEGIN IMMEDIATE")
        yield
        thief.execute("ROLLBACK")


async def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.01)
    made = Stage(tmp_path)
    made.registry = Registry.open(tmp_path / "registry.sqlite", busy_seconds=BUSY_SECONDS)
    made.ledger = Ledger(made.registry, made.health)
    return made


async def refused(stage: Stage) -> None:
    """The registry has said no, at least once."""
    await until(lambda: stage.ledger.stuck_seconds > 0)


async def test_from_the_begin_of_a_call_to_its_seal(stage: Stage, tmp_path: Path) -> None:
    with locked(tmp_path):
        calling = asyncio.create_task(stage.call((ORDER,), {}))
        await refused(stage)
        assert not list((tmp_path / "recordings").rglob("*.part"))  # no file without its row
    runner = await calling
    row = stage.rows(runner)[1]
    assert row.state is State.SEALED
    assert stage.heard(row) == list(range(150))
    call = stage.registry.call(runner.call_id)
    assert call is not None and call.outcome == "kept"
    assert stage.health.alarms == {Alarm.REGISTRY_FAILED: 1}
    assert stage.health.outcomes == {"kept": 1}


async def test_at_the_seal(stage: Stage, tmp_path: Path) -> None:
    """The file has its last name already: until its row knows, nobody can review or delete it."""
    runner = await stage.call((ORDER,), {}, stop_at=149)
    await stage.ledger.drained()
    with locked(tmp_path):
        runner.receive(ev.HungUp(runner.began_at + 3.2))
        stage.now = runner.began_at + 60
        runner.receive(ev.Tick(runner.began_at + 60))
        await until(lambda: list((tmp_path / "recordings").rglob("*.flac.age")))
        await refused(stage)
    await runner.finished()
    await stage.ledger.drained()
    row = stage.rows(runner)[1]
    assert (row.state, row.size) == (State.SEALED, stage.vault.path(row.id).stat().st_size)
    assert stage.health.outcomes == {"kept": 1}


async def test_off_the_record_is_obeyed_after_the_seal(stage: Stage, tmp_path: Path) -> None:
    """In the grace time the file is sealed, and erasing it begins with a row."""
    runner = await stage.call((ORDER, LESSON), {}, drawn=frozenset({"lesson"}), stop_at=149)
    runner.receive(ev.HungUp(runner.began_at + 3.2))
    stage.now = runner.began_at + 60
    runner.receive(ev.Tick(runner.began_at + 3.5))
    await runner.finished()
    await stage.ledger.drained()
    (row,) = stage.rows(runner).values()
    assert row.state is State.SEALED and stage.vault.path(row.id).exists()
    with locked(tmp_path):
        runner.receive(ev.KeyPressed(runner.began_at + 4, ev.AgentKey.OFF_RECORD, "anna"))
        await refused(stage)
    await runner.finished()
    await stage.ledger.drained()
    (row,) = stage.rows(runner).values()
    assert row.state is State.PURGED
    assert not stage.vault.path(row.id).exists()


async def test_an_objection_is_not_lost_and_neither_is_the_second_of_two(stage: Stage, tmp_path: Path) -> None:
    runner = await stage.call((ORDER, LESSON, COACHING), {}, drawn=frozenset({"lesson", "coaching"}), stop_at=100)
    with locked(tmp_path):
        runner.receive(ev.KeyPressed(runner.began_at + 2.3, ev.AgentKey.OBJECT, "anna"))
        await refused(stage)
    await stage.ledger.drained()
    (row,) = stage.rows(runner).values()
    assert [p.name for p in row.purposes] == ["order"]
    runner.close()
    await runner.finished()


async def test_a_lock_between_two_changes_of_one_kind(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is not made again, and the second is not lost behind it."""
    runner = await stage.call((ORDER, LESSON, COACHING), {}, drawn=frozenset({"lesson", "coaching"}), stop_at=100)
    real, calls = Registry.withdraw_purpose, [0]

    def second_is_locked_out(*arguments: object, **named: object) -> None:
        calls[0] += 1
        if calls[0] == 2:
            with locked(tmp_path):
                real(*arguments, **named)  # type: ignore[arg-type]
        real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Registry, "withdraw_purpose", second_is_locked_out)
    runner.receive(ev.KeyPressed(runner.began_at + 2.3, ev.AgentKey.OBJECT, "anna"))
    await stage.ledger.drained()
    (row,) = stage.rows(runner).values()
    assert [p.name for p in row.purposes] == ["order"]
    assert calls == [3]
    runner.close()
    await runner.finished()


async def test_what_will_never_be_taken_is_not_tried_for_ever(stage: Stage) -> None:
    stage.ledger.post(lambda registry: registry.erase_recording("0" * 32, datetime.now(UTC), "x"))
    with pytest.raises(OperatorError, match="does not exist"):
        await stage.ledger.ask(lambda registry: registry.erase_recording("1" * 32, datetime.now(UTC), "x"))
    assert stage.health.alarms == {Alarm.REGISTRY_FAILED: 1}
    assert stage.ledger.stuck_seconds == 0


async def test_a_daemon_that_stops_does_not_wait_for_ever(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not written then, the next start settles: the file is sealed."""
    monkeypatch.setattr(ledger, "STOP_SECONDS", 0.3)
    runner = await stage.call((ORDER,), {}, stop_at=149)
    await stage.ledger.drained()
    with locked(tmp_path):
        began = time.monotonic()
        stage.ledger.stop_soon()
        stage.now = runner.began_at + 60
        runner.close()
        await runner.finished()
        for _ in range(50):
            stage.ledger.post(lambda registry: registry.call("0"))
            stage.ledger.post(lambda registry: registry.end_call("0", datetime.now(UTC), "kept", (), (), ()))
        with pytest.raises(OperatorError, match="locked"):
            await stage.ledger.drained()
        stage.ledger.close()
        assert time.monotonic() - began < 3
    assert list((tmp_path / "recordings").rglob("*.flac.age"))


async def test_new_calls_are_not_announced_while_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "MOST_STUCK_SECONDS", 0.1)
    monkeypatch.setattr(ledger, "STOP_SECONDS", 0.1)
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        running.service.supervisor._tools.ledger._registry._engine.db.connection().execute("PRAGMA busy_timeout = 50")
        with locked(tmp_path):
            first = Somebody(running)
            assert first.plan["PRIVACY_PLAN"] == "announce"
            await until(lambda: running.service.supervisor._tools.ledger.stuck_seconds > 0.1)
            began = time.monotonic()
            assert Somebody(running).plan["PRIVACY_PLAN"] == "none"
            assert time.monotonic() - began < 0.1  # no caller waits for a lock
        await until(lambda: running.service.supervisor._tools.ledger.stuck_seconds == 0)
        assert Somebody(running).plan["PRIVACY_PLAN"] == "announce"
        assert running.service.health.alarms == {Alarm.NOT_READY: 1, Alarm.REGISTRY_FAILED: 1}
        call = await running.service.supervisor._tools.ledger.ask(lambda registry: registry.call(first.plan["PRIVACY_CALL"]))
        assert call is not None


async def test_a_night_that_found_the_registry_locked_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        purging = running.purging
        monkeypatch.setattr(schedule, "Registry", _Impatient)
        with locked(tmp_path):
            await purging.run()
        assert running.service.health.alarms == {Alarm.PURGE_FAILED: 1}
        assert purging._scheduler.get_job("purge-again") is not None
        await purging.run()
        assert purging.last_run is not None


class _Impatient:
    @staticmethod
    def open(path: Path, **more: Any) -> Registry:
        return Registry.open(path, busy_seconds=BUSY_SECONDS, **more)
