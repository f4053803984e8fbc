"""`asterisk-privacy registry`: what the administrator of a registry on PostgreSQL does with it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from asterisk_privacy.cli.common import FOUND_SOMETHING, actor, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.nodes_table import off, print_nodes
from asterisk_privacy.cli.on_server import on_server
from asterisk_privacy.cli.registry_retire import readmit, retire
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.neighbours import as_report
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.nodes import NodeState
from asterisk_privacy.registry.registry import Registry


@click.group("registry")
def registry() -> None:
    """A registry on PostgreSQL, which several PBXs share: make and upgrade its tables, say who may do what with them, and look
    after the nodes.

    A registry in a file of this machine, the default, needs none of this: the daemon makes, copies and upgrades it by itself.
    """


registry.add_command(retire)
registry.add_command(readmit)


@registry.command("upgrade")
@click.option("--i-have-a-backup", "backed_up", is_flag=True, help="pg_dump was run, and all other nodes are stopped.")
@config_option
@operator_errors
def upgrade(config: Path, backed_up: bool) -> None:
    """Make the tables, or bring them to this version. Run it as the user of the database who owns them.

    An upgrade cannot be undone, and older versions do not read its result: stop the daemons of all nodes, run pg_dump, then this, then
    install the new version on every node.

    \b
    Example:
      pg_dump --format custom --file registry.dump privacy
      asterisk-privacy registry upgrade --i-have-a-backup

    \b
    Exit codes: 0 fine, 2 configuration, 3 cannot work now.
    """
    place = home_of(load(config))
    if not isinstance(place, Server):
        raise OperatorError(f"registry {place}: is a file; the daemon upgrades it at its next start, and makes a copy before")
    with Registry.open(replace(place, backed_up=backed_up), actor=actor()) as opened:
        click.echo(f"{opened.where}: its tables are those of this version")


@registry.command("nodes")
@config_option
@json_option
@operator_errors
def nodes(config: Path, as_json: bool) -> None:
    """All nodes of this registry, as each last told of itself: without a daemon here.

    Each daemon tells every half minute. One that has told nothing for two minutes is silent; one that was stopped in order is not.

    \b
    Example:
      asterisk-privacy registry nodes

    \b
    Exit codes: 0 fine, 1 a node is silent, or its clock is more than a minute off, 2 configuration, 3 cannot work now.
    """
    with on_server(load(config)) as opened:
        found = [as_report(row) for row in opened.nodes.all()]
    if as_json:
        print_json(found)
    else:
        print_nodes(found)
    if any(node["state"] == NodeState.SILENT or (node["state"] == NodeState.UP and off(node)) for node in found):
        sys.exit(FOUND_SOMETHING)


@registry.command("grant")
@click.argument("role", type=click.Choice([role.value for role in Role]))
@click.argument("user")
def grant(role: str, user: str) -> None:
    """Print the SQL that lets a USER of the database do what a ROLE must, and no more. Nothing is changed.

    recorder and purger are what the daemon needs, both for one user; reviewer is for the review page and the commands of people. None of
    them can change or shorten the audit trail. Who owns the tables can do everything: use that user for upgrades only.

    \b
    Example:
      asterisk-privacy registry grant recorder pbx | psql privacy
      asterisk-privacy registry grant purger pbx | psql privacy
      asterisk-privacy registry grant reviewer page | psql privacy
    """
    for statement in grants(Role(role), user):
        click.echo(statement)
