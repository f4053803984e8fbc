"""An announcement that Asterisk could not play is told: an alarm, a count by line, in status and metrics."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest
from prometheus_client import generate_latest
from whole_daemon import Somebody, installed, linked, whole_daemon

from asterisk_privacy.asterisk import ari_events as ae
from asterisk_privacy.cli.status import rows
from asterisk_privacy.daemon.health import Alarm
from asterisk_privacy.daemon.metrics import metrics_registry
from asterisk_privacy.daemon.report import Disk, status_report


@pytest.mark.parametrize(
    ("heard", "played", "keys", "failed"),
    [
        (True, "SUCCESS", "", False),
        (False, "FAILED", "", True),
        (True, "FAILED", "", True),  # what confirms an agreement was missing
        (False, "", "3", False),  # refused while it played
        (False, "SUCCESS", "3", False),  # and after it
        (False, "FAILED", "3", True),  # what confirms the refusal was missing
        (False, "", "", False),  # the administrator's own time-out struck
        (False, None, "", True),  # an older include does not say why
        (False, None, "3", False),
        (True, None, "", False),
    ],
)
async def test_which_end_of_a_notice_is_a_fault(tmp_path: Path, heard: bool, played: str | None, keys: str, failed: bool) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        somebody = Somebody(running)
        call = somebody.plan["PRIVACY_CALL"]
        somebody.tell(ae.NoticeStage(monotonic(), somebody.channel, call, somebody.plan["PRIVACY_NOTICE_ID"], "begin", False))
        for key in keys:
            somebody.tell(ae.NoticeKey(monotonic(), somebody.channel, call, somebody.plan["PRIVACY_NOTICE_ID"], key))
        somebody.tell(ae.NoticeStage(monotonic(), somebody.channel, call, somebody.plan["PRIVACY_NOTICE_ID"], "end", heard, played))
        health = running.service.health
        assert health.alarms[Alarm.NOTICE_FAILED] == failed
        assert dict(health.notices_failed) == ({"sales": 1} if failed else {})


async def test_it_is_seen_by_line(tmp_path: Path) -> None:
    async with whole_daemon(installed(tmp_path)) as running:
        linked(running)
        assert 'notices_failed_total{profile="sales"} 0.0' in generate_latest(metrics_registry(running, Disk(1, 1))).decode()
        for _ in range(2):
            somebody = Somebody(running)
            plan = somebody.plan
            said = ae.NoticeStage(monotonic(), somebody.channel, plan["PRIVACY_CALL"], plan["PRIVACY_NOTICE_ID"], "end", False, "FAILED")
            somebody.tell(said)
        report = status_report(running, Disk(1 << 30, 1 << 30))
        assert "sales 2" in dict(rows(report))["Announcements that could not be played"]
        assert 'notices_failed_total{profile="sales"} 2.0' in generate_latest(metrics_registry(running, Disk(1, 1))).decode()


async def test_the_start_tells_it_already(tmp_path: Path) -> None:
    path = installed(tmp_path, more=f'[dialplan]\nsounds = "{tmp_path}"\n')
    async with whole_daemon(path) as running:
        assert any("notice-optout is missing" in line for line in running.service.health.advice)


async def test_what_systemd_hides_from_it_is_not_missing(tmp_path: Path) -> None:
    """PrivateTmp= and ProtectHome=: Asterisk sees those directories, the recorder does not."""
    path = installed(tmp_path, more=f'[dialplan]\nsounds = "{tmp_path}/hidden"\n')
    async with whole_daemon(path) as running:
        assert running.service.health.advice == ()
