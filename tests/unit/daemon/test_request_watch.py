from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

from asterisk_privacy.daemon.config import Config, RegistrySettings
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.schedule import PurgeSchedule
from asterisk_privacy.policy.book import Book
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.rights.deadline import Reminders
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault


def test_overdue_requests_are_an_alarm_once_each_and_counted_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "recipients.txt").write_text(Identity.generate().public + "\n")
    path, health = tmp_path / "registry.sqlite", Health()
    vault = Vault(tmp_path / "recordings", Recipients.load(tmp_path / "recipients.txt"))
    schedule = PurgeSchedule(Config(Book({}, {}), registry=RegistrySettings(path=path)), vault, health)
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
