"""`asterisk-privacy purge`: forget what is due, or tell what would be forgotten and why."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, configured, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.place_words import in_words
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.elsewhere import MOST_NAMED
from asterisk_privacy.daemon.night import run_night
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.policy.book import LANGUAGES
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.expiry import Expired
from asterisk_privacy.retention.plan import Planned
from asterisk_privacy.retention.purger import PurgeReport


class Moment(click.ParamType[datetime]):
    name = "iso-datetime"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value)).astimezone()  # without a timezone: local time
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no moment; write it as 2026-03-01T03:30 (local time) or 2026-03-01T03:30+00:00", param, ctx)


@click.command("purge")
@config_option
@click.option("--dry-run", is_flag=True, help="Delete nothing; tell what would go.")
@click.option("--explain", is_flag=True, help="Also list what stays, and until when.")
@click.option("--override-brake", is_flag=True, help="Delete even if it is unusually much at once, or files are missing.")
@click.option("--clock-is-right", is_flag=True, help="Go on by a clock that contradicts the audit trail. The brakes stay on.")
@click.option("--at", type=Moment(), metavar="ISO-DATETIME", help="Judge as if it were this moment.")
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the reasons; without it that of [office].")
@click.option("--yes", is_flag=True, help="Needed to delete with an --at that is still to come.")
@json_option
@operator_errors
def purge(
    config: Path,
    dry_run: bool,
    explain: bool,
    override_brake: bool,
    clock_is_right: bool,
    at: datetime | None,
    language: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Forget the recordings whose every purpose has ended.

    The daemon does this each night; by hand it is the same. Each deletion is evidenced in the registry. Deletions that a crash cut
    off are finished first, and files and rows are compared both ways. Rows of calls of which nothing is kept go too, and in the end
    the evidence ([registry] unkept_calls_days, evidence_days). If far more is due than on an ordinary night, nothing is
    deleted until somebody has looked and says --override-brake. By a clock that contradicts the audit trail nothing is
    deleted either, until somebody says --clock-is-right. Each of the two says nothing about the other.

    \b
    Examples:
      asterisk-privacy purge --dry-run --explain
      asterisk-privacy purge --dry-run --at 2027-01-01T00:00

    \b
    Exit codes: 0 fine; 1 something needs a look (brake, failure, overdue recording, file or row astray);
    2 usage or configuration; 3 cannot work now.
    """
    real_now = utc_now()
    future = at is not None and at > real_now
    if future and not dry_run and not yes:
        raise click.UsageError("this deletes recordings that are not due yet; add --dry-run to look, or --yes to delete them")
    with configured(config) as (settings, registry):
        vault = vault_of(settings)
        night = run_night(
            registry, vault, settings, at or real_now, dry_run, override_brake, explain, at is None, clock_is_right=clock_is_right
        )
        report = night.purge
        told = report.plan.items if explain else report.plan.deletions
        where = registry.nodes.where([planned.item_id for planned in told]) if registry.nodes.name is not None else {}
    listed = tuple(dataclasses.replace(planned, language=language or settings.office.language) for planned in told)
    if as_json:
        others = [{"node": one.node, "why": one.why, "ids": list(one.ids)} for one in night.elsewhere]
        print_json({**_as_json(report, listed, where), "rows": dataclasses.asdict(night.rows), "overdue_elsewhere": others})
    else:
        _show(report, listed, where)
        _show_rows(night.rows, dry_run)
        for one in night.elsewhere:
            echo(f"{one.in_words()}: {', '.join(one.ids[:MOST_NAMED])}{' ...' if len(one.ids) > MOST_NAMED else ''}", err=True)
    late = report.overdue or night.elsewhere
    alarming = report.brake or report.failed or report.findings or (late and not (future and dry_run))
    if alarming:
        sys.exit(FOUND_SOMETHING)


Where = Mapping[str, tuple[str | None, str | None]]
"""Node and bucket of each recording; empty where there is one machine."""


def _as_json(report: PurgeReport, listed: Sequence[Planned], where: Where) -> dict[str, object]:
    return {
        "at": iso(report.at),
        "dry_run": report.dry_run,
        "brake": report.brake,
        "recordings": report.plan.total,
        "due": len(report.plan.deletions),
        "items": [
            {"id": p.item_id, "delete": p.delete, "held": p.blocked, "due": iso(p.due), "reason": p.reason, **_at(p.item_id, where)}
            for p in listed
        ],
        "deleted": list(report.deleted),
        "finished": list(report.finished),
        "spared": [{"id": s.item_id, "why": s.why} for s in report.spared],
        "failed": [{"id": f.item_id, "why": f.why} for f in report.failed],
        "stuck": list(report.stuck),
        "overdue": [p.item_id for p in report.overdue],
        "findings": [{"kind": f.kind.value, "id": f.recording_id, "what": f.what} for f in report.findings],
        "findings_untold": report.findings_untold,
    }


def _at(recording_id: str, where: Where) -> dict[str, object]:
    node, place = where.get(recording_id, (None, None))
    return {"node": node, "place": place} if where else {}


def _show(report: PurgeReport, listed: Sequence[Planned], where: Where) -> None:
    if listed:
        done = set(report.deleted)
        rows = [(p.item_id, _verb(p, report, done), local(p.due), p.reason) for p in listed]
        headings: tuple[str, ...] = ("recording", "", "ends", "why")
        if where:
            rows = [(*row, in_words(*where.get(row[0], (None, None)))) for row in rows]  # type: ignore[misc]
            headings = (*headings, "where")
        print_table(headings, rows)
    for item_id in report.finished:
        echo(f"{item_id}: deletion finished that was cut off before")
    for spared in report.spared:
        echo(f"{spared.item_id}: spared, because {spared.why}")
    for failure in report.failed:
        echo(f"{failure.item_id or 'registry'}: failed: {failure.why}", err=True)
    for planned in report.overdue:
        echo(f"{planned.item_id}: overdue since {local(planned.due)}", err=True)
    for finding in report.findings:
        echo(finding.what, err=True)
    if report.findings_untold:
        echo(f"and {report.findings_untold} more files or rows astray; see: asterisk-privacy reconcile", err=True)
    if report.brake:
        echo(f"Brake: {report.brake}", err=True)
        if not (report.dry_run or report.plan.total):  # the clock is doubted: nothing was even planned
            return
    kept = report.plan.total - len(report.plan.deletions)
    if report.dry_run:
        echo(f"{len(report.plan.deletions)} due, {kept} kept; a dry run, nothing was deleted")
    else:
        echo(f"{len(report.deleted) + len(report.finished)} deleted, {len(report.failed)} failed, {kept} kept")


def _show_rows(rows: Expired, dry_run: bool) -> None:
    if rows:
        echo(
            f"rows {'due' if dry_run else 'deleted'}: {rows.unkept} calls that were not kept, {rows.evidence} calls with the evidence of "
            f"recordings deleted long ago, {rows.cases} cases; agent and timeline of {rows.reduced} calls"
        )


def _verb(planned: Planned, report: PurgeReport, done: set[str]) -> str:
    if planned.item_id in done:
        return "deleted"
    if planned.blocked:
        return "held"
    return "due" if planned.delete else "kept"
