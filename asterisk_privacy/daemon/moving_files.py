"""The files of a move: each sealed recording is compared with its row's hash, and brought to the bucket if there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.db import RegistryFile
from asterisk_privacy.registry.engine import sql
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store.faults import fault
from asterisk_privacy.store.objects import Objects
from asterisk_privacy.store.vault import Vault

AT_ONCE, BATCH = 8, 64  # uploads; recordings between two notes of how far it is
_GONE = (State.PURGED, State.ERASED)


@dataclass(frozen=True, slots=True)
class Finding:
    recording_id: str
    what: str


@dataclass(slots=True)
class Counted:
    """`sound`: there, and as its row says; `size` of these in bytes. `lost`: neither here nor in the bucket."""

    sound: int = 0
    size: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    recording_id: str
    sha256: str
    size: int


class Carrier:
    """`source` is used by the calling thread only, within its transaction. `objects`: None where recordings stay where they are."""

    def __init__(self, source: RegistryFile, vault: Vault, objects: Objects | None) -> None:
        self._source = source
        self._vault = vault
        self._objects = objects

    def head(self) -> str:
        return str(sql(self._source.db, "SELECT hash FROM audit_head").fetchone()[0])

    def sealed(self) -> int:
        return int(sql(self._source.db, "SELECT count(*) FROM recordings WHERE state = 'sealed'").fetchone()[0])

    def refuse_unsettled(self, same: bool) -> None:
        """What a crash left is settled by who knows how: the recorder's start and the nightly run. In the same directory they still can."""
        left = self._vault.versions()
        if not same:
            left += [*self._vault.unfinished(), *self._vault.half_shredded()]
            query = "SELECT id FROM recordings WHERE state IN ('writing', 'purging')"
            left += [recording_id for (recording_id,) in sql(self._source.db, query).fetchall()]
        if left:
            raise OperatorError(
                f"registry {self._source.where}: {len(set(left))} recordings are half written or half deleted ({sorted(left)[0]}); with "
                "the old configuration run asterisk-privacy reconcile --settle, then try again"
            )

    def carry(self, findings: list[Finding], up_to: str, dry_run: bool, done: Callable[[int, str], None]) -> Counted:
        """Up to `up_to` all was brought before. `done(how many, the last id)` after each batch, in the order of ids."""
        counted = Counted()
        rows = self._rows()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="move") as pool:
            while batch := list(islice(rows, BATCH)):
                bring = [not dry_run and row.recording_id > up_to for row in batch]
                for row, finding in zip(batch, pool.map(self._one, batch, bring), strict=True):
                    if finding is None:
                        counted.sound += 1
                        counted.size += row.size
                    else:
                        counted.lost += not self._vault.path(row.recording_id).exists()
                        findings.append(finding)
                done(len(batch), batch[-1].recording_id)
        return counted

    def compare(self, findings: list[Finding]) -> None:
        """The bucket's own list against the rows: what was there by an earlier attempt and has been deleted since goes, and what was
        brought and is no longer listed is found."""
        if self._objects is None:
            return
        known = {finding.recording_id for finding in findings}
        expected = (row.recording_id for row in self._rows())
        wanted = next(expected, None)
        for there in self._objects.ids():
            while wanted is not None and wanted < there:
                self._missing(wanted, known, findings)
                wanted = next(expected, None)
            if wanted == there:
                wanted = next(expected, None)
            elif self._state(there) in _GONE:
                self._objects.remove(there)
        while wanted is not None:
            self._missing(wanted, known, findings)
            wanted = next(expected, None)

    def _missing(self, recording_id: str, known: set[str], findings: list[Finding]) -> None:
        if recording_id not in known:
            findings.append(Finding(recording_id, f"{recording_id}: was brought to the bucket, which does not list it"))

    def _one(self, row: _Row, bring: bool) -> Finding | None:
        path = self._vault.path(row.recording_id)
        digest = sha256_of(path)
        if digest is None:
            if self._objects is not None and self._objects.has(row.recording_id):
                if self._objects.digest(row.recording_id) == row.sha256:
                    return None
                return Finding(row.recording_id, f"{row.recording_id}: what is in the bucket is not what its row says (SHA-256)")
            return Finding(row.recording_id, f"{row.recording_id}: its row says sealed, but no file is there; restore it from a backup")
        if digest != row.sha256:
            return Finding(
                row.recording_id, f"{row.recording_id}: its file is not what its row says (SHA-256); it was changed, and stays there"
            )
        if bring and self._objects is not None:
            self._objects.bring(row.recording_id, path, digest)
        return None

    def _rows(self) -> Iterator[_Row]:
        query = "SELECT id, sha256, size FROM recordings WHERE state = 'sealed' ORDER BY id"
        for recording_id, sha256, size in self._source.stream(query):
            yield _Row(recording_id, sha256 or "", size or 0)

    def _state(self, recording_id: str) -> str | None:
        found = sql(self._source.db, "SELECT state FROM recordings WHERE id = ?", (recording_id,)).fetchone()
        return None if found is None else str(found[0])


def sha256_of(path: Path) -> str | None:
    """Of its bytes, in hex; None if it is not there."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fault(path, "read it", error) from error
