"""The command `asterisk-privacy` and its families."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from asterisk_privacy import __version__
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.errors import OperatorError

COMMANDS: Mapping[str, str] = {
    "serve": "asterisk_privacy.cli.serve:serve",
    "demo": "asterisk_privacy.cli.demo:demo",
    "setup": "asterisk_privacy.cli.setup:setup",
    "check-config": "asterisk_privacy.cli.check_config:check_config",
    "selftest": "asterisk_privacy.cli.selftest:selftest",
    "status": "asterisk_privacy.cli.status:status",
    "reload": "asterisk_privacy.cli.reload:reload_",
    "drain": "asterisk_privacy.cli.drain:drain",
    "log-level": "asterisk_privacy.cli.reload:log_level",
    "recordings": "asterisk_privacy.cli.recordings:recordings",
    "review": "asterisk_privacy.cli.review:review",
    "subject": "asterisk_privacy.cli.subject:subject",
    "case": "asterisk_privacy.cli.case:case",
    "hold": "asterisk_privacy.cli.hold:hold",
    "purge": "asterisk_privacy.cli.purge:purge",
    "reconcile": "asterisk_privacy.cli.reconcile:reconcile",
    "campaign": "asterisk_privacy.cli.campaign:campaign",
    "audit": "asterisk_privacy.cli.audit:audit",
    "registry": "asterisk_privacy.cli.registry:registry",
    "migrate": "asterisk_privacy.cli.migrate:migrate",
    "keys": "asterisk_privacy.cli.keys:keys",
    "register": "asterisk_privacy.cli.register:register",
    "simulate": "asterisk_privacy.cli.simulate:simulate_",
}


class _Families(click.Group):
    """Loads a command's file only when it is used, so that --help and status are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        where = COMMANDS.get(cmd_name)
        if where is None:
            return None
        module, _, name = where.partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """The net below commands that read no configuration, and so do not end their errors with `common.operator_errors`."""
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            echo(f"Error: {error}", err=True)
            ctx.exit(3)


@click.group(cls=_Families, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="asterisk-privacy")
def main() -> None:
    """Call recording for Asterisk with privacy by design.

    Nothing is kept that is not conversation; nothing is kept without a purpose and an end.

    Exit codes: 0 fine, 1 found something wrong, 2 usage or configuration, 3 cannot work now.
    """
