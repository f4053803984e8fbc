"""No new registry is made where recordings are: it would know of none of them, and nobody would ever delete them."""

from __future__ import annotations

from contextlib import suppress

from asterisk_privacy.daemon.registry_place import bucket_address, home_of
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import objects_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import file_copies
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.opening import is_new
from asterisk_privacy.store import layout


def refuse_fresh_registry(config: Config) -> None:
    """OperatorError: the registry is missing or empty, and the store is not."""
    place = home_of(config)
    if not is_new(place) or not (found := _has_content(config)):
        return
    where = place.where if isinstance(place, Server) else str(place)
    copies = [] if isinstance(place, Server) else [copy.name for copy in file_copies.of(place)]
    restore = f"restore it from a backup{f' or a copy ({copies[-1]})' if copies else ''}"
    anew = f"asterisk-privacy registry {'upgrade' if isinstance(place, Server) else 'begin-anew'}"
    raise OperatorError(
        f"registry {where}: is missing or empty, and {found} has recordings of which it would know nothing; {restore}; if it moves here, "
        f"run asterisk-privacy migrate; if it is lost, {anew}, and look at what reconcile says"
    )


def _has_content(config: Config) -> str:
    """Where recordings are. What is in a bucket that does not answer the night tells."""
    if layout.has_recordings(config.store.directory):
        return str(config.store.directory)
    with suppress(OperatorError):
        objects = objects_of(config.s3)
        if objects is not None and next(objects.ids(), None) is not None:
            return bucket_address(config.s3) or ""
    return ""
