"""From a registry in a file and recordings on a disk to the shared ones: both sides checked, files first, then all rows at once.

Files go first since they take long and can be taken up again where they were; until the rows are there nothing has been moved, and the
old place is what it was. Meanwhile nobody writes in the old registry, and no daemon of this node can start on either.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asterisk_privacy import file_access
from asterisk_privacy.daemon import old_place
from asterisk_privacy.daemon.moving_files import Carrier, Counted, Finding
from asterisk_privacy.daemon.old_place import OldPlace
from asterisk_privacy.daemon.registry_place import home_of, keep_name
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import objects_of
from asterisk_privacy.daemon.tenants import sealing_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.locks import take
from asterisk_privacy.registry import moved, moving
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.checkpoint import read_file
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.db import RegistryFile
from asterisk_privacy.registry.engine import sql
from asterisk_privacy.registry.migrate import migrate, version_of
from asterisk_privacy.registry.moved import Moved
from asterisk_privacy.registry.server import RegistryServer
from asterisk_privacy.registry.signing import Verifier
from asterisk_privacy.registry.verify import Copy, verify
from asterisk_privacy.store.vault import Vault

BUSY_SECONDS = 5.0
MOST_NAMED = 100  # findings in the audit trail; all of them are counted
TOO_MANY_LOST = 10  # and more than half: that is a disk which is not mounted
Progress = Callable[[str, int, int], None]
"""What is done, how much more of it, of how much in all."""


@dataclass(frozen=True, slots=True)
class Old:
    """Where everything was: `store` may be the directory of today."""

    registry: Path
    store: Path


@dataclass(slots=True)
class Report:
    """`before`: the move that was made earlier; then nothing was done now. `tables`: rows, and their hash once both sides had the same."""

    to: str
    tables: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    files: Counted = field(default_factory=Counted)
    findings: list[Finding] = field(default_factory=list)
    made: Moved | None = None
    before: Moved | None = None


def move(config: Config, old: Old, actor: str, dry_run: bool, progress: Progress) -> Report:
    """OperatorError: something stands in the way, and nothing was moved but, perhaps, files that are in the bucket already."""
    same = _same_store(config, old)
    with ExitStack() as stack:
        source = stack.enter_context(source_of(old, actor))
        target = stack.enter_context(target_of(config, actor, make=not dry_run))
        report = Report(to=target.where)
        with target.read():
            has_tables = version_of(target) > 0
        if has_tables:
            report.before = moved.moved(target)
            if report.before is not None:
                refuse_if_gone_on(source, report.before)
                if not dry_run and report.before.removed_at is None:  # cut off before it was noted here
                    told = report.before.detail
                    old_place.write(config, OldPlace(registry=told["from"], store=told["store"], finished=True))
                return report
            moving.refuse_unless_empty(target)
        if not dry_run:
            target.claim_node()
            stack.enter_context(target.only_one())
            keep_name(config)
        stack.enter_context(source.only_one())
        stack.enter_context(source.read() if dry_run else source.change())  # from here on nobody else writes there
        _refuse_unsound(source, config)
        carrier = Carrier(source, _vault(config, old), objects_of(config.s3))
        carrier.refuse_unsettled(same)
        tables = moving.counts(source)
        report.tables = {name: (rows, None) for name, rows in tables.items()}
        _carry_files(config, old, carrier, report, progress, same=same, dry_run=dry_run)
        if not dry_run:
            sums = moving.move(
                source, target, _evidence(config, old, report, same), lambda more: progress("rows", more, 2 * sum(tables.values()))
            )
            report.tables = {name: (one.rows, one.sha256) for name, one in sums.items()}
            _mark(config, old, same, finished=True)
            report.made = moved.moved(target)
    return report


def _carry_files(config: Config, old: Old, carrier: Carrier, report: Report, progress: Progress, *, same: bool, dry_run: bool) -> None:
    head = f"{carrier.head()} to {config.s3.endpoint}/{config.s3.bucket}/{config.s3.prefix}"
    known = old_place.read(config)
    up_to = known.up_to if known is not None and known.registry == str(old.registry) and known.head == head else ""
    total = carrier.sealed()

    def done(more: int, last: str) -> None:
        progress("recordings", more, total)
        if not dry_run:
            _mark(config, old, same, head=head, up_to=max(last, up_to))

    if not dry_run:
        _mark(config, old, same, head=head, up_to=up_to)
    report.files = carrier.carry(report.findings, up_to, dry_run, done)
    if not dry_run:
        carrier.compare(report.findings)
        if report.files.lost > TOO_MANY_LOST and report.files.lost * 2 > total:
            raise OperatorError(
                f"{old.store}: {report.files.lost} of {total} recordings are not there; is the disk mounted? nothing was moved"
            )


def _mark(config: Config, old: Old, same: bool, *, finished: bool = False, head: str = "", up_to: str = "") -> None:
    store = "" if same else str(old.store)
    old_place.write(config, OldPlace(registry=str(old.registry), store=store, finished=finished, head=head, up_to=up_to))


def _evidence(config: Config, old: Old, report: Report, same: bool) -> Mapping[str, str]:
    found = [finding.recording_id for finding in report.findings]
    return {
        "from": str(old.registry),
        "store": "" if same else str(old.store),
        "to": config.s3.bucket or str(config.store.directory),
        "recordings": str(report.files.sound),
        "bytes": str(report.files.size),
        "findings": str(len(found)),
        "found": " ".join(found[:MOST_NAMED]),
    }


def _same_store(config: Config, old: Old) -> bool:
    if not isinstance(home_of(config), Server):
        raise OperatorError("[registry] url is empty, so there is nowhere to move to; write the address of the PostgreSQL database")
    if not old.store.is_dir():
        raise OperatorError(f"{old.store}: no such directory; name that of the old recordings with --from-store")
    same = old.store.resolve() == config.store.directory.resolve()
    if not same and not config.s3.bucket:
        raise OperatorError(f"without a bucket ([s3]) recordings stay where they are: set [store] directory to {old.store}, or set up [s3]")
    return same


def _vault(config: Config, old: Old) -> Vault:
    return Vault(old.store, sealing_of(config))


@contextmanager
def source_of(old: Old, actor: str) -> Iterator[RegistryFile]:
    """Nobody's but ours: as by a daemon, so that none runs on it. OperatorError: one does, or it is not of this version."""
    path = old.registry
    try:
        owner = path.stat().st_uid
    except OSError as error:
        raise OperatorError(f"registry {path}: {error.strerror}; name the old file with --from-registry") from error
    if owner != os.geteuid():
        raise OperatorError(f"registry {path}: belongs to another user; run this as that user, with sudo -u asterisk-privacy")
    with ExitStack() as stack:
        lock = file_access.lock_file(path.with_name(path.name + ".lock"))
        stack.callback(os.close, lock)
        take(lock, path.with_name(path.name + ".lock"), f"registry {path}: a daemon runs on it, or another move; stop it first")
        source = RegistryFile(path, actor, utc_now, BUSY_SECONDS)
        source.connect(create=False)
        stack.callback(source.close)
        with source.read():
            version, wanted = version_of(source), len(source.steps())
        if version != wanted:
            raise OperatorError(
                f"registry {path}: has schema {version}, and this program {wanted}; start its daemon once with this version, it upgrades it"
            )
        yield source


