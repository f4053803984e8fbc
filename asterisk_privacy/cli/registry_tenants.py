"""`asterisk-privacy registry tenants`: which users of the database see which company's rows."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.on_server import on_server
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.tenants import astray


@click.command("tenants")
@config_option
@json_option
@operator_errors
def tenants(config: Path, as_json: bool) -> None:
    """The companies of this registry: whose recordings there are, and which users of the database see the rows of which.

    A user who is listed sees and writes the rows of his company only; see: asterisk-privacy registry grant --help. Who is not listed sees
    all. A company that is no longer in the configuration keeps its recordings until they end.

    \b
    Example:
      asterisk-privacy registry tenants

    \b
    Exit codes: 0 fine, 1 something is not as it should be, 2 configuration, 3 cannot work now.
    """
    settings = load(config)
    with on_server(settings) as opened:
        users, kept, wrong = opened.tenants.users(), opened.tenants.kept(), list(astray(settings, opened))
    names = sorted({*settings.book.tenants, *(u.tenant for u in users), *(name for name in kept if name is not None)})
    listed = {name: [user.name for user in users if user.tenant == name] for name in names}
    if as_json:
        print_json([{"tenant": name, "users": listed[name], "recordings": kept.get(name, 0)} for name in names])
    else:
        rows = [(name, ", ".join(listed[name]), str(kept.get(name, 0))) for name in names]
        print_table(("tenant", "users of the database", "recordings"), rows)
        for line in wrong:
            echo(f"Warning: {line}", err=True)
    if wrong:
        sys.exit(FOUND_SOMETHING)
