"""What a move to a shared registry leaves behind, and how far it came: a file beside the recordings, which status and check-config read.

`recordings.old-copies` stands there from the first step of `asterisk-privacy migrate` until `--remove-old` has ended.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from asterisk_privacy import file_access
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError


class OldPlace(msgspec.Struct, frozen=True, kw_only=True):
    """`head`: of the old trail, and the bucket. `up_to`: as long as both are the same, recordings up to this id are there, read back."""

    registry: str
    store: str  # empty: recordings stay in the directory where they are
    finished: bool = False
    head: str = ""
    up_to: str = ""


def read(config: Config) -> OldPlace | None:
    """None: nothing was moved here, its old copies are gone, or this user may not know."""
    try:
        return msgspec.json.decode(path_of(config).read_bytes(), type=OldPlace)
    except OSError:
        return None
    except msgspec.DecodeError as error:
        raise OperatorError(f"{path_of(config)}: is not what the move wrote ({error}); remove it, then migrate again") from error


def write(config: Config, place: OldPlace) -> None:
    """Whole or not at all."""
    path = path_of(config)
    try:
        file_access.write_note(path, msgspec.json.encode(place) + b"\n")
    except OSError as error:
        raise OperatorError(f"{path}: {error.strerror}; the recorder's user must be able to write it") from error


def forget(config: Config) -> None:
    path_of(config).unlink(missing_ok=True)


def path_of(config: Config) -> Path:
    return config.store.directory.with_name(f"{config.store.directory.name}.old-copies")


def refuse_half_moved(config: Config) -> None:
    """A daemon that began to write in the new registry would make it one that can take nothing over any more."""
    place = read(config)
    if place is None and config.registry.url and path_of(config).exists():
        raise OperatorError(f"{path_of(config)}: cannot be read; it says whether a move is finished: chown it to the user that runs this")
    if place is not None and not place.finished and config.registry.url:
        raise OperatorError(
            f"the move of {place.registry} is not finished: run asterisk-privacy migrate again, it goes on where it was; to begin with an "
            f"empty registry instead, remove {path_of(config)}"
        )


def warnings(config: Config) -> list[str]:
    """One line for what a deletion here does not reach."""
    if not config.registry.url:
        return []
    try:
        place = read(config)
    except OperatorError as error:
        return [str(error)]
    if place is None:
        if not config.registry.path.exists():
            return []
        return [f"[registry] path: {config.registry.path} is there and not used any more; before the first start: asterisk-privacy migrate"]
    if not place.finished:
        return [f"the move of {place.registry} is not finished; run asterisk-privacy migrate again, the daemon does not start before"]
    old = " and ".join(filter(None, (place.registry, place.store)))
    return [f"old copies are still there, and no deletion reaches them: {old}; they go with: asterisk-privacy migrate --remove-old"]
