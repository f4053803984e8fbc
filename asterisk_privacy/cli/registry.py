"""`asterisk-privacy registry`: what the administrator of a registry on PostgreSQL does with it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from asterisk_privacy.cli.common import FOUND_SOMETHING, actor, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.nodes_table import off, print_nodes
from asterisk_privacy.cli.on_server import on_server
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.registry_retire import readmit, retire
from asterisk_privacy.cli.registry_tenants import tenants
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.neighbours import as_report
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.policy.book import NAME
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.nodes import NodeState
from asterisk_privacy.registry.opening import is_new
from asterisk_privacy.registry.registry import Registry


@click.group("registry")
def registry() -> None:
    """A registry on PostgreSQL, which several PBXs share: make and upgrade its tables, say who may do what with them, and look
    after the nodes.

    A registry in a file of this machine, the default, needs none of this: the daemon makes, copies and upgrades it by itself. Only where it
    is lost, begin-anew makes a new one.
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
        echo(f"{opened.where}: its tables are those of this version")


@registry.command("begin-anew")
@config_option
@operator_errors
def begin_anew(config: Path) -> None:
    """Make a new registry in a file, where the old one is lost and no backup of it is left.

    The daemon does not do it by itself where recordings are: the new registry knows of none of them. They stay until `reconcile --settle`
    shreds them as files without a row. Their purposes and periods are not known any more.

    \b
    Example:
      sudo -u asterisk-privacy asterisk-privacy registry begin-anew

    \b
    Exit codes: 0 fine, 2 configuration, 3 cannot work now, or there is a registry.
    """
    place = home_of(load(config))
    if isinstance(place, Server):
        raise OperatorError(f"registry {place.where}: is on a server; run: asterisk-privacy registry upgrade")
    if not is_new(place):
        raise OperatorError(f"registry {place}: is there; move it away first, if it is not the right one")
    with Registry.open(place, actor=actor()) as opened:
        opened.audit(actor(), "registry.begin-anew", "", {})
    echo(f"{place}: is new and empty; see: asterisk-privacy reconcile")


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
@click.option("--tenant", metavar="NAME", help="reviewer only: this user sees and writes the rows of this company, and no others.")
@config_option
def grant(role: str, user: str, tenant: str | None, config: Path) -> None:
    """Print the SQL that lets a USER of the database do what a ROLE must, and no more. Nothing is changed.

    recorder and purger are what the daemon needs, both for one user; reviewer is for the review page and the commands of people. None of
    them can change or shorten the audit trail. Who owns the tables can do everything: use that user for upgrades only.

    Where several companies share the registry ([tenants]), each has users of its own, with --tenant. The database itself keeps them from
    each other's rows then. Who is listed stays so until he is dropped (DROP ROLE), since who is not listed sees the rows of all.

    \b
    Example:
      asterisk-privacy registry grant recorder pbx | psql privacy
      asterisk-privacy registry grant purger pbx | psql privacy
      asterisk-privacy registry grant reviewer page | psql privacy
      asterisk-privacy registry grant reviewer acme_page --tenant acme | psql privacy
    """
    if tenant is not None and (Role(role) is not Role.REVIEWER or not NAME.fullmatch(tenant)):
        raise click.UsageError("--tenant goes with reviewer, and names one of [tenants]: recorder and purger work for all companies")
    _warn(user, tenant, config, Role(role))
    for statement in grants(Role(role), user, tenant):
        echo(statement, lines=True)


def _warn(user: str, tenant: str | None, config: Path, role: Role) -> None:
    """Of what this machine's configuration knows of companies; it may be another machine's that matters, or there may be none here."""
    try:
        known = load(config).book.tenants
    except ConfigError:
        return
    if tenant is not None and tenant not in known:
        echo(f"Warning: {config} names no tenant {tenant}; known there: {', '.join(known) or 'none'}", err=True)
    if role is Role.REVIEWER and tenant is None and len(known) > 1:
        echo(f"Warning: {user} will see the rows of {', '.join(known)}: for one company's people add --tenant", err=True)


registry.add_command(tenants)
