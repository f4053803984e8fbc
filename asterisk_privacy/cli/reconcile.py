"""`asterisk-privacy reconcile`: files, rows and keys against each other, both ways, and settling what does not agree."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, configured, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.reconciling import Reconciler
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.daemon.tenants import sealing_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.retention.reconcile import Finding, Kind

MOST_LISTED = 1000  # lines; what comes after is counted


@dataclass(slots=True)
class _Told:
    counts: Counter[Kind] = field(default_factory=Counter)
    listed: list[Finding] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    settled_count: int = 0
    left: list[str] = field(default_factory=list)
    left_count: int = 0
    brake: str | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@click.command("reconcile")
@click.option("--settle", is_flag=True, help="Settle what was found: see above what that means for each.")
@click.option("--override-brake", is_flag=True, help="Settle even if it is unusually much at once.")
@config_option
@json_option
@operator_errors
def reconcile(settle: bool, override_brake: bool, config: Path, as_json: bool) -> None:
    """Compare the files of the store, the rows of the registry and the keys in the recipients file.

    It looks and changes nothing. The nightly purge compares the first three of these too, and raises an alarm. With --settle:

    \b
      orphan-file       a file of which the registry knows nothing        is shredded
      file-of-the-gone  a file whose row says that it was deleted         is shredded
      row-without-file  a row whose file is gone                          says so, with evidence; not under a legal hold
      half-deleted      a deletion that a crash cut off                   is finished
      unfinished        half written, and no call writes it any more      is sealed or removed, as [store] unfinished says
      row-behind        a sealed file whose row says writing              gets its seal
      row-of-nothing    a row that says writing, without a file           says that nothing is kept
      half-replaced     a version without the customer, not in place      is put in place if its row tells of it, else shredded
      unknown           in a folder that cannot be read                   stays: mend the folder's owner and mode
      no-known-key      sealed to keys that nobody on the list has        stays: keep that secret key

    Each settlement is in the audit trail. If very much does not agree (a store that is not mounted, the registry of another day),
    nothing is settled until somebody has looked and says --override-brake.

    \b
    Example:
      sudo -u asterisk-privacy asterisk-privacy reconcile
      sudo -u asterisk-privacy asterisk-privacy reconcile --settle

    \b
    Exit codes: 0 all agrees, or was settled; 1 something does not; 2 usage or configuration; 3 cannot work now.
    """
    now = utc_now()
    with configured(config) as (settings, registry):
        sealing = sealing_of(settings)
        reconciler = Reconciler(registry, vault_of(settings, sealing), settings, sealing.all)
        with registry.only_one(), Console(stderr=True).status("comparing files and rows ..."):
            told = _look(reconciler, now)
            told.brake = None if override_brake or not settle else reconciler.brake(told.counts)
            if settle and told.brake is None:
                _settle(reconciler, now, told)
    if as_json:
        print_json(_as_json(told, settle))
    else:
        _show(told, settle)
    if told.left_count if settle and told.brake is None else told.total:
        sys.exit(FOUND_SOMETHING)


def _look(reconciler: Reconciler, now: datetime) -> _Told:
    told = _Told()
    for found in reconciler.look(now):
        told.counts[found.kind] += 1
        if len(told.listed) < MOST_LISTED:
            told.listed.append(found)
    return told


def _settle(reconciler: Reconciler, now: datetime, told: _Told) -> None:
    """It looks afresh, one at a time: what was found may be more than fits in memory."""
    for found in reconciler.look(now):
        try:
            done = reconciler.settle(found, now)
        except OperatorError as error:
            told.left_count += 1
            if len(told.left) < MOST_LISTED:
                told.left.append(f"{found.what}; not settled: {error}")
        else:
            told.settled_count += 1
            if len(told.settled) < MOST_LISTED:
                told.settled.append(done)


def _as_json(told: _Told, settle: bool) -> dict[str, object]:
    return {
        "findings": told.total,
        "kinds": {kind.value: count for kind, count in sorted(told.counts.items())},
        "items": [{"kind": f.kind.value, "id": f.recording_id, "what": f.what} for f in told.listed],
        "brake": told.brake,
        "settled": told.settled_count if settle else None,
        "left": told.left,
    }


def _show(told: _Told, settle: bool) -> None:
    if not settle or told.brake is not None:
        for found in told.listed:
            echo(f"{found.kind.value}: {found.what}")
        if told.total > len(told.listed):
            echo(f"and {told.total - len(told.listed)} more")
    for done in told.settled:
        echo(done)
    for left in told.left:
        echo(left, err=True)
    if told.brake is not None:
        echo(f"Brake: {told.brake}", err=True)
    kinds = ", ".join(f"{count} {kind.value}" for kind, count in sorted(told.counts.items())) or "files, rows and keys agree"
    echo(f"{kinds}; {told.settled_count} settled, {told.left_count} left" if settle and told.brake is None else kinds)
