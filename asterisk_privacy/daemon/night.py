"""What a night does, by the daemon or by hand: the purge, then the rows that are about no recording any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from asterisk_privacy.daemon.deidentifying import settle_versions
from asterisk_privacy.daemon.elsewhere import Elsewhere, overdue_elsewhere
from asterisk_privacy.daemon.purging import Rules, make_purger
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.registry.clocks import ClockDoubt
from asterisk_privacy.registry.expiry import Expired
from asterisk_privacy.registry.passing import ClockAhead
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.purger import Failure, PurgeReport
from asterisk_privacy.store.vault import Vault

THIS_NIGHT = timedelta(hours=20)


@dataclass(frozen=True, slots=True)
class Night:
    purge: PurgeReport
    rows: Expired  # that went; in a dry run: that would go
    elsewhere: Sequence[Elsewhere] = ()  # what only a node that is away could delete
    clock: ClockDoubt | None = None  # why nothing was done: by this clock nothing can be said to be due


def run_night(
    registry: Registry,
    vault: Vault,
    config: Config,
    now: datetime,
    dry_run: bool,
    override_brake: bool = False,
    explain: bool = False,
    by_the_clock: bool = True,
    once_for_all: bool = False,
    clock_is_right: bool = False,
) -> Night:
    """OperatorError as the purger's. When its brake holds, rows stay too: the clock or the policy may be wrong.

    `by_the_clock`: `now` is this node's; where that is ahead of the server's by more than a minute, nothing is planned (ClockAhead), and
    where it contradicts the audit trail nothing is done, unless a person says `clock_is_right`. No brake is overridden by that.
    `once_for_all`: what is done for all nodes, and may take minutes among millions, is done only if no other node has this night: comparing
    the bucket with the rows, and looking for rows that are about no recording any more.
    """
    clock = None
    if by_the_clock:
        refuse_ahead(registry)
        clock = None if clock_is_right else registry.nodes.clock_doubt(now)
    unsettled: Sequence[tuple[str, str]] = ()
    if not dry_run and clock is None:
        with registry.only_one():
            unsettled = settle_versions(registry, vault)
    rules = Rules.of(config)
    here = once_for_all and registry.nodes.bucket_is_compared(THIS_NIGHT)
    words = None if clock is None else clock.in_words()
    purge = make_purger(registry, vault, config.purger, rules, here).run(now, dry_run, override_brake, explain, words)
    purge = replace(purge, failed=(*purge.failed, *(Failure(recording_id, why) for recording_id, why in unsettled)))
    if clock is not None:
        return Night(purge, Expired(), clock=clock)
    if not here and (purge.brake is None or purge.plan.braked):  # not where files are missing: each must see that
        registry.nodes.note_compared()
    elsewhere = overdue_elsewhere(registry, rules, now)
    if purge.brake is not None:
        return Night(purge, Expired(), elsewhere)
    if dry_run:
        return Night(purge, registry.would_expire(now, config.book.rows), elsewhere)
    if once_for_all and registry.nodes.rows_have_expired(THIS_NIGHT):
        return Night(purge, Expired(), elsewhere)
    rows = registry.expire(now, config.book.rows)
    if once_for_all:
        registry.nodes.note_rows_expired()
    return Night(purge, rows, elsewhere)


def refuse_ahead(registry: Registry) -> None:
    """A clock that is ahead deletes early, and what is deleted does not come back; one that is behind deletes late, and that is seen."""
    difference = registry.nodes.difference()
    if difference is not None and difference.early:
        raise ClockAhead(f"purge of {registry.where}: nothing was planned or deleted, since {difference.in_words('the registry')}")
