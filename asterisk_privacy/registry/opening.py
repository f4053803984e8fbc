"""From a place to the engine that keeps the registry there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.db import RegistryFile
from asterisk_privacy.registry.engine import Engine
from asterisk_privacy.registry.migrate import version_of


def open_engine(
    place: Path | Server, actor: str, clock: Callable[[], datetime], busy_seconds: float, answer_seconds: float | None, create: bool
) -> Engine:
    """Connected. OperatorError says what stands in the way. `create`: makes a file that is not there."""
    if not isinstance(place, Server):
        file = RegistryFile(Path(place), actor, clock, busy_seconds)
        file.connect(create)
        return file
    require_library(place)
    from asterisk_privacy.registry.server import RegistryServer  # noqa: PLC0415  # who has a file needs no psycopg

    server = RegistryServer(place, actor, clock, busy_seconds, answer_seconds)
    server.connect()
    return server


def require_library(place: Server) -> None:
    """OperatorError: psycopg is not there, which only a server needs."""
    try:
        import asterisk_privacy.registry.server  # noqa: F401, PLC0415
    except ImportError as error:
        raise OperatorError(
            f"registry {place.where}: needs the library psycopg, which is not there ({error}); apt install asterisk-privacy-postgres, or "
            "pip install 'asterisk-privacy[postgres]'"
        ) from error


def is_new(place: Path | Server) -> bool:
    """Whether there are no tables yet, so that the next opening would make them. OperatorError: a server does not let us look."""
    if not isinstance(place, Server):
        try:
            return place.stat().st_size == 0
        except FileNotFoundError:
            return True
        except OSError:
            return False  # whoever opens it says why
    engine = open_engine(place, "recorder", utc_now, 5.0, 10.0, create=False)
    try:
        with engine.read():
            return version_of(engine) == 0
    finally:
        engine.close()
