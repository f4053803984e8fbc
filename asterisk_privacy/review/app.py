"""The routes of the review page, each with who may go there."""

from __future__ import annotations

from aiohttp import web

from asterisk_privacy.access.permission import Page, may_open
from asterisk_privacy.daemon.http_limits import Limits
from asterisk_privacy.daemon.http_limits import middleware as limited
from asterisk_privacy.review import guard, listening, lists, officer, recordings, signing_in
from asterisk_privacy.review.desk.signing import Healthy
from asterisk_privacy.review.pages import STATIC, error_page
from asterisk_privacy.review.site import SITE, Site, visit_of

LONGEST_BODY = 64 << 10
LIMITS = Limits(peers=200, answer=600.0)
"""A browser has six connections at most; a player that is paused takes nothing, and asks for the rest when it goes on."""
RECORDING = f"/recordings/{{id:{recordings.ID}}}"


def make_app(site: Site) -> web.Application:
    """Closes the site when it is cleaned up."""
    app = web.Application(middlewares=[guard.errors, limited, guard.guard], client_max_size=LONGEST_BODY)
    app[SITE] = site
    app.on_response_prepare.append(guard.headers)

    async def close(_app: web.Application) -> None:
        site.close()

    app.on_cleanup.append(close)
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/sign-in", signing_in.form),
            web.post("/sign-in", signing_in.sign_in),
            web.post("/sign-out", signing_in.sign_out),
            web.get("/", lists.front),
            web.get(RECORDING, recordings.show),
            web.post(f"{RECORDING}/listen", listening.listen),
            web.post(f"{RECORDING}/reviewed", recordings.reviewed),
            web.post(f"{RECORDING}/lesson", recordings.lesson),
            web.post(f"{RECORDING}/case", recordings.case),
            web.post(f"{RECORDING}/objection", recordings.objection),
            web.get(f"{RECORDING}/audio", listening.audio, allow_head=False),
            web.get(f"{RECORDING}/timeline.json", listening.timeline, allow_head=False),
            web.get("/cases", only(Page.CASES, lists.cases)),
            web.get("/cases/{id:[0-9]{1,9}}", only(Page.CASES, lists.case)),
            web.get("/requests", only(Page.REQUESTS, officer.requests)),
            web.get("/holds", only(Page.HOLDS, officer.holds)),
            web.get("/overdue", only(Page.OVERDUE, officer.overdue)),
            web.get("/register", only(Page.REGISTER, officer.register)),
            web.get("/audit", only(Page.AUDIT, officer.audit)),
            web.static("/static", STATIC, follow_symlinks=False),
        ]
    )
    return app


def only(where: Page, handler: guard.Handler) -> guard.Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        if not may_open(visit_of(request).viewer, where):
            return error_page(request, 403, "not-your-page")
        return await handler(request)

    return guarded


async def healthz(request: web.Request) -> web.StreamResponse:
    """For monitoring: 200 when registry and accounts can be read; nothing about either."""
    site = request.app[SITE]
    await site.ask(Healthy())
    if not site.config.review.proxy_header:
        site.accounts.all()
    return web.Response(text="ok\n")
