"""`asterisk-privacy status`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asterisk_privacy.cli import nagios
from asterisk_privacy.cli.common import config_option, local, operator_errors, print_json
from asterisk_privacy.cli.control_socket import control_socket
from asterisk_privacy.cli.nagios import number, part
from asterisk_privacy.cli.nodes_table import print_nodes
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.control import Report, ask
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.escaping import printable, printable_lines


@click.command("status")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
@click.option("--nagios", "as_plugin", is_flag=True, help="One line with performance data, and the exit codes of a Nagios plugin.")
@operator_errors
def status(config: Path, as_json: bool, as_plugin: bool) -> None:
    """Is the recorder running, connected and healthy?

    \b
    Example:
      sudo -u asterisk-privacy asterisk-privacy status

    \b
    Exit codes:
      0 connected, no alarm since the start, nothing overdue
      1 not connected, alarms, a refused configuration, an overdue request or deletion, a silent node, a clock that is off or doubted,
        a registry that is gone, files or rows astray
      3 no daemon answers
    With --nagios: 0 OK, 1 WARNING (alarms, requests, nodes, clock), 2 CRITICAL (no daemon, no Asterisk, disk full, deletions overdue),
    3 UNKNOWN.
    """
    if as_plugin:
        found = _as_plugin(config)
        echo(found.line)
        sys.exit(found.code)
    report = ask(control_socket(config), "status")
    if as_json:
        print_json(report)
    else:
        _print(report, Console())
    wrong = (
        report["alarms"]
        or number(report, "requests", "overdue")
        or number(report, "purge", "overdue")
        or part(report, "config").get("refused")
        or not part(report, "ari").get("connected")
        or part(report, "nodes").get("silent")
        or part(part(report, "nodes"), "clock").get("off")
        or part(report, "clock").get("doubted")
        or part(report, "registry").get("gone")
        or number(report, "astray", "total")
    )
    sys.exit(1 if wrong else 0)


def _as_plugin(config: Path) -> nagios.Verdict:
    try:
        socket = control_socket(config)
    except ConfigError as error:
        return nagios.unknown(error.problems[0])
    try:
        return nagios.verdict(ask(socket, "status"))
    except OperatorError as error:
        return nagios.no_daemon(str(error))


def _print(report: Report, console: Console) -> None:
    table = Table(title=f"asterisk-privacy {report.get('version')}", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, words in rows(report):
        table.add_row(name, printable_lines(words))
    console.print(table)
    nodes = part(report, "nodes")
    if nodes:
        _print_nodes(nodes)


def _print_nodes(nodes: dict[str, object]) -> None:
    off = part(nodes, "clock").get("off")
    if off:
        echo(f"Clock: {off}")
    rows = nodes.get("all")
    if isinstance(rows, list):
        print_nodes(rows)
    else:
        echo(f"Nodes: {nodes.get('error')}")


STRANGERS = (
    ": they are neither agents nor were told anything. Give an agent's endpoint the template privacy-agent, or name it in \\[agents] of "
    "config.toml; tell others by U(privacy-outbound^PROFILE)"
)


GATED = (
    ": these phones send nothing in pauses (VAD, DTX) or have a noise gate. Once a call has shown it, a minute of their silence is no "
    "hold, so they must signal each hold; before that ten seconds of listening count as one. Better: VAD and noise gate off"
)


def rows(report: Report) -> Iterator[tuple[str, str]]:
    """Of the table: what it is about, and what is to be said, with the markup of rich."""
    ari, agi, calls, capture, ring = (part(report, n) for n in ("ari", "agi", "calls", "capture", "ring"))
    yield "Asterisk", f"connected as {ari.get('app')}" if ari.get("connected") else _bad("not connected: calls go on unrecorded")
    yield "Dialplan", f"{agi.get('answered')} requests answered, {agi.get('dropped')} dropped"
    yield "Calls now", f"{calls.get('now')}  {_pairs(calls.get('by_life'))}".rstrip()
    draining = part(report, "draining")
    if draining.get("on"):
        then = ", then it stops" if draining.get("stops") else ""
        yield "Draining", f"no new calls are taken: {draining.get('words')}{then}"
    yield "Calls since start", f"{calls.get('begun')}  {_pairs(calls.get('outcomes'))}".rstrip()
    if calls.get("notices_failed"):
        yield "Announcements that could not be played", _bad(_pairs(calls.get("notices_failed")))
    if calls.get("outsiders"):
        yield "Not kept, with strangers in it", _bad(_pairs(calls.get("outsiders"))) + STRANGERS
    if calls.get("colleagues"):
        yield "Agents on recorded lines", escape(_pairs(calls.get("colleagues"))) + ": colleagues among themselves are not recorded"
    yield "Taps", f"{capture.get('taps')} now, {capture.get('attached')} in all, {capture.get('failed')} failed"
    yield from _heard(capture)
    yield "Memory of rings", f"{_size(ring.get('bytes'))} of {_size(ring.get('limit'))}"
    yield from _forgetting(report)
    disk = part(report, "disk")
    if disk:
        free = f"{_size(disk.get('free'))} of {_size(disk.get('size'))} free"
        yield "Disk", free if number(report, "disk", "free") >= nagios.LEAST_FREE_BYTES else _bad(free + ": no call is recorded")
    keys = report.get("keys")
    if isinstance(keys, list):
        yield "Recordings open to", "\n".join(_fingerprint(str(key)) for key in keys)
    read = part(report, "config")
    if read:
        restart = read.get("restart")
        waits = f", restart for: {', '.join(map(str, restart))}" if isinstance(restart, list) and restart else ""
        refused = ", " + _bad("the file has mistakes by now: see check-config") if read.get("refused") else ""
        yield "Configuration", f"read {_when(read.get('read'))}{escape(waits)}{refused}"
    alarms = part(report, "alarms")
    yield "Alarms", _bad(_pairs(alarms)) if alarms else "none"
    advice = report.get("advice")
    for line in advice if isinstance(advice, list) else ():
        yield "[red]Warning[/red]", escape(str(line))


def _heard(capture: dict[str, object]) -> Iterator[tuple[str, str]]:
    if "wire" in capture:
        yield "Through the wire", _wire(capture)
    if capture.get("renewed"):
        yield "Late taps", f"{capture.get('renewed')} replaced: Asterisk stood still for a moment"
    if capture.get("missing_seconds"):
        yield "Talk missing", _bad(f"{capture.get('missing_seconds')} s of single voices: this machine has more to do than it can")
    if capture.get("silent_holds"):
        yield "Holds that only a phone knew of", escape(_pairs(capture.get("silent_holds")))
    silent = capture.get("silent_legs")
    for why, phones in silent.items() if isinstance(silent, dict) else ():
        yield f"Silent: {why}", escape(_pairs(phones))
    if capture.get("silent_between_words"):
        yield "Silent between words", escape(_pairs(capture.get("silent_between_words"))) + GATED


def _forgetting(report: Report) -> Iterator[tuple[str, str]]:
    """What is deleted, and when; what waits for it or for the bucket."""
    purge = part(report, "purge")
    overdue = number(report, "purge", "overdue")
    late = _bad(f"{overdue} overdue") if overdue else "none overdue"
    yield "Purge", f"last {_when(purge.get('last')) or 'never'}, next {_when(purge.get('next')) or 'not planned'}, {late}"
    if doubted := part(report, "clock").get("doubted"):
        yield "Clock", _bad(str(doubted))
    if gone := part(report, "registry").get("gone"):
        yield "Registry", _bad(str(gone))
    yield from _astray(part(report, "astray"))
    uploads = part(report, "uploads")
    if uploads:
        yield "Bucket", _uploads(uploads)
    asked = part(report, "requests")
    late = ", " + _bad(f"{asked.get('overdue')} overdue") if asked.get("overdue") else ""
    yield "Requests of persons", f"{asked.get('open', '?')} open, {asked.get('due_soon', '?')} due within 7 days{late}"


def _astray(found: dict[str, object]) -> Iterator[tuple[str, str]]:
    """What the night found, until somebody has settled it."""
    lines = found.get("lines")
    if found.get("total") and isinstance(lines, list):
        yield "Astray", _bad(f"{_pairs(found.get('kinds'))}, since {_when(found.get('since'))}; see: asterisk-privacy reconcile")
        yield "", "\n".join(escape(printable(str(line))) for line in lines)


def _wire(capture: dict[str, object]) -> str:
    """`wire` taps are there now; `unfit` ones were, or were to be, and became snoops."""
    lost = _bad(f"{capture.get('wire_lost')} packets lost: voices are missing") if capture.get("wire_lost") else "no packet lost"
    begin = "wire_unfit_"
    reasons = {name.removeprefix(begin).replace("_", "-"): count for name, count in capture.items() if name.startswith(begin)}
    unfit = f"{capture.get('wire_unfit')} put on a snoop instead" + (f" ({_pairs(reasons)})" if reasons else "")
    return f"{capture.get('wire')} of them now, {capture.get('wire_heard')} in all, {unfit}, {lost}"


def _uploads(uploads: dict[str, object]) -> str:
    done = f"{uploads.get('uploaded')} recordings brought there"
    waiting = f"{uploads.get('waiting')} wait ({_size(uploads.get('bytes'))})" if uploads.get("waiting") else "none waits"
    since = f", the oldest since {_when(uploads.get('oldest'))}" if uploads.get("oldest") else ""
    return f"{done}, {waiting}{since}" + (": " + _bad(str(uploads["error"])) if uploads.get("error") else "")


def _bad(words: str) -> str:
    return f"[red]{escape(printable(words))}[/red]"


def _fingerprint(key: str) -> str:
    """Of an age public key, long enough to compare with a line of recipients.txt."""
    return f"{key[:16]}...{key[-8:]}"


def _when(text: object) -> str:
    """ISO 8601 as local time to the minute."""
    return local(datetime.fromisoformat(text)) if isinstance(text, str) else ""


def _pairs(of: object) -> str:
    """What it is of, peers may have named."""
    return ", ".join(printable(f"{name} {count}") for name, count in of.items()) if isinstance(of, dict) else ""


def _size(amount: object) -> str:
    if not isinstance(amount, int | float):
        return "?"
    return f"{amount / (1 << 30):.1f} GiB" if amount >= 1 << 30 else f"{amount / (1 << 20):.1f} MiB"
