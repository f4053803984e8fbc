"""What `serve` would refuse on this machine, found without starting it: keys, passwords, directories, ports, libraries.

Nothing is changed, and no service is asked: what only a server, a bucket or Asterisk can say is `check-config --ask`'s.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.asterisk.tap_names import load_secret
from asterisk_privacy.daemon.ari_access import ari_access
from asterisk_privacy.daemon.control import ask
from asterisk_privacy.daemon.exposed import exposed
from asterisk_privacy.daemon.old_place import refuse_half_moved
from asterisk_privacy.daemon.registry_place import home_of, refuse_another_name
from asterisk_privacy.daemon.settings import Address, Config
from asterisk_privacy.daemon.storage import bucket_of
from asterisk_privacy.daemon.tenants import load_keys
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.migrations import STEPS
from asterisk_privacy.registry.numbers import load_key
from asterisk_privacy.registry.opening import require_library
from asterisk_privacy.store import layout

SERVICE_USER = "asterisk-privacy"
RUNTIME = Path("/run/asterisk-privacy")
"""systemd makes it when the unit starts."""
ANY_KEY = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}  # in place of what only the unit is given


def refused_by_serve(config: Config, path: Path | None = None) -> list[str]:
    """One line each. As root it is judged for the service's user, where there is one. `path`: where `config` was read."""
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return list(_refused(config, path))
    with suppress(OperatorError):  # its libraries are root's to load
        bucket_of(config.s3, ANY_KEY)
    return _as_user(user, lambda: list(_refused(config, path))) if os.geteuid() == 0 else list(_refused(config, path))


def _refused(config: Config, path: Path | None) -> Iterator[str]:
    """In the order in which `serve` gets there, and then what the page and the night would refuse."""
    if path is not None:
        try:
            file_access.read(path, "", secret=False)
        except file_access.Exposed as error:
            yield str(error)
        except OSError as error:
            yield f"{path}: {error.strerror}; make it a file that the recorder's user may read: chmod 0640, and its group"
    for refuse in (
        _control,
        load_keys,
        _number_key,
        ari_access,
        _tap_secret,
        _bucket,
        _store,
        _registry,
        refuse_half_moved,
        refuse_another_name,
    ):
        try:
            refuse(config)
        except OperatorError as error:
            yield from str(error).splitlines()
    yield from exposed(config, path)
    yield from _ports(config)


def _control(config: Config) -> None:
    folder = config.control.socket.parent
    if folder != RUNTIME or folder.exists():
        _writable(folder, "control.socket")


def _number_key(config: Config) -> None:
    load_key(config.registry.number_key)


def _tap_secret(config: Config) -> None:
    if config.capture.secret_file:
        load_secret(config.capture.secret_file)


def _bucket(config: Config) -> None:
    bucket_of(config.s3, ANY_KEY if config.s3.access_key is None else {})


def _store(config: Config) -> None:
    directory = config.store.directory
    if os.path.exists(directory):  # no error where this user may not look
        layout.refuse(directory)
    _writable(directory, "store.directory")


def _registry(config: Config) -> None:
    place = home_of(config)
    if isinstance(place, Server):
        require_library(place)
        if place.password_file is not None:  # else the unit may have it as a credential
            place.password({})
        return
    _writable(place.parent, "registry.path")
    if not place.exists():
        return
    if place.is_dir() or not os.access(place, os.R_OK | os.W_OK):
        raise OperatorError(f"registry {place}: cannot open it for writing; run as the user that owns it, or mend its mode")
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True)) as db:  # leaves no file beside it
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            version = db.execute("SELECT max(version) FROM schema_version").fetchone()[0] if "schema_version" in tables else 0
    except sqlite3.DatabaseError as error:
        raise OperatorError(f"registry {place}: is no registry ({error}); restore it from its backup, or set [registry] path") from None
    if tables and "schema_version" not in tables:
        raise OperatorError(f"registry {place}: belongs to another program; set another in [registry]")
    if (version or 0) > len(STEPS):
        raise OperatorError(
            f"registry {place}: schema {version} is newer than this program ({len(STEPS)}); install the newer version again"
        )


def _writable(directory: Path, setting: str) -> None:
    """It is, or can be made."""
    there = next(path for path in (directory, *directory.parents) if os.path.exists(path))
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OperatorError(f"{setting}: {there} is no directory that the recorder's user can write to; make {directory} one")


def _ports(config: Config) -> Iterator[str]:
    """Not while the daemon of this configuration runs: it has them."""
    with suppress(OperatorError):
        ask(config.control.socket, "status")
        return
    listens = {"fastagi.listen": config.fastagi.listen, "capture.listen": config.capture.listen, "metrics.listen": config.metrics.listen}
    for setting, address in listens.items():
        try:
            if address is not None:
                _bind(address)
        except OSError as error:
            yield f"{setting} = {address}: {error.strerror or error}; is another asterisk-privacy running? change the address or stop it"


def _bind(address: Address) -> None:
    for family, kind, protocol, _, where in socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(where)


def _as_user(user: pwd.struct_passwd, work: Callable[[], list[str]]) -> list[str]:
    """In a child process, which alone gives root's rights away."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reading)
            os.initgroups(user.pw_name, user.pw_gid)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            os.write(writing, json.dumps(work()).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    if os.waitpid(child, 0)[1] != 0:
        raise OperatorError(
            f"cannot look as user {user.pw_name}: run this as that user: sudo -u {user.pw_name} asterisk-privacy check-config"
        )
    found: list[str] = json.loads(told)
    return found
