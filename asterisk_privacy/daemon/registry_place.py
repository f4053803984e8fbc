"""Where the configuration keeps the registry: a file of this machine, or a server that several nodes share."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from asterisk_privacy import file_access
from asterisk_privacy.daemon.settings import S3, Config, RegistrySettings
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.problem import Problem
from asterisk_privacy.registry.address import SCHEMES, Server, has_password
from asterisk_privacy.registry.engine import Empty
from asterisk_privacy.registry.registry import Registry


def home_of(config: Config) -> Path | Server:
    """Each node deletes what is on its own disk, and what is in the bucket that it uses, whichever node brought it there."""
    registry = config.registry
    if not registry.url:
        return registry.path
    return Server(
        registry.url,
        registry.node or _node_of(registry.tenant),
        registry.password_file,
        bucket_address(config.s3),
        tenant=registry.tenant or None,
    )


def _node_of(tenant: str) -> str:
    """A tenant's people write an audit chain of their own, also on the recorder's host."""
    return f"{host_name()}-{tenant}"[:64] if tenant else host_name()


def bucket_address(settings: S3) -> str | None:
    """As rows of recordings name it; None where they stay on the disk."""
    return f"{settings.endpoint.rstrip('/')}/{settings.bucket}/{settings.prefix}" if settings.bucket else None


def wrong_with_registry(config: Config) -> str:
    """Asks the server, if there is one, and changes nothing there. Empty: nothing is wrong."""
    place = home_of(config)
    if isinstance(place, Server):
        try:
            Registry.open(place, actor="check-config", create=False).close()
        except Empty:  # the daemon's first start makes the tables
            return ""
        except OperatorError as error:
            return str(error)
    return ""


def wrong_clock(config: Config) -> list[str]:
    """Where there is a server that answers: in a sentence, if this node's clock is more than a minute off."""
    place = home_of(config)
    if not isinstance(place, Server):
        return []
    with suppress(OperatorError), Registry.open(place, actor="check-config", create=False) as registry:
        difference = registry.nodes.difference()
        return [f"[registry] url: {difference.in_words(place.where)}"] if difference is not None and difference.too_far else []
    return []


def refuse_old_store(config: Config, registry: Registry) -> None:
    """A name that was given to a new machine begins with an empty store: what the old one has on its disk was settled. OperatorError."""
    path = _name_file(config)
    if registry.nodes.name is not None and path.exists() and registry.nodes.is_awaited():
        raise OperatorError(
            f"{config.store.directory} is the store of node {registry.nodes.name} from before it was retired, and the name is for a new "
            f"machine: give this one another [registry] node or another [store] directory; to take it along all the same, remove {path} "
            "and look at what reconcile says"
        )


def _name_file(config: Config) -> Path:
    return config.store.directory.with_name(f"{config.store.directory.name}.node")


def refuse_another_name(config: Config) -> None:
    """OperatorError: the recordings here are those of a node of another name."""
    place, path = home_of(config), _name_file(config)
    if not isinstance(place, Server):
        return
    try:
        known = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path}: holds no node's name; write the name of [registry] node into it, or remove it") from error
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}; the recorder's user must be able to read and write it") from error
    if known != place.node:
        raise OperatorError(
            f"{config.store.directory} has the recordings of node {known}, and this is {place.node}: "
            f'set [registry] node = "{known}", which alone can delete them; for a store that is new here, remove {path}'
        )


def keep_name(config: Config) -> None:
    """A node that is called otherwise today would take its own rows for another's: nobody would settle or delete them. So the name stands
    in a file beside the recordings. OperatorError: it was another."""
    place, path = home_of(config), _name_file(config)
    refuse_another_name(config)
    if not isinstance(place, Server) or path.exists():
        return
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        file_access.write_note(path, f"{place.node}\n".encode())
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}; the recorder's user must be able to read and write it") from error


def host_name() -> str:
    """This host's name as a node's: its first part, what does not belong in a name made a hyphen."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:64] or "node"


def problems(registry: RegistrySettings) -> Iterator[Problem]:
    if not registry.url:
        if registry.password_file is not None:
            yield Problem("registry.password_file", "has no meaning for a SQLite file", "write url, or leave it out")
        if registry.tenant:
            yield Problem("registry.tenant", "has no meaning for a SQLite file, which keeps nobody apart", "write url, or leave it out")
        return
    try:
        parts = urlsplit(registry.url)
        good = parts.scheme in SCHEMES and bool(parts.path.strip("/")) and registry.url.isprintable() and " " not in registry.url
        password = has_password(registry.url)
    except ValueError:
        good = password = False
    if password:  # not shown
        yield Problem("registry.url", "has a password in it", "write the password into a file of its own, and its path as password_file")
    elif not good:
        remedy = 'write for instance url = "postgresql://privacy@db.example.org/privacy?sslmode=verify-full"'
        yield Problem("registry.url", "is not the address of a PostgreSQL database", remedy)
