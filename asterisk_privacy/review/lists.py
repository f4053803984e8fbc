"""The pages that list: the reviewer's queue, the incident handler's cases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web

from asterisk_privacy.daemon.purging import to_item
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.registry.case_rows import CaseRow
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.retention.plan import judge
from asterisk_privacy.review.pages import URLS, error_page, page
from asterisk_privacy.review.permission import Page, further_to_hear, home, may_open, purposes_to_hear, why_not_see
from asterisk_privacy.review.site import Site, Visit, site_of, visit_of


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


SOON = timedelta(days=3)


async def front(request: web.Request) -> web.StreamResponse:
    """The role's home: for a reviewer the queue itself."""
    viewer = visit_of(request).viewer
    if may_open(viewer, Page.QUEUE):
        return await queue(request)
    first = home(viewer)
    if first is None:
        return error_page(request, 403, "no-role")
    raise web.HTTPSeeOther(URLS[first])


async def queue(request: web.Request) -> web.StreamResponse:
    """What awaits review, this week's (ISO 8601, local time) first; nobody's own."""
    site, visit = site_of(request), visit_of(request)
    purposes = site.roles.purposes.get(Role.REVIEWER, frozenset())

    def look(registry: Registry) -> list[RecordingRow]:
        return registry.unreviewed(purposes)

    rows = await site.read(look)
    lines = lines_of(site, visit, rows)
    today = site.now().astimezone()
    monday = (today - timedelta(days=today.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    week = [one for one in lines if one.recorded_at >= monday]
    earlier = [one for one in lines if one.recorded_at < monday]
    return page(request, "queue.html", this_week=week, earlier=earlier)


async def cases(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    purposes = site.roles.purposes.get(Role.INCIDENT_HANDLER, frozenset())

    def look(registry: Registry) -> tuple[list[CaseRow], list[RecordingRow]]:
        return registry.cases(), registry.without_case(purposes)

    every, waiting = await site.read(look)
    opened = [one for one in every if one.closed_at is None]
    closed = [one for one in reversed(every) if one.closed_at is not None][:50]
    return page(request, "cases.html", open_cases=opened, closed_cases=closed, waiting=lines_of(site, visit, waiting), case=None)


async def case(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    number = int(request.match_info["id"])

    def look(registry: Registry) -> tuple[CaseRow, list[RecordingRow]] | None:
        found = next((one for one in registry.cases() if one.id == number), None)
        return None if found is None else (found, registry.recordings_among(found.recordings) if found.recordings else [])

    found = await site.ask(look)
    if found is None:
        return error_page(request, 404, "no-case")
    row, linked = found
    living = [one for one in linked if one.state.value == "sealed"]
    lines = lines_of(site, visit, living)
    return page(request, "cases.html", case=row, lines=lines, hidden=len(living) - len(lines), gone=len(linked) - len(living))


def lines_of(site: Site, visit: Visit, rows: Sequence[RecordingRow]) -> list[Line]:
    """Those that he may know of."""
    now = site.now()
    lines = []
    for row in rows:
        facts = site.facts(row)
        if why_not_see(visit.viewer, facts) is not None:
            continue
        due = judge(to_item(row, site.rules), now, visit.language).due
        listens_for = visit.viewer.listens_for
        through = {use.made_for for use in facts.further if use.purpose in listens_for}
        titles = tuple(p.title for p in row.purposes if p.name in listens_for and p.name not in facts.ended)
        titles = titles or tuple(p.title for p in row.purposes if p.name in through)  # of a case, heard for what is compatible
        titles = titles or tuple(p.title for p in row.purposes if p.name in listens_for)  # a legal hold keeps it for him
        hearable = bool(purposes_to_hear(visit.viewer, facts) or further_to_hear(visit.viewer, facts))
        soon, over = now <= due < now + SOON, due < now
        lines.append(Line(row.id, row.profile, ", ".join(row.agents), row.recorded_at, row.duration_ms, titles, due, soon, over, hearable))
    return lines
