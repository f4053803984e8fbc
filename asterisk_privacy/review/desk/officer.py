"""The privacy officer's pages, and the auditor's: requests of persons, legal holds, overdue deletions, the audit trail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from asterisk_privacy.access.cases import holds_to_know
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Page, may_open
from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.registry.case_rows import HoldRow
from asterisk_privacy.registry.requests import RequestRow
from asterisk_privacy.registry.rows import AuditReport, AuditRow, PurgeRow, State
from asterisk_privacy.retention.plan import judge
from asterisk_privacy.retention.purger import OVERDUE
from asterisk_privacy.review.desk.requests import ByAccount, Language

LAST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Late:
    id: str
    due: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Deletions:
    overdue: tuple[Late, ...]  # due for more than a day and still there
    unfinished: tuple[Late, ...]  # begun, and not finished
    last: PurgeRow | None


@dataclass(frozen=True, slots=True)
class TrailSeen:
    entries: tuple[AuditRow, ...]  # the newest first
    report: AuditReport


class Requests(ByAccount[tuple[RequestRow, ...]], frozen=True, tag=True):
    """Without what each is about: a hash of a number is nothing that the page needs."""

    def carried_out(self, desk: Desk) -> tuple[RequestRow, ...]:
        if not may_open(desk.viewer(self.who), Page.REQUESTS):
            return ()
        return tuple(replace(row, subject=None) for row in desk.registry.requests())


class Holds(ByAccount[tuple[HoldRow, ...]], frozen=True, tag=True):
    """The oldest first, those that were released too."""

    def carried_out(self, desk: Desk) -> tuple[HoldRow, ...]:
        return tuple(holds_to_know(desk, self.acting(desk), only_active=False)) if may_open(desk.viewer(self.who), Page.HOLDS) else ()


class Overdue(ByAccount[Deletions], frozen=True, tag=True):
    long = True
    language: Language

    def carried_out(self, desk: Desk) -> Deletions:
        if not may_open(desk.viewer(self.who), Page.OVERDUE):
            return Deletions((), (), None)
        now = desk.now()
        due = [judge(item, now, self.language) for item in RegistryRows(desk.registry, desk.rules).maybe_due(now)]
        late = sorted((one for one in due if one.delete and one.due < now - OVERDUE), key=lambda one: one.due)
        begun = tuple(Late(row.id, row.state_at, row.state_reason) for row in desk.registry.recordings(state=State.PURGING))
        return Deletions(tuple(Late(one.item_id, one.due, one.reason) for one in late), begun, desk.registry.last_purge())


class Trail(ByAccount[TrailSeen | None], frozen=True, tag=True):
    long = True

    def carried_out(self, desk: Desk) -> TrailSeen | None:
        if not may_open(desk.viewer(self.who), Page.AUDIT):
            return None
        return TrailSeen(tuple(desk.registry.audit_entries(LAST_ENTRIES)), desk.registry.verify_audit())
