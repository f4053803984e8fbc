from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from policies import SALES

from asterisk_privacy.cli.status import status
from asterisk_privacy.daemon.config import Config, RegistrySettings
from asterisk_privacy.daemon.control import ControlServer, Report
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.schedule import PurgeSchedule
from asterisk_privacy.policy.book import Book
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.rights.deadline import Reminders
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault

CONFIG = """
[control]
socket = "SOCKET"
"""


def scheduled(folder: Path, health: Health) -> PurgeSchedule:
    (folder / "recipients.txt").write_text(Identity.generate().public + "\n")
    vault = Vault(folder / "recordings", Recipients.load(folder / "recipients.txt"))
    return PurgeSchedule(Config(Book({}, {}), registry=RegistrySettings(path=folder / "registry.sqlite")), vault, health)


def test_overdue_requests_are_an_alarm_once_each_and_counted_as_they_are(tmp_path: Path) -> None:
    path, health = tmp_path / "registry.sqlite", Health()
    schedule = scheduled(tmp_path, health)
    today = date.today()

    def look() -> Reminders:
        asyncio.run(schedule.remind())
        return schedule.requests.counts

    with Registry.open(path) as registry:
        ids = [registry.open_request("access", "number", "h", "", today, today + timedelta(days=d)) for d in (-1, 0, 7, 8)]
        assert look() == Reminders(open=4, due_soon=2, overdue=1) == look()
        assert health.alarms[Alarm.REQUEST_OVERDUE] == 1
        registry.open_request("erasure", "number", "h", "", today, today - timedelta(days=3))
        assert look().overdue == 2 and health.alarms[Alarm.REQUEST_OVERDUE] == 2
        registry.close_request(ids[0], "granted")
        assert look() == Reminders(open=4, due_soon=2, overdue=1) and health.alarms[Alarm.REQUEST_OVERDUE] == 2
    path.write_text("no database any more")
    asyncio.run(schedule.remind())
    assert health.alarms[Alarm.REGISTRY_FAILED] == 1


async def test_counted_from_the_start(tmp_path: Path) -> None:
    with Registry.open(tmp_path / "registry.sqlite") as registry:
        registry.open_request("access", "number", "h", "", date(2026, 1, 5), date(2026, 2, 5))
    schedule = scheduled(tmp_path, Health())
    await schedule.start()
    await schedule.stop()
    assert schedule.requests.counts == Reminders(open=1, due_soon=0, overdue=1)


@pytest.mark.parametrize(("overdue", "code"), [(0, 0), (2, 1)])
async def test_status_says_it_and_ends_with_1(tmp_path: Path, overdue: int, code: int) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.replace("SOCKET", str(tmp_path / "s")) + SALES)
    report: Report = {"alarms": {}, "ari": {"connected": True}, "requests": {"open": 3, "due_soon": 1, "overdue": overdue}}

    async def answer(_rest: str) -> Report:
        return report

    server = ControlServer(tmp_path / "s", {"status": answer})
    await server.start()
    result = await asyncio.to_thread(CliRunner().invoke, status, ["--config", str(tmp_path / "config.toml")])
    await server.stop()
    assert result.exit_code == code and "3 open, 1 due within 7 days" in result.output and ("2 overdue" in result.output) is bool(overdue)
