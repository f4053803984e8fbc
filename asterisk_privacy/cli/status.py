"""`asterisk-privacy status`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asterisk_privacy.cli.common import config_option, operator_errors
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.control import Report, ask


@click.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@operator_errors
def status(config: Path, as_json: bool) -> None:
    """Is the recorder running, connected and healthy?

    Exit code 0: connected and no alarm since the start; 1: not connected, alarms, or an overdue request; 3: no daemon answers.
    """
    report = ask(load(config).control.socket, "status")
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        _print(report)
    wrong = report["alarms"] or _part(report, "requests").get("overdue") or not _part(report, "ari").get("connected")
    sys.exit(1 if wrong else 0)


def _part(report: Report, name: str) -> dict[str, object]:
    part = report.get(name)
    return part if isinstance(part, dict) else {}


def _print(report: Report) -> None:
    console = Console()
    table = Table(title=f"asterisk-privacy {report.get('version')}", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    ari, calls, capture, ring = (_part(report, n) for n in ("ari", "calls", "capture", "ring"))
    link = f"connected as {ari.get('app')}" if ari.get("connected") else "[red]not connected: calls go on unrecorded[/red]"
    table.add_row("Asterisk", link)
    table.add_row("Calls now", f"{calls.get('now')}  {_pairs(calls.get('by_life'))}")
    table.add_row("Calls since start", f"{calls.get('begun')}  {_pairs(calls.get('outcomes'))}")
    table.add_row("Taps", f"{capture.get('taps')} now, {capture.get('attached')} in all, {capture.get('failed')} failed")
    table.add_row("Memory of rings", f"{_mib(ring.get('bytes'))} of {_mib(ring.get('limit'))}")
    purge = _part(report, "purge")
    table.add_row("Purge", f"last {purge.get('last') or 'never'}, next {purge.get('next')}, overdue {purge.get('overdue')}")
    asked = _part(report, "requests")
    late = f", [red]{asked.get('overdue')} overdue[/red]" if asked.get("overdue") else ""
    table.add_row("Requests of persons", f"{asked.get('open', '?')} open, {asked.get('due_soon', '?')} due within 7 days{late}")
    alarms = _part(report, "alarms")
    table.add_row("Alarms", f"[red]{_pairs(alarms)}[/red]" if alarms else "none")
    advice = report.get("advice")
    for line in advice if isinstance(advice, list) else ():
        table.add_row("[red]Asterisk is not set up for it[/red]", escape(str(line)))
    console.print(table)


def _pairs(of: object) -> str:
    return ", ".join(f"{name} {count}" for name, count in of.items()) if isinstance(of, dict) else ""


def _mib(amount: object) -> str:
    return f"{amount / 1048576:.1f} MiB" if isinstance(amount, int | float) else "?"
