"""`asterisk-privacy hold`: legal holds, which no deletion passes."""

from __future__ import annotations

from pathlib import Path

import click

from asterisk_privacy.access import cases
from asterisk_privacy.access.permission import Page
from asterisk_privacy.cli.acting import Reason, acting, reading
from asterisk_privacy.cli.common import config_option, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.registry.case_rows import HoldRow
from asterisk_privacy.registry.rows import State


@click.group("hold")
def hold() -> None:
    """Legal holds: nothing is deleted, and only those who are named may listen, until the hold is released.

    A hold beats every other rule, also the latest date of a purpose. So it needs a reason, and somebody who releases it.

    \b
    Example:
      asterisk-privacy hold place 0123456789abcdef --reason "claim of 3 March" --listeners anna,piet
      asterisk-privacy hold list
      asterisk-privacy hold release 1 --reason "settled"

    \b
    Exit codes: 0 fine, 2 usage or configuration, 3 it does not fit the state of the recording, case or hold.
    """


@hold.command("place")
@click.argument("recording_id", metavar="[ID]", required=False)
@click.option("--case", "reference", metavar="REFERENCE", help="Instead of ID: all recordings that are or will be linked to this case.")
@click.option("--reason", required=True, help="Why, in a few words.")
@click.option("--listeners", metavar="USER,...", help="Who may listen meanwhile; without it only you.")
@config_option
@json_option
@operator_errors
def place(recording_id: str | None, reference: str | None, reason: str, listeners: str | None, config: Path, as_json: bool) -> None:
    """Place a legal hold on a recording, or on a case.

    \b
    Example:
      asterisk-privacy hold place --case C-09-4711 --reason "asked by counsel" --listeners anna,piet
    """
    if (recording_id is None) == (reference is None):
        raise click.UsageError("say either the ID of a recording or --case REFERENCE")
    if not reason.strip():
        raise click.UsageError("--reason: say why")
    names = None if listeners is None else [name.strip() for name in listeners.split(",") if name.strip()]
    if names == []:
        raise click.UsageError("--listeners: name at least one user, such as anna,piet")
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        row = cases.place_hold(one.desk, one.actor, reason, names or [one.actor.viewer.name], recording_id, reference)
        linked = (row.recording_id or "",) if reference is None else cases.known(one.desk, reference).recordings
        covered = [i for i in linked if (found := one.registry.recording(i)) is not None and found.state is State.SEALED]
    if as_json:
        print_json({**_as_json(row), "covers": covered})
    else:
        echo(f"legal hold {row.id} on {_target(row)}: {len(covered)} recordings; may listen: {', '.join(row.listeners)}")


@hold.command("release")
@click.argument("hold_id", metavar="HOLD", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why it is over.")
@config_option
@json_option
@operator_errors
def release(hold_id: int, reason: str, config: Path, as_json: bool) -> None:
    """End a legal hold. What was only kept by it is deleted at the next purge.

    \b
    Example:
      asterisk-privacy hold release 1 --reason "settled"
    """
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        row = cases.release_hold(one.desk, one.actor, hold_id, reason)
    if as_json:
        print_json(_as_json(row))
    else:
        echo(f"legal hold {row.id} on {_target(row)}: released")


@hold.command("list")
@click.option("--all", "all_", is_flag=True, help="Also those that were released.")
@config_option
@json_option
@operator_errors
def list_(all_: bool, config: Path, as_json: bool) -> None:
    """The legal holds in force, the oldest first.

    \b
    Example:
      asterisk-privacy hold list --all
    """
    with reading(config) as one:
        one.may_read(Page.HOLDS)
        rows = cases.holds_to_know(one.desk, one.actor, only_active=not all_)
    if as_json:
        print_json([_as_json(row) for row in rows])
        return
    lines = [(str(r.id), _target(r), local(r.placed_at), r.placed_by, r.reason, ", ".join(r.listeners), local(r.released_at)) for r in rows]
    print_table(("hold", "on", "placed", "by", "reason", "may listen", "released"), lines)


def _target(row: HoldRow) -> str:
    return f"recording {row.recording_id}" if row.recording_id is not None else f"case {row.case}"


def _as_json(row: HoldRow) -> dict[str, object]:
    return {
        "id": row.id,
        "recording": row.recording_id,
        "case": row.case,
        "placed_at": iso(row.placed_at),
        "placed_by": row.placed_by,
        "reason": row.reason,
        "listeners": list(row.listeners),
        "released_at": iso(row.released_at),
        "released_by": row.released_by,
        "release_reason": row.release_reason,
    }
