"""What the commands about nodes share: a registry that is on a server."""

from __future__ import annotations

from dataclasses import replace

from asterisk_privacy.cli.common import actor
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry


def on_server(config: Config, node: str | None = None) -> Registry:
    """Open, in the name of `node` if one is given. OperatorError for a registry that is a file, and for what is no name."""
    place = home_of(config)
    if not isinstance(place, Server):
        raise OperatorError(
            f"registry {place}: is a file of this machine and has no nodes; several share one on PostgreSQL: [registry] url"
        )
    try:
        return Registry.open(place if node is None else replace(place, node=node), actor=actor(), create=False)
    except ValueError as error:
        raise OperatorError(str(error)) from None
