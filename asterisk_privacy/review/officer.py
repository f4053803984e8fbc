"""The privacy officer's pages, and the auditor's: requests with their clocks, legal holds, overdue deletions, the register, the trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from aiohttp import web

from asterisk_privacy.policy.texts import DOCUMENTS, announcements, document
from asterisk_privacy.registry.requests import RequestRow
from asterisk_privacy.review.desk import officer as desk
from asterisk_privacy.review.pages import error_page, page
from asterisk_privacy.review.site import site_of, visit_of
from asterisk_privacy.rights.deadline import Urgency, urgency


@dataclass(frozen=True, slots=True)
class RequestLine:
    row: RequestRow
    days_left: int  # negative: so many days late
    urgency: str  # open, soon, overdue, closed


async def requests(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    rows = await site.ask(desk.Requests(visit.account.name))
    today = site.now().astimezone().date()
    lines = [_request(row, today) for row in rows]
    return page(
        request,
        "requests.html",
        open_requests=[line for line in lines if line.row.closed_at is None],
        closed_requests=[line for line in lines if line.row.closed_at is not None][-50:],
    )


async def holds(request: web.Request) -> web.StreamResponse:
    rows = await site_of(request).ask(desk.Holds(visit_of(request).account.name))
    active = [row for row in rows if row.released_at is None]
    return page(request, "holds.html", active=active, released=[row for row in reversed(rows) if row.released_at is not None][:50])


async def overdue(request: web.Request) -> web.StreamResponse:
    """Due for more than a day and still there; and deletions that were begun and not finished."""
    site, visit = site_of(request), visit_of(request)
    found = await site.ask(desk.Overdue(visit.account.name, visit.language))
    return page(request, "overdue.html", overdue=found.overdue, unfinished=found.unfinished, last_purge=found.last)


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
    found = await site_of(request).ask(desk.Trail(visit_of(request).account.name))
    if found is None:
        return error_page(request, 403, "not-your-page")
    return page(request, "audit.html", entries=found.entries, report=found.report)


def _request(row: RequestRow, today: date) -> RequestLine:
    left = (row.due - today).days
    if row.closed_at is not None:
        return RequestLine(row, left, "closed")
    names = {Urgency.OPEN: "open", Urgency.SOON: "soon", Urgency.OVERDUE: "overdue"}
    return RequestLine(row, left, names[urgency(row.due, today)])
