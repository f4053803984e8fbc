"""A disk that refuses: full, read-only, or broken, from any step of a recording on. The call goes on, an alarm counts it, nothing is told
as kept that is not, nothing stays that must go, and the next start leaves nothing half done."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from stage import Stage

from asterisk_privacy.audio.frames import FRAME_SAMPLES
from asterisk_privacy.call import events as ev
from asterisk_privacy.daemon.aftermath import end_calls, settle_after_crash
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.rows import State

ORDER = Purpose("order", "o", Basis.CONTRACT, "r", Trigger.ALWAYS, Days(30))
LESSON = Purpose("lesson", "l", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, Days(30), one_in=1)
CALLS = ("open", "write", "fdatasync", "fsync", "rename", "mkdir")
FAULTS = list(product(CALLS, (errno.ENOSPC, errno.EROFS)))
STEPS = [*product(CALLS, (errno.ENOSPC, errno.EROFS, errno.EIO), (0,)), *product(CALLS, (errno.ENOSPC,), (1, 2, 3))]


@contextmanager
def refusing(monkeypatch: pytest.MonkeyPatch, function: str, why: int, after: int = 0) -> Iterator[list[int]]:
    """The disk takes `after` more such calls, and no further one. How many were refused. SQLite calls none of them."""
    real, refused, taken = getattr(os, function), [0], [0]

    def call(*arguments: object, **named: object) -> object:
        flags = arguments[1] if function == "open" and len(arguments) > 1 else os.O_WRONLY
        if isinstance(flags, int) and not flags & (os.O_WRONLY | os.O_RDWR):
            return real(*arguments, **named)
        taken[0] += 1
        if taken[0] <= after:
            return real(*arguments, **named)
        refused[0] += 1
        raise OSError(why, os.strerror(why))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, call)
        yield refused


async def ended(stage: Stage) -> None:
    """All that an orderly end leaves, and what the next start makes of it: nothing is half done."""
    await stage.ledger.drained()
    settled = settle_after_crash(stage.registry, stage.vault, keep=True)
    end_calls(stage.registry, settled.calls)
    assert stage.registry.open_calls() == []
    assert stage.vault.unfinished() == [] and stage.vault.half_shredded() == []
    rows = stage.registry.recordings()
    assert {row.state for row in rows} <= {State.SEALED, State.ERASED, State.PURGED}
    assert sorted(row.id for row in rows if row.state is State.SEALED) == list(stage.vault.sealed_here())


def nothing_in_clear(folder: Path) -> None:
    """Neither a frame of the call as it was said, nor packed but not encrypted; and what there is of a file is an encrypted one."""
    for path in (p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        assert b"fLaC" not in data, path
        assert not any(np.full(FRAME_SAMPLES, 100 + 100 * n, dtype="<i2").tobytes() in data for n in range(150)), path
        assert "recordings" not in path.parts or data[:21] == b"age-encryption.org/v1"[: len(data)], path


@pytest.mark.parametrize(("function", "why", "after"), STEPS)
async def test_from_any_step_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, why: int, after: int) -> None:
    """The disk refuses from the first, second, .. call of its kind on, as long as the call lasts."""
    stage = Stage(tmp_path)
    with refusing(monkeypatch, function, why, after) as refused:
        await stage.call((ORDER,), {})
    outcome = "failed" if refused[0] else "kept"
    assert stage.health.outcomes == {outcome: 1}
    assert bool(stage.health.alarms[Alarm.STORE_FAILED]) is bool(refused[0])
    assert stage.memory.used == 0
    nothing_in_clear(tmp_path)
    await ended(stage)
    if not refused[0]:
        (row,) = stage.registry.recordings()
        assert stage.heard(row) == list(range(150))


@pytest.mark.parametrize(("function", "why"), FAULTS)
async def test_off_the_record_is_obeyed_by_the_next_start_at_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, why: int
) -> None:
    """The file cannot be destroyed now. It must not become a recording when the disk is well again."""
    stage = Stage(tmp_path)
    runner = await stage.call((ORDER,), {}, stop_at=149)
    assert runner._files._whole is not None
    runner._files._whole.append(np.random.default_rng(1).normal(0, 3000, (80_000, 2)).astype(np.int16))
    await runner._files._whole._idle()
    (part,) = (tmp_path / "recordings").rglob("*.part")
    assert part.stat().st_size > 2 << 16  # whole chunks, which a crash would leave as a recording
    with refusing(monkeypatch, function, why):
        runner.receive(ev.KeyPressed(runner.began_at + 3.1, ev.AgentKey.OFF_RECORD, "anna"))
        await runner.finished()
    runner.close()
    await runner.finished()
    await ended(stage)
    assert [row.state for row in stage.registry.recordings()] == [State.ERASED]
    assert [p for p in (tmp_path / "recordings").rglob("*") if p.is_file()] == []


@pytest.mark.parametrize(("function", "why"), FAULTS)
async def test_off_the_record_after_the_seal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, why: int) -> None:
    """Then the row says that it must go, and the purger's next run finishes it."""
    stage = Stage(tmp_path)
    runner = await stage.call((ORDER, LESSON), {}, drawn=frozenset({"lesson"}), stop_at=149)
    runner.receive(ev.HungUp(runner.began_at + 3.2))
    stage.now = runner.began_at + 60
    runner.receive(ev.Tick(runner.began_at + 3.5))
    await runner.finished()
    with refusing(monkeypatch, function, why):
        runner.receive(ev.KeyPressed(runner.began_at + 4, ev.AgentKey.OFF_RECORD, "anna"))
        await runner.finished()
    await stage.ledger.drained()
    (row,) = stage.registry.recordings()
    assert row.state in (State.PURGING, State.PURGED)
    assert row.state is State.PURGED or stage.health.alarms[Alarm.STORE_FAILED] == 1
