"""The privacy officer's pages, and the auditor's: requests with their clocks, legal holds, overdue deletions, the register, the trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from aiohttp import web

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.policy.texts import DOCUMENTS, announcements, document
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.requests import RequestRow
from asterisk_privacy.registry.rows import AuditReport, AuditRow, PurgeRow, State
from asterisk_privacy.retention.plan import Planned, judge
from asterisk_privacy.retention.purger import OVERDUE
from asterisk_privacy.review.pages import error_page, page
from asterisk_privacy.review.site import site_of, visit_of
from asterisk_privacy.rights.deadline import Urgency, urgency

LAST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class RequestLine:
    row: RequestRow
    days_left: int  # negative: so many days late
    urgency: str  # open, soon, overdue, closed


@dataclass(frozen=True, slots=True)
class OverdueLine:
    id: str
    due: datetime
    why: str


async def requests(request: web.Request) -> web.StreamResponse:
    site = site_of(request)
    rows = await site.ask(lambda registry: registry.requests())
    today = site.now().astimezone().date()
    lines = [_request(row, today) for row in rows]
    return page(
        request,
        "requests.html",
        open_requests=[line for line in lines if line.row.closed_at is None],
        closed_requests=[line for line in lines if line.row.closed_at is not None][-50:],
    )


async def holds(request: web.Request) -> web.StreamResponse:
    rows = await site_of(request).ask(lambda registry: registry.holds(only_active=False))
    active = [row for row in rows if row.released_at is None]
    return page(request, "holds.html", active=active, released=[row for row in reversed(rows) if row.released_at is not None][:50])


async def overdue(request: web.Request) -> web.StreamResponse:
    """Due for more than a day and still there; and deletions that were begun and not finished."""
    site, visit = site_of(request), visit_of(request)
    now = site.now()

    def look(registry: Registry) -> tuple[list[Planned], list[tuple[str, datetime, str]], PurgeRow | None]:
        due = [judge(item, now, visit.language) for item in RegistryRows(registry, site.rules).maybe_due(now)]
        late = sorted((one for one in due if one.delete and one.due < now - OVERDUE), key=lambda one: one.due)
        begun = [(row.id, row.state_at, row.state_reason) for row in registry.recordings(state=State.PURGING)]
        return late, begun, registry.last_purge()

    late, begun, last = await site.read(look)
    lines = [OverdueLine(one.item_id, one.due, one.reason) for one in late]
    return page(request, "overdue.html", overdue=lines, unfinished=[OverdueLine(*one) for one in begun], last_purge=last)


async def register(request: web.Request) -> web.StreamResponse:
    """Made from the policy that the purger obeys, as `asterisk-privacy register` writes it."""
    site, visit = site_of(request), visit_of(request)
    kinds = (*DOCUMENTS, "announcement")
    kind = request.query.get("document", "record")
    if kind not in kinds:
        return error_page(request, 404)
    book, office = site.config.book, site.config.office
    made = announcements(book, office, visit.language) if kind == "announcement" else document(kind, book, office, visit.language)
    return page(request, "register.html", document=made, kind=kind, kinds=kinds)


async def audit(request: web.Request) -> web.StreamResponse:
    def look(registry: Registry) -> tuple[list[AuditRow], AuditReport]:
        return registry.audit_entries(LAST_ENTRIES), registry.verify_audit()

    entries, report = await site_of(request).read(look)
    return page(request, "audit.html", entries=entries, report=report)


def _request(row: RequestRow, today: date) -> RequestLine:
    left = (row.due - today).days
    if row.closed_at is not None:
        return RequestLine(row, left, "closed")
    names = {Urgency.OPEN: "open", Urgency.SOON: "soon", Urgency.OVERDUE: "overdue"}
    return RequestLine(row, left, names[urgency(row.due, today)])
