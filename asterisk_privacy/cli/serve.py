"""`asterisk-privacy serve`."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import sys
from pathlib import Path

import click

from asterisk_privacy.cli.common import config_option, operator_errors
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.service import serve as run_service

LEVELS = ("debug", "info", "warning", "error")


@click.command("serve")
@config_option
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="How much to write to the journal.")
@operator_errors
def serve(config: Path, log_level: str) -> None:
    """Run the recorder. systemd does this; by hand it is the same command.

    Calls never depend on it: while it is down or stopped they go on, unannounced and unrecorded.

    \b
    Example:
      asterisk-privacy serve --config ./config.toml --log-level debug
    """
    under_systemd = "JOURNAL_STREAM" in os.environ
    logging.basicConfig(
        stream=sys.stderr,
        level=log_level.upper(),
        format="%(name)s: %(message)s" if under_systemd else "%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    settings = load(config)
    if importlib.util.find_spec("uvloop") is not None:
        import uvloop  # noqa: PLC0415 - optional: TCP 2-4 times cheaper

        uvloop.run(run_service(settings))
    else:
        asyncio.run(run_service(settings))
