"""Sealed files read whole and compared with their rows: what was swapped, cut, changed or cannot be read any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from time import monotonic

from asterisk_privacy.registry.file_checks import FileChecks, ToCheck
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.reconcile import Finding, Kind
from asterisk_privacy.store.faults import BadFile, BucketAway, StoreFault
from asterisk_privacy.store.fingerprint import Fingerprint
from asterisk_privacy.store.vault import Vault

DAYS = 7
"""Each file of the disk is read within so many days, by a share each night and what is new."""
LEAST = 100
MOST_SECONDS = 7200.0
"""Of a night; what it does not come to is the first of the next."""
AT_ONCE = 200
WAY_OUT = "restore it from a backup; else reconcile --settle ends it"


def damaged(registry: Registry, vault: Vault, rows: Iterable[ToCheck], in_bucket: bool = False) -> Iterator[Finding]:
    """One finding for each that is not what its row says. What is missing is another's to tell."""
    files = registry.soundness.files
    look = vault.fingerprint_there if in_bucket else vault.fingerprint
    for row in rows:
        found = _compared(files, row, look)
        if found is not None and row in files.of([row.id], in_bucket):  # not deleted, and no other version in its place meanwhile
            yield found


def read_share(registry: Registry, vault: Vault, now: datetime, days: int = DAYS, in_bucket: bool = False) -> Iterator[Finding]:
    """Those that waited longest, so many that all are read within `days`. StoreFault: the bucket is away."""
    files, until = registry.soundness.files, monotonic() + MOST_SECONDS
    rows = files.next(files.share(days, LEAST, now, in_bucket), in_bucket)
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        yield from damaged(registry, vault, some, in_bucket)
        files.note([row.id for row in some], now)
        if monotonic() > until:
            return


def again(registry: Registry, vault: Vault, ids: Sequence[str]) -> Iterator[Finding]:
    """Those that were damaged before, wherever they are."""
    for in_bucket in (False, True):
        yield from damaged(registry, vault, registry.soundness.files.of(ids, in_bucket), in_bucket)


def _compared(files: FileChecks, row: ToCheck, look: Callable[[str], Fingerprint | None]) -> Finding | None:
    try:
        found = look(row.id)
    except BucketAway:
        raise
    except BadFile as error:
        return _finding(row, f"its file cannot be read ({error})")
    except StoreFault as error:
        return _finding(row, str(error))
    if found is None or found == Fingerprint(row.size, row.sha256):
        return None
    other = files.whose(found.sha256)
    if other is not None:
        return _finding(row, f"its file is that of recording {other}")
    if found.size != row.size:
        how = "shorter" if found.size < row.size else "longer"
        return _finding(row, f"its file is {how} than what was sealed, {found.size} bytes and not {row.size}")
    return _finding(row, "its file is not the one that was sealed (SHA-256)")


def _finding(row: ToCheck, what: str) -> Finding:
    return Finding(Kind.DAMAGED, row.id, f"{row.id}: {what}; {WAY_OUT}")
