"""Deletes what is due, so that a crash at any moment leaves a row that says what is left to do.

Per recording: the row says *purging* -> the file is shredded -> the row says *purged* and holds the evidence. The file is never gone
without a row that says so, and no row says purged while the file is there. One failure never stops the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.retention.plan import Item, Plan, Planned, all_of_several_days, exceeds, judge, plan
from asterisk_privacy.retention.reconcile import PASSING, Finding, Kind, Seen, reconcile
from asterisk_privacy.retention.reconcile import judge as compare

OVERDUE = timedelta(hours=24)
MOST_TOLD = 1000  # findings: an unmounted store would have as many as there are recordings
MOST_UNKNOWN = 100  # files that cannot be looked at: a folder may be unreadable; of more it is the store
WAY_ON = "look at `purge --dry-run --explain`, then run `purge --override-brake`"
CLOCK_WAY_ON = "set the clock (timedatectl); if it is right, run `purge --clock-is-right`"


class Evidence(Protocol):
    @property
    def found(self) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256_before(self) -> str | None: ...
    @property
    def objects(self) -> int | None:
        """Versions and delete markers that were removed from a bucket; None where there is none."""


class Forbidden(OperatorError):
    """Something forbids the deletion: a legal hold, a restriction. Nothing went wrong."""


class Rows(Protocol):
    """What the registry gives. Every method may raise OperatorError."""

    def items(self) -> Iterable[Item]:
        """All that is sealed."""

    def maybe_due(self, now: datetime) -> Iterable[Item]:
        """All that is sealed and due, and some that is not."""

    def count(self) -> int:
        """Of all that is sealed."""

    def item(self, item_id: str) -> Item | None:
        """Afresh; None when it is not sealed (any more)."""

    def purging(self) -> Mapping[str, str]:
        """Ids in state purging, with the reason that was given."""

    def states(self) -> Iterable[tuple[str, str]]:
        """Id and state of every row, sorted by id."""

    def state(self, item_id: str) -> str | None:
        """Afresh; None when there is no such row."""

    def mark_purging(self, item_id: str, at: datetime, reason: str) -> None:
        """Forbidden when it may not be deleted."""

    def mark_purged(self, item_id: str, at: datetime, reason: str, evidence: str) -> None: ...

    def note_purge(self, at: datetime, planned: int, deleted: int, failed: int, dry_run: bool) -> None: ...

    def note_found_due(self, ends: Sequence[tuple[str, datetime]]) -> None:
        """The end of each that this run found due and let lie; an Item has it as `found_due`."""

    def last_run(self) -> datetime | None:
        """When the last real run was; None: this is the first."""


class Files(Protocol):
    """What the store gives. Every method may raise OperatorError or OSError."""

    def shred(self, recording_id: str) -> Evidence:
        """Gone when it returns; may be called again after a crash."""

    def has(self, recording_id: str) -> bool:
        """Whether it is there, sealed; must raise when that cannot be known."""

    def sealed(self) -> Iterator[str]: ...

    def unfinished(self) -> Sequence[str]: ...

    def is_unfinished(self, recording_id: str) -> bool: ...

    def half_shredded(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Failure:
    item_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Spared:
    """Planned, and not deleted: something happened to it meanwhile."""

    item_id: str
    why: str


@dataclass(slots=True)
class _Tally:
    finished: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    spared: list[Spared] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PurgeReport:
    at: datetime
    dry_run: bool
    plan: Plan
    brake: str | None  # why nothing was deleted, and how to go on; None when the brake did not trip
    finished: tuple[str, ...]  # deletions that a crash had cut off, done now
    deleted: tuple[str, ...]
    spared: tuple[Spared, ...]
    failed: tuple[Failure, ...]
    overdue: tuple[Planned, ...]  # due for more than a day and still there
    stuck: tuple[str, ...]  # an earlier run began their deletion, and it failed again: an object lock of the bucket, or the bucket is away
    findings: tuple[Finding, ...]  # files and rows that do not agree, at most MOST_TOLD of them
    findings_untold: int = 0

    @property
    def clean(self) -> bool:
        return not (self.brake or self.failed or self.overdue or self.findings)


class Purger:
    """`only_one` is entered by a real run and keeps a second purger away (OperatorError). `counts`: also on a night on which nothing goes,
    when no brake asks how many there are; else its plan tells 0 then."""

    def __init__(
        self,
        rows: Rows,
        files: Files,
        brake_percent: int,
        brake_at_least: int,
        only_one: Callable[[], AbstractContextManager[object]] = nullcontext,
        counts: bool = True,
    ) -> None:
        self._rows = rows
        self._files = files
        self._brake_percent = brake_percent
        self._brake_at_least = brake_at_least
        self._only_one = only_one
        self._counts = counts

    def run(
        self, now: datetime, dry_run: bool, override_brake: bool = False, explain: bool = False, clock: str | None = None
    ) -> PurgeReport:
        """`explain`: the plan tells also of what stays, which takes a look at every recording. `clock`: why `now` cannot be believed; then
        nothing is done, nor noted as a run, whatever brake is overridden.

        OperatorError when registry or store cannot be read at all; what goes wrong with one recording stands in the report.
        """
        brake = None if clock is None else f"{clock}; nothing was deleted; {CLOCK_WAY_ON}"
        if dry_run:
            return self._run(now, True, override_brake, explain, brake)
        if brake is not None:
            return PurgeReport(now, False, Plan((), True, 0), brake, (), (), (), (), (), (), ())
        with self._only_one():
            return self._run(now, False, override_brake, explain)

    def plan(self, now: datetime, explain: bool = False, lost: int = 0) -> Plan:
        """What goes; with `explain` also what stays. `lost`: files that are missing, for which the other brake asks how many there are."""
        if explain:
            return plan(self._rows.items(), now, self._brake_percent, self._brake_at_least)

        def total(going: int) -> int:
            return self._rows.count() if self._counts or going or lost else 0

        return plan(self._rows.maybe_due(now), now, self._brake_percent, self._brake_at_least, total=total)

    def _run(self, now: datetime, dry_run: bool, override_brake: bool, explain: bool, brake: str | None = None) -> PurgeReport:
        findings, lost, untold = self._compared()
        intended = self.plan(now, explain, lost)
        tally = _Tally(failed=[Failure(planned.item_id, planned.reason) for planned in intended.unjudged])
        no_store = None if override_brake else self._store_missing(lost, intended.total)
        too_much = None if override_brake else self._too_much(intended)
        brake = brake or no_store or too_much
        if not dry_run:
            if no_store is None:
                self._finish_leftovers(now, tally)
            if brake is None:
                for planned in intended.deletions:
                    self._delete(planned, now, tally)
            if too_much is None:
                self._note_found_due(intended, tally)
        gone = {*tally.deleted, *(s.item_id for s in tally.spared)}
        overdue = tuple(p for p in intended.deletions if p.item_id not in gone and p.due < now - OVERDUE)
        self._note(now, len(intended.deletions), dry_run, tally)
        return PurgeReport(
            at=now,
            dry_run=dry_run,
            plan=intended,
            brake=brake,
            finished=tuple(tally.finished),
            deleted=tuple(tally.deleted),
            spared=tuple(tally.spared),
            failed=tuple(tally.failed),
            overdue=overdue,
            stuck=tuple(tally.stuck),
            findings=tuple(f for f in findings if f.recording_id not in gone and f.recording_id not in tally.finished),
            findings_untold=untold,
        )

    def findings(self) -> Iterator[Finding]:
        """Files against rows, each finding looked at twice: a call that was sealed between two looks is none. OperatorError where the store
        says of many that it cannot know."""
        unknown = 0
        for found in reconcile(self._rows.states(), self._files.sealed(), self._files.unfinished()):
            state = self._rows.state(found.recording_id)
            if found.kind is Kind.ORPHAN_FILE and state is not None:
                continue  # made meanwhile, or another node's in the same bucket: the store need not be asked
            try:
                is_sealed = self._files.has(found.recording_id)
            except OperatorError as error:
                unknown += 1
                if unknown > MOST_UNKNOWN:
                    raise
                yield Finding(Kind.UNKNOWN, found.recording_id, f"{found.recording_id}: nobody can say whether its file is there: {error}")
                continue
            seen = Seen(self._rows.state(found.recording_id), is_sealed, self._files.is_unfinished(found.recording_id))
            if seen.state == state and compare(found.recording_id, seen) == found:
                yield found

    def _compared(self) -> tuple[list[Finding], int, int]:
        """The first MOST_TOLD findings that do not pass by themselves, how many of all are lost files, and how many are not told."""
        told: list[Finding] = []
        lost = untold = 0
        for found in self.findings():
            if found.kind in PASSING:
                continue
            lost += found.kind is Kind.ROW_WITHOUT_FILE
            if len(told) < MOST_TOLD:
                told.append(found)
            else:
                untold += 1
        return told, lost, untold

    def _store_missing(self, lost: int, total: int) -> str | None:
        """An unmounted store looks like one in which everything was shredded already; its rows must not become purged."""
        if exceeds(lost, total, self._brake_percent):
            return f"{lost} of {total} recordings are not in the store, nothing was deleted; is it mounted? else {WAY_ON}"
        return None

    def _too_much(self, intended: Plan) -> str | None:
        going, total = len(intended.deletions), intended.total
        if intended.braked:
            return f"{going} of {total} recordings are due, more than {self._brake_percent} %, nothing was deleted; {WAY_ON}"
        if going and all_of_several_days(intended, self._rows.last_run()):
            return (
                f"all {going} recordings that may be deleted are due at once, of several days; nothing was deleted; is the clock right, "
                f"and was the policy changed? {WAY_ON}"
            )
        return None

    def _finish_leftovers(self, now: datetime, tally: _Tally) -> None:
        purging = self._rows.purging()
        for item_id, reason in purging.items():
            if not self._shred(item_id, reason, now, tally.finished, tally):
                tally.stuck.append(item_id)
        for item_id in self._files.half_shredded():  # its deletion was decided too: an erased call, an orphan
            if item_id not in purging:
                try:
                    self._files.shred(item_id)
                except (OperatorError, OSError) as error:
                    tally.failed.append(Failure(item_id, str(error)))

    def _delete(self, planned: Planned, now: datetime, tally: _Tally) -> None:
        try:
            item = self._rows.item(planned.item_id)
            again = None if item is None else judge(item, now)  # a case may have been opened since the plan was made
            if again is None or not again.delete:
                tally.spared.append(Spared(planned.item_id, "it is not sealed any more" if again is None else again.reason))
                return
            self._rows.mark_purging(planned.item_id, now, again.reason)
        except Forbidden as why:  # ... or a hold placed since it was judged again
            tally.spared.append(Spared(planned.item_id, str(why)))
            return
        except (OperatorError, OSError) as error:
            tally.failed.append(Failure(planned.item_id, str(error)))
            return
        self._shred(planned.item_id, again.reason, now, tally.deleted, tally)

    def finish(self, item_id: str, reason: str, now: datetime) -> Failure | None:
        """A deletion that its row says was begun, to its end."""
        tally = _Tally()
        self._shred(item_id, reason, now, tally.finished, tally)
        return tally.failed[0] if tally.failed else None

    def _shred(self, item_id: str, reason: str, now: datetime, done: list[str], tally: _Tally) -> bool:
        """Whether it is gone, and its row says so."""
        try:
            evidence = self._files.shred(item_id)
            if self._files.has(item_id):
                tally.failed.append(Failure(item_id, "the file is still there after shredding; the row stays purging"))
                return False
            self._rows.mark_purged(item_id, now, reason, evidence_text(evidence))
        except (OperatorError, OSError) as error:
            tally.failed.append(Failure(item_id, str(error)))
            return False
        done.append(item_id)
        return True

    def _note_found_due(self, intended: Plan, tally: _Tally) -> None:
        """Not after a brake for too much: that nobody has looked yet makes the next run no less surprising."""
        left = {planned.item_id: planned.due for planned in intended.deletions if not planned.known}
        for item_id in tally.deleted:
            left.pop(item_id, None)
        ends = (*intended.newly_held, *left.items())
        if ends:
            try:
                self._rows.note_found_due(ends)
            except OperatorError as error:
                tally.failed.append(Failure("", str(error)))

    def _note(self, now: datetime, planned: int, dry_run: bool, tally: _Tally) -> None:
        done = len(tally.deleted) + len(tally.finished)
        try:
            self._rows.note_purge(now, planned, done, len(tally.failed), dry_run)
        except OperatorError as error:  # what was deleted must still be reported
            tally.failed.append(Failure("", str(error)))


def evidence_text(evidence: Evidence) -> str:
    """JSON; `found` is false when a crash had come between the shredding and the row, or the file had been lost before."""
    told: dict[str, object] = {"found": evidence.found, "size": evidence.size, "sha256_before": evidence.sha256_before}
    if evidence.objects is not None:
        told["objects_and_versions_removed"] = evidence.objects
    return json.dumps(told, sort_keys=True)
