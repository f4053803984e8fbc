"""`asterisk-privacy campaign`: line-fault campaigns, which end by themselves (R11)."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from asterisk_privacy.cli.common import USAGE, config_option, configured, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.config import Config
from asterisk_privacy.policy.purpose import Purpose, Trigger
from asterisk_privacy.registry.campaigns import CampaignRow, Designation
from asterisk_privacy.registry.clock import utc_now

MOMENT = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d"])


@click.group("campaign")
def campaign() -> None:
    """Record a handful of designated calls, to find a fault on a line.

    A campaign takes calls for a purpose with trigger = "campaign", on lines that list that purpose, in its window and up to its count.
    Then it is over by itself. Each call that it takes and each hand-over stands in the audit trail.
    """


@campaign.command("open")
@click.option("--purpose", "name", help='The purpose with trigger = "campaign"; needed if there are several.')
@click.option("--extensions", default="", help="Agents' endpoints whose calls are taken: anna,bert")
@click.option("--profiles", default="", help="Lines whose calls are taken: sales,support. With --extensions: both must fit.")
@click.option("--from", "from_at", type=MOMENT, required=True, help="Begin, local time.")
@click.option("--to", "to_at", type=MOMENT, required=True, help="End, local time.")
@click.option("--count", type=click.IntRange(1, 1000), required=True, help="So many calls and no more.")
@click.option("--provider", required=True, help="Who may be given a copy.")
@click.option("--reason", required=True, help="Which fault is looked for.")
@config_option
@operator_errors
def open_(
    name: str | None,
    extensions: str,
    profiles: str,
    from_at: datetime,
    to_at: datetime,
    count: int,
    provider: str,
    reason: str,
    config: Path,
) -> None:
    """Open a campaign.

    Example: asterisk-privacy campaign open --extensions anna --from 2026-11-23T09:00 --to 2026-11-24T18:00 --count 5
    --provider Telco --reason "ticket 4711, echo on outgoing calls"
    """
    begin, end = from_at.astimezone(), to_at.astimezone()
    with configured(config) as (settings, registry):
        purpose = _purpose(settings, name)
        lines = {p.name for p in settings.book.profiles.values() if purpose in p.purposes}
        wanted, listing = _words(profiles), ", ".join(sorted(lines)) or "no line"
        _check(
            (not wanted and not _words(extensions), "nothing is designated; give --extensions or --profiles"),
            (end <= begin, "--to is not after --from; give a later end"),
            (end <= utc_now(), "the window is over already; give a later --to"),
            (bool(set(wanted) - lines), f"--profiles: {', '.join(wanted)}: only {listing} lists {purpose.name}"),
            (not lines, f"no profile lists the purpose {purpose.name}; add it to the purposes of the lines in question"),
        )
        tenants = {settings.book.profiles[line].tenant for line in wanted or lines}
        _check((len(tenants) > 1, "takes the calls of one tenant only; give --profiles with lines of one"))
        designated = Designation(purpose.name, _words(extensions), wanted, (begin, end), count, provider, reason, *tenants)
        number = registry.open_campaign(designated)
    echo(f"campaign {number} is open: at most {count} calls, {local(begin)} to {local(end)}")


@campaign.command("list")
@config_option
@json_option
@operator_errors
def list_(config: Path, as_json: bool) -> None:
    """All campaigns, the newest first."""
    with configured(config) as (_, registry):
        rows = registry.campaigns()
    if as_json:
        print_json([_as_json(row) for row in rows])
        return
    headings = ("no.", "state", "purpose", "extensions", "lines", "from", "to", "taken", "provider", "reason")
    print_table(headings, [_line(row) for row in rows])


@campaign.command("close")
@click.argument("number", type=int)
@config_option
@operator_errors
def close(number: int, config: Path) -> None:
    """Close a campaign before its end."""
    with configured(config) as (_, registry):
        registry.close_campaign(number, utc_now())
    echo(f"campaign {number} is closed")


@campaign.command("hand-over")
@click.argument("recording_id", metavar="RECORDING")
@click.option("--to", required=True, help="The provider that the campaign names.")
@config_option
@operator_errors
def hand_over(recording_id: str, to: str, config: Path) -> None:
    """Note that a copy of a recording is handed over to its campaign's provider. Only then make it, with `recordings export`."""
    with configured(config) as (_, registry):
        registry.hand_over(recording_id, to, utc_now())
    echo(f"noted: {recording_id} is handed over to {to}")


def _purpose(config: Config, name: str | None) -> Purpose:
    purposes = [p for p in config.book.purposes.values() if p.trigger is Trigger.CAMPAIGN and name in (None, p.name)]
    known = ", ".join(p.name for p in config.book.purposes.values() if p.trigger is Trigger.CAMPAIGN)
    what = f'no purpose {name} has trigger = "campaign"' if name else 'no purpose has trigger = "campaign"; write one in config.toml'
    _check((not purposes, what), (len(purposes) > 1, f"several purposes are for campaigns; give --purpose, one of {known}"))
    return purposes[0]


def _check(*mistakes: tuple[bool, str]) -> None:
    """Exit 2 with the first that is true."""
    for wrong, what in mistakes:
        if wrong:
            echo(f"Error: {what}", err=True)
            sys.exit(USAGE)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _state(row: CampaignRow) -> str:
    now = utc_now()
    if row.closed_at is not None:
        return "closed"
    if row.taken >= row.most:
        return "full"
    return "over" if now >= row.to_at else "active" if now >= row.from_at else "to come"


def _line(row: CampaignRow) -> tuple[str, ...]:
    designated = (", ".join(row.extensions) or "all", ", ".join(row.profiles) or "all")
    taken = f"{row.taken} of {row.most}"
    return (str(row.id), _state(row), row.purpose, *designated, local(row.from_at), local(row.to_at), taken, row.provider, row.reason)


def _as_json(row: CampaignRow) -> dict[str, object]:
    return {
        "id": row.id,
        "state": _state(row),
        "purpose": row.purpose,
        "extensions": list(row.extensions),
        "profiles": list(row.profiles),
        "from": iso(row.from_at),
        "to": iso(row.to_at),
        "count": row.most,
        "taken": row.taken,
        "provider": row.provider,
        "reason": row.reason,
        "closed": iso(row.closed_at),
    }
