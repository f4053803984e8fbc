"""The old copies of a finished move go, once somebody says so: files first, each when the new place has it or has deleted it; rows last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_privacy.daemon import old_place
from asterisk_privacy.daemon.moving import Old, Progress, refuse_if_gone_on, source_of, target_of
from asterisk_privacy.daemon.moving_files import Finding
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import objects_of
from asterisk_privacy.daemon.tenants import sealing_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit, file_copies, moved
from asterisk_privacy.registry.engine import sql
from asterisk_privacy.registry.rows import State
from asterisk_privacy.registry.server import RegistryServer
from asterisk_privacy.store import layout
from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.vault import Vault

_GONE = (State.PURGED, State.ERASED)
_PIECE = 1 << 20
_GOING = ".going"


@dataclass(frozen=True, slots=True)
class Gone:
    """A file of the old registry: bytes and SHA-256 (hex) before the first change."""

    name: str
    size: int
    sha256: str


@dataclass(slots=True)
class Removed:
    """`recordings` and their `size` in bytes went from the old directory. With `findings` the old registry stays too."""

    recordings: int = 0
    size: int = 0
    registry: list[Gone] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def remove_old(config: Config, old: Old, actor: str, progress: Progress) -> Removed:
    """OperatorError: there was no move, or the old registry was used since. Cut off anywhere, it goes on when it is run again."""
    done = Removed()
    with ExitStack() as stack:
        target = stack.enter_context(target_of(config, actor, make=False))
        with target.read():
            made = moved.moved(target) if "audit" in target.tables() else None
        if made is None:
            raise OperatorError(f"registry {target.where}: no finished move is in its audit trail; first: asterisk-privacy migrate")
        if made.detail["from"] != str(old.registry):
            raise OperatorError(f"registry {old.registry}: is not what was moved here, which is {made.detail['from']}; nothing was removed")
        if old.registry.exists():
            source = stack.enter_context(source_of(old, actor))
            refuse_if_gone_on(source, made)
            stack.enter_context(source.change())
        elif made.removed_at is not None:
            old_place.forget(config)
            return done
        if made.detail["store"]:
            _remove_files(target, Vault(Path(made.detail["store"]), sealing_of(config)), objects_of(config.s3), done, progress)
    if done.findings:
        return done
    done.registry = list(_destroy_registry(old.registry))
    with target_of(config, actor, make=False) as target, target.change() as db:
        told = ", ".join(f"{gone.name} {gone.size} {gone.sha256}" for gone in done.registry) or "was gone already"
        detail = {"registry": told, "recordings": str(done.recordings), "bytes": str(done.size), "store": made.detail["store"]}
        audit.append(target, db, moved.OLD_REMOVED, moved.SUBJECT, detail)
    old_place.forget(config)
    return done


def _remove_files(target: RegistryServer, vault: Vault, objects: Objects | None, done: Removed, progress: Progress) -> None:
    for left in vault.half_shredded():
        vault.shred_here(left)
    ids = list(vault.sealed_here())
    for recording_id in ids:
        why = _why_kept(target, objects, recording_id)
        if why is None:
            evidence = vault.shred_here(recording_id)
            done.recordings += evidence.found
            done.size += evidence.size
        else:
            done.findings.append(Finding(recording_id, f"{recording_id}: {why}"))
        progress("old recordings", 1, len(ids))


def _why_kept(target: RegistryServer, objects: Objects | None, recording_id: str) -> str | None:
    """None: the new place has it as its row says, or has deleted it. Nothing is ever brought from here to there: what was deleted or
    changed in the new place since must not come back."""
    with target.read() as db:
        row = sql(db, "SELECT state, sha256 FROM recordings WHERE id = ?", (recording_id,)).fetchone()
    if row is None:
        return "no row tells of this file; look at it, and delete it by hand"
    if row[0] in _GONE:
        return None
    if row[0] != State.SEALED:
        return f"its row says {row[0]}; try again once that is over"
    if objects is None or not objects.has(recording_id):
        return "is not in the bucket; put the file into [store] directory, from where the daemon brings it, or delete it by hand"
    if objects.digest(recording_id) != row[1]:
        return "what is in the bucket is not what its row says (SHA-256); see: asterisk-privacy reconcile"
    return None


def _destroy_registry(registry: Path) -> Iterator[Gone]:
    """Under another name first, which tells what it was: cut off anywhere it is no registry any more, and the evidence is known. The copies
    of it before its rows: until those go the move can be looked up."""
    beside = [registry.with_name(registry.name + end) for end in ("-wal", "-shm")]
    try:
        for path in (*file_copies.of(registry), *beside, registry):
            if path.exists():
                with open(path, "rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    label = path.with_name(f"{path.name}.{file.tell()}.{digest}{_GOING}")
                path.rename(label)
                layout.sync_folder(path.parent)
        for label in sorted(registry.parent.glob(f"{registry.name}*{_GOING}")):
            _burn(label)
            label.unlink()
            layout.sync_folder(label.parent)
            name, size, digest = label.name.removesuffix(_GOING).rsplit(".", 2)
            yield Gone(name, int(size), digest)
        registry.with_name(registry.name + ".lock").unlink(missing_ok=True)
    except OSError as error:
        raise OperatorError(f"registry {registry}: cannot be removed ({error.strerror}); see why, then try again") from error


def _burn(path: Path) -> None:
    """Overwritten as a whole, and emptied. What a flash disk keeps below its file system is out of reach, as for recordings."""
    with open(path, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        for at in range(0, size, _PIECE):
            file.write(os.urandom(min(_PIECE, size - at)))
        os.fsync(file.fileno())
        file.truncate(0)
        os.fsync(file.fileno())
