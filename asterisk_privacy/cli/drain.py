"""`asterisk-privacy drain`: no new calls, until the machine is free for an upgrade."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from rich.console import Console

from asterisk_privacy.cli.common import config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.control_socket import control_socket
from asterisk_privacy.cli.nagios import part
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.control import Report, ask
from asterisk_privacy.errors import OperatorError

POLL_SECONDS = 0.5
ASK_SECONDS = 10.0  # Asterisk is asked too
_ALONE = (
    "Warning: PRIVACY_AGI names no other recorder, so new calls go on unannounced and unrecorded until `asterisk-privacy drain --undo` "
    "or a restart"
)


@click.command("drain")
@config_option
@click.option("--wait", is_flag=True, help="Until nothing is left, with progress.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer than this; the recorder goes on draining.")
@click.option("--stop", is_flag=True, help="The recorder ends when nothing is left, and systemd does not start it again.")
@click.option("--undo", is_flag=True, help="Take new calls again.")
@json_option
@operator_errors
def drain(config: Path, wait: bool, timeout: float | None, stop: bool, undo: bool, as_json: bool) -> None:
    """Take no new calls, and finish those that go on.

    Where PRIVACY_AGI names several recorders, the others take the new calls; else these go on unannounced and unrecorded. Calls that go on
    are kept as was promised, the grace time included; their rows and uploads are delivered. A restart takes calls again.

    \b
    Examples:
      asterisk-privacy drain --wait --stop && apt install ./asterisk-privacy_*.deb && systemctl start asterisk-privacy
      asterisk-privacy drain --undo

    \b
    Exit codes: 0 done (with --wait: nothing is left), 1 not within --timeout, 2 usage, 3 no daemon answers.
    """
    if undo and (wait or stop or timeout is not None):
        raise click.UsageError("--undo goes with no other option")
    wait = wait or timeout is not None
    control = control_socket(config)
    told = ask(control, f"drain {'undo' if undo else 'stop' if stop else ''}".strip(), ASK_SECONDS)
    if told.get("others") is False and not undo:
        echo(_ALONE, err=True)
    if wait:
        told = _wait(control, told, None if timeout is None else time.monotonic() + timeout)
    if as_json:
        print_json(told)
    else:
        echo("New calls are taken again." if undo else f"{'Drained' if told.get('empty') else 'Draining'}: {told.get('words')}.")
    sys.exit(1 if wait and not told.get("empty") else 0)


def _wait(control: Path, told: Report, until: float | None) -> Report:
    """The last report. OperatorError if the daemon ends with something left, or takes calls again."""
    with Console(stderr=True).status("draining") as shown:
        while not told.get("empty") and (until is None or time.monotonic() < until):
            shown.update(f"draining: {told.get('words')}")
            time.sleep(POLL_SECONDS)
            told = part(ask(control, "status", ASK_SECONDS), "draining")
            if not told.get("on"):
                raise OperatorError("the recorder takes new calls again: it was restarted, or somebody undid the draining")
    return told
