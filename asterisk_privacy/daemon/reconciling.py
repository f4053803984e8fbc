"""Settles what `reconcile` finds, both ways, with an audit entry for each: files without rows, rows without files, what a crash left."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime, timedelta

from asterisk_privacy.daemon import file_reading
from asterisk_privacy.daemon.deidentifying import settle_version
from asterisk_privacy.daemon.purging import RegistryRows, make_purger
from asterisk_privacy.daemon.settings import Config, Unfinished
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.retention.plan import exceeds
from asterisk_privacy.retention.reconcile import Finding, Kind
from asterisk_privacy.store import layout
from asterisk_privacy.store.faults import StoreFault
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.strays import DIRECTORY, Stray
from asterisk_privacy.store.vault import Vault

QUIET = timedelta(minutes=1)
"""A row that is behind its file, or ahead of it, for so long is not one of a call that is being sealed or begun at this moment."""
LONGEST_NAME = 200
MOST_ROWS = 10_000
NIGHTLY = frozenset({Kind.TRAIL_BROKEN, Kind.REGISTRY_DAMAGED})
"""What `reconcile` does not look at."""
STRAYS = "strays"
WAY_ON = "look at what reconcile says; then: reconcile --settle --override-brake"


class Reconciler:
    """One at a time, and not while a purger runs: the caller holds `only_one`."""

    def __init__(
        self, registry: Registry, vault: Vault, config: Config, recipients: Recipients | None = None, on_disk: bool = False
    ) -> None:
        """`recipients`: None where nobody asks for keys. `on_disk`: only what is on this machine; another node looks at the bucket."""
        self._registry = registry
        self._vault = vault
        self._config = config
        self._recipients = recipients
        self._rows = RegistryRows(registry)
        self._purger = make_purger(registry, vault, config.purger, here=on_disk)

    def look(self, now: datetime, keys: bool = True, trail: bool = True) -> Iterator[Finding]:
        """Every finding of which nobody else takes care at this moment. `keys`, `trail`: those of the keys, and of rows against the audit
        trail, among them. Of files only those are read that were found damaged before."""
        purging = set()
        for found in self._purger.findings():
            if found.kind is Kind.HALF_DELETED:
                purging.add(found.recording_id)
            if not self._passes_by(found, now):
                yield found
        yield from _or_unlooked(layout.SHRED, self._half_shredded(purging))
        yield from _or_unlooked(layout.NEXT, self._half_replaced())
        known = [row.subject for row in self._registry.soundness.findings.all() if row.kind == Kind.DAMAGED]
        yield from file_reading.again(self._registry, self._vault, known)
        yield from _or_unlooked(STRAYS, self._strays())
        if trail:
            # all of them first: what is settled is written in between, and they are read in one transaction
            faults = list(itertools.islice(self._registry.soundness.rows(now), MOST_ROWS))
            yield from (Finding(Kind(one.kind.value), one.subject, one.what) for one in faults)
        if keys:
            yield from self._keys()

    def _half_shredded(self, purging: Container[str]) -> Iterator[Finding]:
        for recording_id in self._vault.half_shredded():
            if recording_id not in purging:
                yield Finding(Kind.HALF_DELETED, recording_id, f"{recording_id}: its shredding was cut off; the next purge finishes it")

    def _half_replaced(self) -> Iterator[Finding]:
        for recording_id in self._vault.versions():
            what = f"{recording_id}: a version of it without the customer is not in its place; the next purge settles it"
            yield Finding(Kind.HALF_REPLACED, recording_id, what)

    def read_all(self) -> Iterator[Finding]:
        """Every file is read whole, which takes its time: but for those that `look` has told of."""
        files = self._registry.soundness.files
        known = {row.subject for row in self._registry.soundness.findings.all() if row.kind == Kind.DAMAGED}
        for in_bucket in (False, True):
            rows = (row for row in files.next(files.count(in_bucket), in_bucket) if row.id not in known)
            yield from file_reading.damaged(self._registry, self._vault, rows, in_bucket)

    def remember(self, found: Iterable[Finding], now: datetime) -> None:
        """What is left is told from now on, and what is settled no more. What the night alone looks at stays; keys are no night's."""
        findings = self._registry.soundness.findings
        kept = [(row.kind, row.subject, row.what) for row in findings.all() if row.kind in NIGHTLY]
        left = [(one.kind.value, one.recording_id, one.what) for one in found if one.kind is not Kind.NO_KNOWN_KEY]
        findings.replace([*kept, *left], now)

    def brake(self, counts: Counter[Kind]) -> str | None:
        """An unmounted store, or the registry of another day, must not be settled by deleting all the rest."""
        rows, percent = self._registry.sealed_count(), self._config.purger.brake_percent
        lost, orphans = counts[Kind.ROW_WITHOUT_FILE] + counts[Kind.DAMAGED], counts[Kind.ORPHAN_FILE]
        if exceeds(lost, rows, percent):
            return f"{lost} of {rows} recordings are not in the store as they were, nothing was settled; is it mounted? else {WAY_ON}"
        if exceeds(orphans, rows + orphans, percent):
            return f"{orphans} files have no row, beside {rows} that have; nothing was settled; is it the right registry? else {WAY_ON}"
        return None

    def settle(self, found: Finding, now: datetime) -> str:
        """What was done, in words. OperatorError says why it stays as it is."""
        return self._ways[found.kind](found.recording_id, now)

    @property
    def _ways(self) -> dict[Kind, Callable[[str, datetime], str]]:
        return {
            Kind.ORPHAN_FILE: self._shred_file,
            Kind.FILE_OF_THE_GONE: self._shred_file,
            Kind.ROW_WITHOUT_FILE: self._end_row,
            Kind.HALF_DELETED: self._finish,
            Kind.ROW_BEHIND: lambda recording_id, now: self._seal(recording_id, now, True),
            Kind.UNFINISHED: lambda recording_id, now: self._seal(recording_id, now, self._config.store.unfinished is Unfinished.SEAL),
            Kind.ROW_OF_NOTHING: self._erase_row,
            Kind.HALF_REPLACED: lambda recording_id, _: settle_version(self._registry, self._vault, recording_id) or recording_id,
            Kind.NO_KNOWN_KEY: self._leave("keys are for a person to settle"),
            Kind.UNKNOWN: self._leave("first mend the folder's owner or mode: chown it to the recorder's user, chmod 700"),
            Kind.DAMAGED: self._end_damaged,
            Kind.STRAY: self._remove,
            Kind.SET_ASIDE: self._remove,
            Kind.ROW_LOST: self._note_lost,
            Kind.ROW_CHANGED: self._mend,
            Kind.ROW_UNTOLD: self._leave("nobody can say what it is; restore the registry from a backup"),
            Kind.DATED_AHEAD: self._date_today,
            Kind.TRAIL_BROKEN: self._leave("nothing mends an audit trail; see: asterisk-privacy audit verify"),
            Kind.REGISTRY_DAMAGED: self._leave("restore the registry from a backup"),
        }

    def _passes_by(self, found: Finding, now: datetime) -> bool:
        if found.kind not in (Kind.ROW_BEHIND, Kind.ROW_OF_NOTHING, Kind.UNFINISHED, Kind.HALF_DELETED):
            return False
        row = self._registry.recording(found.recording_id)
        if found.kind is Kind.HALF_DELETED:
            return row is None or row.state_at > now - QUIET
        if row is None or row.state is not State.WRITING:
            return True
        if found.kind is Kind.ROW_BEHIND:
            sealed = self._vault.sealed_at(row.id)
            return sealed is None or sealed > now - QUIET
        written = self._vault.written_at(row.id)
        if found.kind is Kind.ROW_OF_NOTHING:
            return written is not None or row.state_at > now - QUIET
        return written is None or written > now - QUIET

    def _keys(self) -> Iterator[Finding]:
        listed = set() if self._recipients is None else set(self._recipients.fingerprints.split())
        for keys, count, one in self._registry.contents.keys_in_use():
            if not keys & listed:
                what = f"{count} recordings (one is {one}) are sealed to {', '.join(sorted(keys))}, of which none is in the recipients file"
                yield Finding(Kind.NO_KNOWN_KEY, one, f"{what}; keep that secret key until they are gone, or nobody ever hears them")

    def _shred_file(self, recording_id: str, now: datetime) -> str:
        """The audit entry comes first: a file must not be gone without a word."""
        self._registry.audit(self._registry.actor, "reconcile.shred", recording_id, {"at": now.isoformat()})
        evidence = self._vault.shred(recording_id).told()
        self._registry.audit(self._registry.actor, "reconcile.shredded", recording_id, {"evidence": json.dumps(evidence, sort_keys=True)})
        return f"{recording_id}: the file was shredded"

    def _end_row(self, recording_id: str, now: datetime) -> str:
        reason = "its file was lost, found by reconcile"
        self._rows.mark_purging(recording_id, now, reason)
        failure = self._purger.finish(recording_id, reason, now)
        if failure is not None:
            raise OperatorError(f"{recording_id}: {failure.why}")
        return f"{recording_id}: the row says now that it is gone, and that no file was found"

    def _finish(self, recording_id: str, now: datetime) -> str:
        row = self._registry.recording(recording_id)
        if row is not None and row.state is State.PURGING:
            failure = self._purger.finish(recording_id, row.state_reason, now)
            if failure is not None:
                raise OperatorError(f"{recording_id}: {failure.why}")
        else:
            self._vault.shred(recording_id)
        return f"{recording_id}: its deletion was finished"

    def _seal(self, recording_id: str, now: datetime, keep: bool) -> str:
        kept = self._vault.settle(recording_id, keep)
        if kept is None:
            return self._erase_row(recording_id, now)
        self._registry.seal_recording(recording_id, now, kept.size, kept.sha256, 0, kept.truncated, pieces=kept.content.pieces)
        return f"{recording_id}: sealed as far as it was written"

    def _erase_row(self, recording_id: str, now: datetime) -> str:
        self._registry.erase_recording(recording_id, now, "nothing of it was safe when the recorder stopped, found by reconcile")
        return f"{recording_id}: the row says now that nothing of it is kept"

    def _strays(self) -> Iterator[Finding]:
        for stray in self._vault.strays():
            name = _shown(stray.name)
            if stray.since is None:
                what = f"{name}: {stray.what} lies among the recordings, and is none; take it away"
                yield Finding(Kind.STRAY, name, f"{what}, or reconcile --settle removes it")
            else:
                what = f"{name}: {stray.what}, put aside on {stray.since:%Y-%m-%d} since it stood in the way of a recording; look at it"
                yield Finding(Kind.SET_ASIDE, name, f"{what}; reconcile --settle removes it")

    def _end_damaged(self, recording_id: str, now: datetime) -> str:
        reason = "its file was not the one that was sealed, found by reconcile"
        self._rows.mark_purging(recording_id, now, reason)
        failure = self._purger.finish(recording_id, reason, now)
        if failure is not None:
            raise OperatorError(f"{recording_id}: {failure.why}")
        return f"{recording_id}: the file that was in its place was shredded; the row says so"

    def _remove(self, name: str, now: datetime) -> str:
        for stray in self._vault.strays():
            if _shown(stray.name) == name:
                remove_stray(self._registry, self._vault, stray, now)
        return f"{name}: removed"

    def _note_lost(self, recording_id: str, now: datetime) -> str:
        self._registry.soundness.note_lost(recording_id, now)
        return f"{recording_id}: the audit trail says now that its row is lost"

    def _mend(self, recording_id: str, now: datetime) -> str:
        if not layout.is_recording_id(recording_id):
            raise OperatorError("place or restrict it again, as the audit trail tells")
        found = self._vault.fingerprint(recording_id) or self._vault.fingerprint_there(recording_id)
        if found is None:
            raise OperatorError("its file is not there either; restore both from a backup")
        self._registry.soundness.mend(recording_id, found.sha256, now)
        return f"{recording_id}: its row tells again of the file of which the audit trail tells"

    def _date_today(self, recording_id: str, now: datetime) -> str:
        self._registry.soundness.date_today(recording_id, now)
        return f"{recording_id}: is dated today; its time runs from now on"

    def _leave(self, why: str) -> Callable[[str, datetime], str]:
        def leave(_subject: str, _now: datetime) -> str:
            raise OperatorError(why)

        return leave


def _or_unlooked(subject: str, look: Iterator[Finding]) -> Iterator[Finding]:
    """A part of the store that cannot be looked at hides no other."""
    try:
        yield from look
    except StoreFault as error:
        yield unlooked(subject, error)


def unlooked(subject: str, error: StoreFault) -> Finding:
    """`subject`: what is looked for in that part of the store."""
    return Finding(Kind.UNKNOWN, subject, str(error))


def remove_stray(registry: Registry, vault: Vault, stray: Stray, now: datetime) -> None:
    """The audit entry comes first; what was destroyed is in the second. StoreFault: it stays, and a directory is for a person to remove."""
    name = _shown(stray.name)
    if stray.what == DIRECTORY:
        raise StoreFault(f"{name}: is a directory; look at what is in it, and remove it")
    registry.audit(registry.actor, "reconcile.remove-stray", name, {"at": now.isoformat()})
    evidence = vault.remove_stray(stray.name).told()
    registry.audit(registry.actor, "reconcile.shredded", name, {"evidence": json.dumps(evidence, sort_keys=True)})


def _shown(name: str) -> str:
    """A file's name is anybody's: nothing in it reaches a terminal as it is."""
    return ascii(name)[1:-1][:LONGEST_NAME]
