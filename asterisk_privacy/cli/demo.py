"""`asterisk-privacy demo`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from asterisk_privacy.cli.common import FOUND_SOMETHING, operator_errors


@click.command("demo")
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("demo-out"), show_default=True, help="For the pictures."
)
@operator_errors
def demo(output: Path) -> None:
    """Play four calls on a real Asterisk and measure what was kept.

    Uses the system's Asterisk (20.5.0 or later) and sipp if they are there, else unpacks Debian's into a cache: no root, nothing installed,
    nothing of your PBX touched. Takes about two minutes. Exit code 1 if a measured promise is broken.
    """
    from asterisk_privacy.lab.demo.show import run  # noqa: PLC0415 - the lab is heavy and only the demo needs it

    if not run(output, Console()):
        sys.exit(FOUND_SOMETHING)