@contextmanager
def target_of(config: Config, actor: str, make: bool) -> Iterator[RegistryServer]:
    """`make`: its tables too, if there are none."""
    place = home_of(config)
    assert isinstance(place, Server)
    target = RegistryServer(place, actor, utc_now, BUSY_SECONDS)
    target.connect()
    try:
        if make:
            migrate(target)
        yield target
    finally:
        target.close()


def refuse_if_gone_on(source: RegistryFile, made: Moved) -> None:
    with source.read() as db:
        entries, head = sql(db, "SELECT entries, hash FROM audit_head").fetchone()
    if (int(entries), head) != (made.entries, made.head):
        raise OperatorError(
            f"registry {source.where}: is not the one that was moved on {made.at:%Y-%m-%d} (audit entry {made.seq}), or was written in "
            f"since ({entries} entries, {made.entries} were moved); what came later is only there: keep it, and see who uses it"
        )


def _refuse_unsound(source: RegistryFile, config: Config) -> None:
    """The chain, and the checkpoints signed over it: what is broken is not carried into a new place where it would look like new."""
    settings = config.registry
    copies = [Copy(str(settings.checkpoints), *read_file(settings.checkpoints), own=True)] if settings.checkpoints.exists() else []
    verifier = Verifier.load(settings.checkpoint_public_key) if settings.checkpoint_public_key.exists() else None
    told = verify(source, copies, verifier)
    if not told.ok:
        raise OperatorError(f"registry {source.where}: its audit trail is not sound ({told.why}); nothing was moved; see: audit verify")
