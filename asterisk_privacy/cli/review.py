"""`asterisk-privacy review`: the page on which people listen, and who may sign in there."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import click

from asterisk_privacy.cli.common import config_option, operator_errors
from asterisk_privacy.cli.review_account import account
from asterisk_privacy.cli.review_play import play_next, play_one
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.logs import Formatter
from asterisk_privacy.review.desk.server import run as run_desk
from asterisk_privacy.review.serve import serve as run_page

LEVELS = ("debug", "info", "warning", "error")


@click.group("review")
def review() -> None:
    """Listening to recordings: the page for reviewers, and its accounts.

    \b
    Example:
      asterisk-privacy review account add anna --role reviewer --agent PJSIP/anna
      asterisk-privacy review serve
    """


review.add_command(account)
review.add_command(play_next)
review.add_command(play_one)


@review.command("serve")
@config_option
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="How much to write to the journal.")
@operator_errors
def serve(config: Path, log_level: str) -> None:
    """Run the review page. systemd does this (asterisk-privacy-review.service), as a user of its own.

    It listens where [review] listen says, 127.0.0.1:8480 by default: put a proxy that speaks HTTPS in front, or use it through ssh. The
    secret key comes from systemd's credential "identity", or from [review] identity.

    \b
    Example:
      asterisk-privacy review serve --config ./config.toml

    \b
    Exit codes: 0 it was stopped, 2 usage or configuration, 3 cannot work now.
    """
    _log(log_level)
    asyncio.run(run_page(load(config)))


@review.command("desk", hidden=True)
@config_option
@click.option("--descriptor", type=int, required=True, help="Of the listening socket.")
@operator_errors
def desk(config: Path, descriptor: int) -> None:
    """Answer the review page, where the registry is a file. The recorder starts this itself; nobody else has to.

    \b
    Exit codes: 0 nobody asks any more, 2 configuration, 3 cannot work now.
    """
    _log("info")
    run_desk(load(config), descriptor)


def _log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level.upper())
