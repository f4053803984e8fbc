"""The lists: the reviewer's queue, the incident handler's cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Page, Viewer, further_to_hear, may_open, purposes_to_hear, why_not_see
from asterisk_privacy.daemon.purging import to_item
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.registry.case_rows import CaseRow
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.retention.plan import judge
from asterisk_privacy.review.desk.requests import ByAccount, Language

SOON = timedelta(days=3)
LAST_CLOSED = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One recording in a list."""

    id: str
    line: str
    agents: str
    recorded_at: datetime
    duration_ms: int | None
    purposes: tuple[str, ...]  # titles, of those that are the viewer's, or compatible with such
    until: datetime  # at the latest, as things stand
    soon: bool  # within three days
    over: bool  # the purger takes it at its next run
    hearable: bool


@dataclass(frozen=True, slots=True)
class AllCases:
    opened: tuple[CaseRow, ...]
    closed: tuple[CaseRow, ...]  # the last of them, the newest first
    waiting: tuple[Line, ...]  # recordings that an agent kept and that belong to no case


@dataclass(frozen=True, slots=True)
class OneCase:
    case: CaseRow
    lines: tuple[Line, ...]
    hidden: int
    gone: int


class Queue(ByAccount[tuple[Line, ...]], frozen=True, tag=True):
    """What awaits review; nobody's own."""

    long = True
    language: Language

    def carried_out(self, desk: Desk) -> tuple[Line, ...]:
        viewer = desk.viewer(self.who)
        purposes = desk.book.roles.purposes.get(Role.REVIEWER, frozenset())
        return _lines(desk, viewer, self.language, desk.registry.unreviewed(purposes)) if may_open(viewer, Page.QUEUE) else ()


class Cases(ByAccount[AllCases], frozen=True, tag=True):
    long = True
    language: Language

    def carried_out(self, desk: Desk) -> AllCases:
        viewer = desk.viewer(self.who)
        if not may_open(viewer, Page.CASES):
            return AllCases((), (), ())
        purposes = desk.book.roles.purposes.get(Role.INCIDENT_HANDLER, frozenset())
        every, waiting = desk.registry.cases(), desk.registry.without_case(purposes)
        opened = tuple(one for one in every if one.closed_at is None)
        closed = tuple(one for one in reversed(every) if one.closed_at is not None)[:LAST_CLOSED]
        return AllCases(opened, closed, _lines(desk, viewer, self.language, waiting))


class Case(ByAccount[OneCase | None], frozen=True, tag=True):
    number: int
    language: Language

    def carried_out(self, desk: Desk) -> OneCase | None:
        viewer = desk.viewer(self.who)
        found = next((one for one in desk.registry.cases() if one.id == self.number), None)
        if found is None or not may_open(viewer, Page.CASES):
            return None
        linked = desk.registry.recordings_among(found.recordings) if found.recordings else []
        living = [one for one in linked if one.state.value == "sealed"]
        lines = _lines(desk, viewer, self.language, living)
        return OneCase(found, lines, len(living) - len(lines), len(linked) - len(living))


def _lines(desk: Desk, viewer: Viewer, language: str, rows: Sequence[RecordingRow]) -> tuple[Line, ...]:
    """Those that he may know of."""
    now = desk.now()
    lines = []
    for row in rows:
        facts = desk.facts(row)
        if why_not_see(viewer, facts) is not None:
            continue
        due = judge(to_item(row, desk.rules), now, language).due
        listens_for = viewer.listens_for
        through = {use.made_for for use in facts.further if use.purpose in listens_for}
        titles = tuple(p.title for p in row.purposes if p.name in listens_for and p.name not in facts.ended)
        titles = titles or tuple(p.title for p in row.purposes if p.name in through)  # of a case, heard for what is compatible
        titles = titles or tuple(p.title for p in row.purposes if p.name in listens_for)  # a legal hold keeps it for him
        hearable = bool(purposes_to_hear(viewer, facts) or further_to_hear(viewer, facts))
        soon, over = now <= due < now + SOON, due < now
        lines.append(Line(row.id, row.profile, ", ".join(row.agents), row.recorded_at, row.duration_ms, titles, due, soon, over, hearable))
    return tuple(lines)
