"""`asterisk-privacy serve`."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import click

from asterisk_privacy.cli.common import config_option, operator_errors
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.logs import set_up
from asterisk_privacy.daemon.service import serve as run_service
from asterisk_privacy.daemon.settings import LogLevel


@click.command("serve")
@config_option
@click.option(
    "--log-level", type=click.Choice([level.value for level in LogLevel]), help="How much goes to the journal, in place of [log] level."
)
@operator_errors
def serve(config: Path, log_level: str | None) -> None:
    """Run the recorder. systemd does this; by hand it is the same command.

    Calls never depend on it: while it is down or stopped they go on, unannounced and unrecorded.

    \b
    Example:
      asterisk-privacy serve --config ./config.toml --log-level debug
    """
    settings = load(config)
    set_up(LogLevel(log_level) if log_level else settings.log.level)
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop  # noqa: PLC0415 - optional: TCP 2-4 times cheaper

        uvloop.run(run_service(settings, config))
    else:
        asyncio.run(run_service(settings, config))
