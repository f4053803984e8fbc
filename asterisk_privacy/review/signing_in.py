"""Sign in with a password, and out. Wrong ones cost time, for the account and for the address; each lock is in the audit trail."""

from __future__ import annotations

import math

from aiohttp import web

from asterisk_privacy.access.accounts import NAME
from asterisk_privacy.review.desk.signing import NOBODY, LockedOut, SignedIn, SignedOut
from asterisk_privacy.review.guard import address_of, csrf_fits, forget_cookie, new_sign_in_cookie, proof_of, set_cookie, sign_in_token
from asterisk_privacy.review.pages import error_page, page, say
from asterisk_privacy.review.site import site_of, visit_of

MOST_WAITING = 20  # sign-ins at once; argon2 is slow on purpose


async def form(request: web.Request) -> web.StreamResponse:
    site = site_of(request)
    if site.config.review.proxy_header:
        return error_page(request, 403, "proxy-only")
    key = request.cookies.get(site.cookie, "")
    if key and site.sessions.find(key) is not None:
        raise web.HTTPSeeOther("/")
    return _form(request, 200, say(request, "session-over") if "over" in request.query else "")


async def sign_in(request: web.Request) -> web.StreamResponse:
    site = site_of(request)
    if site.config.review.proxy_header:
        return error_page(request, 403, "proxy-only")
    cookie = request.cookies.get(site.sign_in_cookie, "")
    if not cookie or not await csrf_fits(request, sign_in_token(site, cookie)):
        return _form(request, 403, say(request, "error-csrf"))
    data = await request.post()
    name, password = data.get("name", ""), data.get("password", "")
    if not isinstance(name, str) or not isinstance(password, str):
        return _form(request, 400, say(request, "wrong-password"))
    name = name.strip()
    account = site.accounts.find(name) if NAME.fullmatch(name) else None
    keys = (("account", name[:64].casefold()), ("address", address_of(request, site)))
    if (left := site.lockout.seconds_left(*keys)) > 0:
        return _form(request, 429, say(request, "locked", minutes=math.ceil(left / 60)))
    if site.guessing >= MOST_WAITING:
        return _form(request, 503, say(request, "busy"))
    locked = site.lockout.guess(*keys)
    fits = await site.guess(account, password)
    if account is None or not fits:
        for kind, _ in locked:
            who = name if account is not None else NOBODY
            await site.ask(LockedOut(who, kind))
        return _form(request, 401, say(request, "wrong-password"))
    site.lockout.right(*keys)
    key, _ = site.sessions.begin(account.name, proof_of(account))
    await site.ask(SignedIn(account.name))
    response = web.HTTPSeeOther("/")
    set_cookie(site, response, site.cookie, key)
    forget_cookie(site, response, site.sign_in_cookie)
    raise response


async def sign_out(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    site.sessions.end(request.cookies.get(site.cookie, ""))
    await site.ask(SignedOut(visit.account.name))
    response = web.HTTPSeeOther("/" if site.config.review.proxy_header else "/sign-in")
    forget_cookie(site, response, site.cookie)
    raise response


def _form(request: web.Request, status: int, sentence: str) -> web.StreamResponse:
    site = site_of(request)
    cookie = request.cookies.get(site.sign_in_cookie) or new_sign_in_cookie()
    response = page(request, "sign_in.html", status, csrf=sign_in_token(site, cookie), sentence=sentence)
    set_cookie(site, response, site.sign_in_cookie, cookie)
    return response
