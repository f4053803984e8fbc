"""How a call ends that nobody has, and one whose recording could not be sealed."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest
from stage import Stage
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk.fastagi import AgiRequest
from asterisk_privacy.call import events as ev
from asterisk_privacy.call import pbx
from asterisk_privacy.call.situation import Life
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days

ORDER = Purpose("order", "o", Basis.CONTRACT, "r", Trigger.ALWAYS, Days(30))


@pytest.mark.parametrize(("function", "why"), [("fdatasync", errno.ENOSPC), ("rename", errno.EIO)])
async def test_what_could_not_be_sealed_is_not_told_as_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, why: int
) -> None:
    """Nothing but the end is left to be written: the recorder has finished with the call when the disk refuses it."""
    stage = Stage(tmp_path)
    real = getattr(os, function)

    def at_the_end(*arguments: object) -> None:
        if stage.now - began > 10:
            raise OSError(why, os.strerror(why))
        real(*arguments)

    began = time.monotonic()
    monkeypatch.setattr(os, function, at_the_end)
    runner = await stage.call((ORDER,), {})
    call = await stage.ledger.ask(lambda registry: registry.call(runner.call_id))
    assert call is not None and call.outcome == "failed"
    assert stage.health.outcomes == {"failed": 1}
    assert stage.health.alarms[Alarm.STORE_FAILED] >= 1


async def test_without_a_fault_it_is_kept(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await stage.call((ORDER,), {})
    assert stage.health.outcomes == {"kept": 1}


async def test_a_daemon_that_stops_right_after_the_hang_up_loses_nothing_that_was_said(tmp_path: Path) -> None:
    """Its last moments are in quarantine still; the link goes on proving them while the daemon seals."""
    stage = Stage(tmp_path)
    runner = await stage.call((ORDER,), {}, stop_at=149)
    runner.receive(ev.HungUp(runner.began_at + 0.2 + 0.02 * 149))
    runner.close()
    stage.now = runner.began_at + 60
    await runner.finished()
    await stage.ledger.drained()
    (row,) = stage.rows(runner).values()
    assert stage.heard(row) == list(range(149))
    assert stage.health.outcomes == {"kept": 1}


@pytest.mark.parametrize("seen", [False, True])
async def test_an_answer_that_came_too_late_makes_no_ghost(tmp_path: Path, seen: bool) -> None:
    """Five hundred calls in five seconds: the caller had gone when the recorder came to his question. One that goes on is told of by the
    dialplan."""
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        caller, supervisor_ = Somebody(running), running.service.supervisor
        if seen:
            caller.tell(pbx.ChannelSeen(time.monotonic(), caller.channel, f"PJSIP/trunk-{caller.channel}", False))
        (runner,) = supervisor_.runners
        supervisor_.unheard(AgiRequest(caller.channel, "start", {"profile": runner.profile.name}, ""))
        assert (runner.recorder.situation.life in (Life.GRACE, Life.OVER)) is not seen
        supervisor_.unheard(AgiRequest("another", "start", {"profile": runner.profile.name}, ""))
        assert not running.service.health.alarms
