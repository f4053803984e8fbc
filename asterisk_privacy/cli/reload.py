"""`asterisk-privacy reload` and `log-level`: changes in the running daemon."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from asterisk_privacy.cli.common import CANNOT_NOW, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.control_socket import control_socket
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.control import ask
from asterisk_privacy.daemon.settings import LogLevel

READ_SECONDS = 30.0  # a slow disk


@click.command("reload")
@config_option
@json_option
@operator_errors
def reload_(config: Path, as_json: bool) -> None:
    """Have the running daemon read its configuration again, without losing a call.

    Purposes, profiles, keys and recipients hold for calls and recordings that begin from now on; a call that goes on keeps the policy with
    which it began. What cannot change at run time is named. A configuration with mistakes changes nothing: each is printed, and the one
    before it still holds. `systemctl reload asterisk-privacy` and SIGHUP do the same.

    \b
    Example:
      asterisk-privacy check-config && asterisk-privacy reload

    \b
    Exit codes: 0 read again, 3 the configuration has mistakes or no daemon answers.
    """
    answer = ask(control_socket(config), "reload", READ_SECONDS)
    problems, changed, restart = ([str(line) for line in _list(answer.get(key))] for key in ("problems", "changed", "restart"))
    if as_json:
        print_json(answer)
    else:
        for problem in problems:
            echo(problem, err=True)
        if problems:
            echo("Error: nothing was changed; correct this and reload again, the daemon goes on with what it read before", err=True)
        else:
            echo(f"Changed for new calls: {', '.join(changed)}" if changed else "Nothing changed at run time.")
        if restart:
            echo(f"Restart for: {', '.join(restart)}")
    sys.exit(CANNOT_NOW if problems else 0)


@click.command("log-level")
@click.argument("level", type=click.Choice([level.value for level in LogLevel]), required=False)
@config_option
@operator_errors
def log_level(level: str | None, config: Path) -> None:
    """Show or change how much the running daemon writes to the journal, until it is restarted or its [log] level is changed.

    No level writes numbers or names.

    \b
    Example:
      asterisk-privacy log-level debug; journalctl -u asterisk-privacy -f EVENT=gate.open; asterisk-privacy log-level info
    """
    answer = ask(control_socket(config), f"log-level {level or ''}".strip())
    echo(f"{answer['level']}" + (f" (was {answer['before']})" if level else ""))


def _list(found: object) -> list[object]:
    return found if isinstance(found, list) else []
