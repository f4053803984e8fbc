"""What every command shares: where the configuration is, how an error ends, who is asking, and how times and JSON look."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from asterisk_privacy.access.actor import user
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import DEFAULT_PATH, Config, load
from asterisk_privacy.daemon.registry_place import home_of
from asterisk_privacy.errors import ConfigError, OperatorError
from asterisk_privacy.escaping import printable_json
from asterisk_privacy.registry.registry import Registry

FINE, FOUND_SOMETHING, USAGE, CANNOT_NOW = 0, 1, 2, 3

P = ParamSpec("P")
R = TypeVar("R")

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_PATH,
    envvar="ASTERISK_PRIVACY_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def operator_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Exit 2 with every mistake of a configuration, 3 with the one line of any other OperatorError."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                echo(problem, err=True)
            sys.exit(USAGE)
        except OperatorError as error:
            echo(f"Error: {error}", err=True)
            sys.exit(CANNOT_NOW)

    return wrapped


def actor() -> str:
    """Who stands in the audit rows."""
    return f"cli:{user()}"


@contextmanager
def configured(path: Path) -> Iterator[tuple[Config, Registry]]:
    """The configuration and its registry. A registry that does not exist is not made: it would belong to the wrong user."""
    config = load(path)
    with Registry.open(home_of(config), actor=actor(), create=False) as registry:
        yield config, registry


def print_json(data: Mapping[str, object] | Sequence[object]) -> None:
    echo(printable_json(data), lines=True)


def local(at: datetime | None) -> str:
    """For people: local time to the minute."""
    return "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M}"


def iso(at: datetime | None) -> str | None:
    """For programs: ISO 8601, UTC."""
    return None if at is None else at.isoformat()


def clock(ms: int) -> str:
    """m:ss, or h:mm:ss."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"
