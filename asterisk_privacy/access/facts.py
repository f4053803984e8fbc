"""What is known of a recording, as far as permission cares."""

from __future__ import annotations

from datetime import datetime

from asterisk_privacy.access.permission import Facts
from asterisk_privacy.daemon.purging import Rules
from asterisk_privacy.daemon.rights import further_of, living_purposes
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.registry.rows import RecordingRow, State


def facts_of(row: RecordingRow, config: Config, rules: Rules, now: datetime) -> Facts:
    """At this moment: what ends later must be asked again. Of what is gone no purpose keeps anything, and its state says so."""
    names = tuple(purpose.name for purpose in row.purposes)
    lives = living_purposes(row, rules, now) if row.state in (State.SEALED, State.WRITING) else frozenset(names)
    return Facts(
        state=row.state.value,
        agents=row.agents,
        purposes=tuple(name for name in names if name in lives),
        ended=tuple(name for name in names if name not in lives),
        listeners=tuple(frozenset(hold.listeners) for hold in row.circumstances.holds),
        excepted=None if row.restriction is None else frozenset(row.restriction.except_for),
        further=further_of(row, config, now, rules),
    )
