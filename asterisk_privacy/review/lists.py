"""The pages that list: the reviewer's queue, the incident handler's cases."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from asterisk_privacy.access.permission import Page, home, may_open
from asterisk_privacy.review.desk import lists
from asterisk_privacy.review.pages import URLS, error_page, page
from asterisk_privacy.review.site import site_of, visit_of


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
    lines = await site.ask(lists.Queue(visit.account.name, visit.language))
    today = site.now().astimezone()
    monday = (today - timedelta(days=today.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    week = [one for one in lines if one.recorded_at >= monday]
    earlier = [one for one in lines if one.recorded_at < monday]
    return page(request, "queue.html", this_week=week, earlier=earlier)


async def cases(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    found = await site.ask(lists.Cases(visit.account.name, visit.language))
    return page(request, "cases.html", open_cases=found.opened, closed_cases=found.closed, waiting=found.waiting, case=None)


async def case(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    found = await site.ask(lists.Case(visit.account.name, int(request.match_info["id"]), visit.language))
    if found is None:
        return error_page(request, 404, "no-case")
    return page(request, "cases.html", case=found.case, lines=found.lines, hidden=found.hidden, gone=found.gone)
