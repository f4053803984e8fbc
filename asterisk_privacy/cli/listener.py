"""Who runs a command, as far as listening goes: his account on the review page, its roles, and what he may hear."""

from __future__ import annotations

from asterisk_privacy.cli.common import actor
from asterisk_privacy.daemon.purging import Rules
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review.accounts import AccountBook
from asterisk_privacy.review.permission import Facts, Viewer
from asterisk_privacy.review.site import facts_of


def viewer_of(settings: Config) -> Viewer:
    """Raises OperatorError where whoever runs the command has no account."""
    name = actor().removeprefix("cli:")
    account = AccountBook(settings.review.accounts).find(name)
    if account is None or account.disabled:
        raise OperatorError(f"{name}: has no account for listening; an administrator makes one: asterisk-privacy review account add {name}")
    return Viewer(name, account.roles, settings.review.purposes(settings.book).purposes, account.agents)


def facts_now(row: RecordingRow, settings: Config) -> Facts:
    return facts_of(row, settings, Rules.of(settings), utc_now())
