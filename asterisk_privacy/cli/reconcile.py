"""`asterisk-privacy reconcile`: files, rows and keys against each other, both ways, and settling what does not agree."""

from __future__ import annotations

import itertools
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
    still: list[Finding] = field(default_factory=list)
    left_count: int = 0
    brake: str | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@click.command("reconcile")
@click.option("--settle", is_flag=True, help="Settle what was found: see above what that means for each.")
@click.option("--all-files", is_flag=True, help="Read every file whole, and compare it with its row. It takes its time.")
@click.option("--override-brake", is_flag=True, help="Settle even if it is unusually much at once.")
@config_option
@json_option
@operator_errors
def reconcile(settle: bool, all_files: bool, override_brake: bool, config: Path, as_json: bool) -> None:
    """Compare the files of the store, the rows of the registry and the keys in the recipients file.

    It looks and changes nothing but what `status` tells. The daemon looks each night too, raises an alarm, and `status` tells it until it
    is settled. Each night it also reads a share of the files whole; with --all-files this reads all of them. With --settle:

    \b
      orphan-file       a file of which the registry knows nothing        is shredded
      file-of-the-gone  a file whose row says that it was deleted         is shredded
      row-without-file  a row whose file is gone                          says so, with evidence; not under a legal hold
      half-deleted      a deletion that a crash cut off                   is finished
      unfinished        half written, and no call writes it any more      is sealed or removed, as [store] unfinished says
      row-behind        a sealed file whose row says writing              gets its seal
      row-of-nothing    a row that says writing, without a file           says that nothing is kept
      half-replaced     a version without the customer, not in place      is put in place if its row tells of it, else shredded
      damaged           another file than the one that was sealed         is shredded, the row says so; not under a legal hold
      stray, set-aside  something among the recordings that is none       is removed
      row-lost          the audit trail tells of it, and it has no row    the trail says that a person knows
      row-changed       its row does not fit the audit trail              is mended if its file fits the trail
      row-untold        a row of which the audit trail tells nothing      stays: restore the registry
      dated-ahead       recorded by a clock that was ahead                is dated today
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
            told = _look(reconciler, now, all_files)
            reconciler.remember(told.listed, now)
            told.brake = None if override_brake or not settle else reconciler.brake(told.counts)
            if settle and told.brake is None:
                _settle(reconciler, now, told)
                reconciler.remember(told.still, now)
    if as_json:
        print_json(_as_json(told, settle))
    else:
        _show(told, settle)
    if told.left_count if settle and told.brake is None else told.total:
        sys.exit(FOUND_SOMETHING)


def _look(reconciler: Reconciler, now: datetime, all_files: bool) -> _Told:
    told = _Told()
    for found in itertools.chain(reconciler.look(now), reconciler.read_all() if all_files else ()):
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
                told.still.append(found)
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
