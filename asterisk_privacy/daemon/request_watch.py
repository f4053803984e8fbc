"""Reminds of persons' requests (GDPR art. 12(3)): how many are open, due soon and overdue. Counts only, no personal data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.rights.deadline import Reminders, reminders

EVERY_MINUTES = 5


class RequestWatch:
    """`open_registry` gives a connection of its own: this runs in a thread beside the daemon's."""

    def __init__(self, open_registry: Callable[[], Registry], health: Health) -> None:
        self._open_registry = open_registry
        self._health = health
        self.counts = Reminders(0, 0, 0)

    def read(self) -> Reminders:
        """May wait for the disk. Raises OperatorError."""
        with self._open_registry() as registry:
            return reminders([row.due for row in registry.requests(only_open=True)], date.today())

    def note(self, now: Reminders) -> None:
        """One alarm for each request that has become overdue."""
        more = now.overdue - self.counts.overdue
        self.counts = now
        if more > 0:
            self._health.alarm(Alarm.REQUEST_OVERDUE, f"{now.overdue} requests of persons are overdue; see: subject request list", more)
