"""Files that are not what was recorded: an alarm for each that anybody met; and at night, pieces for recordings that lack them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from time import monotonic

from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.contents import Met
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.vault import Vault

log = logging.getLogger(__name__)

EVERY_SECONDS = 60
AGAIN = timedelta(days=1)
MOST_SECONDS = 1800.0
"""Of a night's reading for recordings without pieces; the next night goes on."""


class ContentsWatch:
    """Whoever meets such a file writes an audit entry: the page, a command, an upload, another node.

    `open_registry` gives a connection of its own: this runs in a thread beside the daemon's.
    """

    def __init__(self, open_registry: Callable[[], Registry], health: Health) -> None:
        self._open_registry = open_registry
        self._health = health
        self._told: dict[str, datetime] = {}

    def read(self, now: datetime) -> list[Met]:
        """May wait for the disk. OperatorError."""
        with self._open_registry() as registry:
            return registry.contents.met_since(now - AGAIN)

    def note(self, met: list[Met], now: datetime) -> None:
        """One alarm a day for each recording, however often somebody tries to hear it."""
        self._told = {one: at for one, at in self._told.items() if now - at < AGAIN}
        for one in met:
            if one.recording_id not in self._told:
                self._told[one.recording_id] = now
                self._health.alarm(Alarm.NOT_AS_RECORDED, f"recording {one.recording_id}, met by {one.where}: {one.why}")


def give_pieces(registry: Registry, vault: Vault, clock: Callable[[], float] = monotonic) -> int:
    """To recordings that are older than pieces are, each after its whole file was compared with its row. How many got theirs."""
    until, given = clock() + MOST_SECONDS, 0
    for one in registry.contents.lacking():
        if clock() > until:
            log.info("pieces: %d recordings got theirs; the next night goes on", given)
            break
        with suppress(StoreFault):  # not there: the purge tells of that
            found = vault.measure(one.recording_id)
            if (found.size, found.sha256) == (one.content.size, one.content.sha256):
                given += registry.contents.give(one.recording_id, found)
            elif registry.contents.is_still(one.recording_id, one.content.sha256):
                registry.contents.note_met(one.recording_id, "the nightly run", "it is not what was recorded: its SHA-256 is another one")
    return given


def nightly(registry: Registry, vault: Vault, health: Health) -> None:
    try:
        give_pieces(registry, vault)
    except OperatorError as error:
        health.alarm(Alarm.REGISTRY_FAILED, str(error))
