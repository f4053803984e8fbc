"""What others can read or change of the files that config.toml names, beyond what `serve` refuses when it opens them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError


def exposed(config: Config, path: Path | None) -> Iterator[str]:
    """One line each, with the command that mends it: files of the page and of the nightly run, the registry's file, and what is wrong
    further up in the path of any. `path`: where `config` was read."""
    for setting, file, secret in _not_opened(config):
        with suppress(OSError):  # not for this user's eyes: systemd may hand it over
            yield from (f"{setting} {file}: {why}" for why in file_access.exposed(file, secret))
    if not config.registry.url:
        yield from (*_of_the_registry(config.registry.path), *_beside_the_registry(config.registry.path))
    told: set[str] = set()
    for setting, file in _all(config, path):
        with suppress(OSError):
            for why in file_access.above(file):
                if why not in told:
                    yield f"{setting} {file}: {why}".lstrip()
                told.add(why)


def _not_opened(config: Config) -> Iterator[tuple[str, Path, bool]]:
    files = (
        ("[registry] checkpoint_key", config.registry.checkpoint_key, True),
        ("[registry] checkpoint_public_key", config.registry.checkpoint_public_key, False),
        ("[review] accounts", config.review.accounts, True),
        ("[review] identity", config.review.identity, True),
        ("[s3] ca_file", config.s3.ca_file, False),
    )
    return ((setting, file, secret) for setting, file, secret in files if file is not None)


def _all(config: Config, path: Path | None) -> Iterator[tuple[str, Path]]:
    opened = (
        ("", path),
        ("[asterisk] ari_password_file", config.asterisk.ari_password_file),
        ("[capture] secret_file", config.capture.secret_file),
        ("[store] recipients", config.store.recipients),
        ("[registry] path", None if config.registry.url else config.registry.path),
        *((f"[tenants.{tenant.name}] recipients", Path(tenant.recipients)) for tenant in config.book.tenants.values()),
        ("[registry] number_key", config.registry.number_key),
        ("[registry] password_file", config.registry.password_file),
        ("[s3] access_key", config.s3.access_key),
    )
    yield from ((setting, file) for setting, file in opened if file is not None)
    yield from ((setting, file) for setting, file, _ in _not_opened(config))


def refuse_open_registry(config: Config) -> None:
    """OperatorError: others can read who called whom, or put rows there. SQLite gives its other files the mode of this one."""
    place = config.registry
    for line in (*_of_the_registry(place.path), *(() if place.url else _beside_the_registry(place.path))):
        raise OperatorError(line)


def _of_the_registry(path: Path) -> Iterator[str]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & 0o007:
        yield f"[registry] path {path}: others can get at it (mode {mode & 0o7777:04o}); run: chmod o= {path}*"


def _beside_the_registry(path: Path) -> Iterator[str]:
    with suppress(OSError):  # no such directory: whoever opens the registry says so
        yield from (f"[registry] path {path}: {why}" for why in file_access.beside(path))
    for file in (path.with_name(path.name + end) for end in ("", "-wal", "-shm", "-journal")):
        with suppress(OSError):
            owner = file_access.of_a_stranger(file)
            if owner is not None:
                way_out = f"stop what uses it, and run: chown --reference={path.parent} {file}"
                yield f"[registry] path {path}: {file} belongs to {owner}; {way_out}"
