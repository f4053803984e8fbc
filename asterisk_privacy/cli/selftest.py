"""`asterisk-privacy selftest`: a test call on this PBX."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from asterisk_privacy.cli.common import actor, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.sounds import elsewhere
from asterisk_privacy.escaping import printable
from asterisk_privacy.selftest.run import selftest as run_selftest
from asterisk_privacy.selftest.steps import STEPS, Result, Step, Steps
from asterisk_privacy.setup.clashes import clashing
from asterisk_privacy.setup.tree import Tree

_SIGNS = {
    Result.FINE: "[green]ok  [/green]",
    Result.WRONG: "[red]FAIL[/red]",
    Result.CANNOT: "[yellow]??  [/yellow]",
    Result.NOT_TRIED: "[dim]-   [/dim]",
}
_WIDTH = max(len(title) for title in STEPS.values())


@click.command("selftest")
@config_option
@click.option("--profile", default="", metavar="NAME", help="Whose announcement is played; without it that of the first one.")
@click.option("--keep-key", default="*1", show_default=True, metavar="DIGITS", help="Your digits of privacykeep in features.conf.")
@json_option
@operator_errors
def selftest(config: Path, profile: str, keep_key: str, as_json: bool) -> None:
    """Make a test call on this PBX, and look at each step.

    Two tones talk with each other over Local channels; no phone rings. The call is announced, connected, put on hold by ARI and kept
    with the agent's key; its recording is opened, measured and deleted. It takes as long as the announcement, and fifteen seconds.
    The recording has a purpose of its own, and a key that nobody else has. Other calls are not touched. Local channels have no packets:
    with [capture] how = "wire" this call is heard through snoops, and `status` tells what phones are heard through.

    \b
    Example:
      sudo -u asterisk-privacy asterisk-privacy selftest

    \b
    Exit codes: 0 all is well, 1 something is wrong (its line says the way out), 2 configuration, 3 could not be tried.
    """
    settings = load(config)
    console = Console(highlight=False)
    if as_json:
        steps = Steps()
        asyncio.run(run_selftest(settings, steps, actor(), profile, keep_key))
        print_json({"exit_code": steps.exit_code, "steps": [_as_json(step) for step in steps.all]})
    else:
        with console.status("a test call; the announcement takes its time"):
            steps = Steps(lambda step: _print(console, step))
            asyncio.run(run_selftest(settings, steps, actor(), profile, keep_key))
    if not elsewhere(settings):
        for line in clashing(Tree(Path("/")), "/etc/asterisk"):  # the test call is made without h and H
            echo(f"Warning: {line}", err=True)
    sys.exit(steps.exit_code)


def _print(console: Console, step: Step) -> None:
    told = f"  {escape(printable(step.told))}" if step.told and step.result is Result.FINE else ""
    console.print(f"{_SIGNS[step.result]} {step.title:<{_WIDTH}}{told}", soft_wrap=True)
    if step.told and step.result is not Result.FINE:
        console.print(f"       {escape(printable(step.told))}", soft_wrap=True)


def _as_json(step: Step) -> dict[str, str]:
    return {"step": step.name, "title": step.title, "result": step.result.value, "told": step.told}
