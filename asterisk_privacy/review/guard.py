"""What stands before every route: who asks, from where, with which token; and the headers behind every answer."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from asterisk_privacy.access.accounts import Account
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.review.desk.client import RecorderAway
from asterisk_privacy.review.desk.signing import SessionOver
from asterisk_privacy.review.pages import error_page, language_of
from asterisk_privacy.review.sessions import Session
from asterisk_privacy.review.site import VISIT, Site, Visit, site_of
from asterisk_privacy.store.faults import AgeError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
FORM = "application/x-www-form-urlencoded"
OPEN = frozenset({"/sign-in", "/healthz", "/static"})  # routes, not paths: of a path there are many ways to write it
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAME_SITE = frozenset({"same-origin", "none"})  # "none": typed by the person himself


async def headers(request: web.Request, response: web.StreamResponse) -> None:
    """Of every answer, errors and audio too."""
    response.headers.update(HEADERS)
    response.headers.pop("Server", None)


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A plain sentence in the page's own layout, whatever went wrong; the journal gets no words of a person."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return error_page(request, error.status)
    except OperatorError as error:
        log.warning("%s %s: %s", request.method, request.match_info.route.resource and request.match_info.route.resource.canonical, error)
        if isinstance(error, RecorderAway):
            return error_page(request, 503, "recorder-away")
        return error_page(request, 500 if isinstance(error, AgeError) else 503, "unavailable")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    site = site_of(request)
    if not site.secure and _host(request) not in LOOPBACK_NAMES:  # a foreign name that was made to point here (DNS rebinding)
        return error_page(request, 421, "wrong-host")
    if request.method not in ("GET", "HEAD", "POST"):
        return error_page(request, 405)
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site", "none") not in SAME_SITE:
        return error_page(request, 403, "csrf")
    resource = request.match_info.route.resource
    if resource is not None and resource.canonical in OPEN:
        return await handler(request)
    visit, fresh = _visit(request, site)
    if visit is None:
        return await _signed_out(request, site)
    request[VISIT] = visit
    if request.method == "POST" and not await csrf_fits(request, visit.session.csrf):
        return error_page(request, 403, "csrf")
    response = await handler(request)
    if fresh is not None and not response.prepared:
        set_cookie(site, response, site.cookie, fresh)
    return response


async def csrf_fits(request: web.Request, wanted: str) -> bool:
    if request.content_type != FORM:  # nor files: they would be written to a disk
        raise web.HTTPBadRequest
    if (request.charset or "utf-8").casefold() != "utf-8":  # Python knows others, whose texts no registry can write
        raise web.HTTPBadRequest
    try:
        given = (await request.post()).get("csrf", "")
    except ValueError:  # no UTF-8
        raise web.HTTPBadRequest from None
    return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())


def set_cookie(site: Site, response: web.StreamResponse, name: str, value: str) -> None:
    response.set_cookie(name, value, path="/", httponly=True, secure=site.secure, samesite="Strict")


def forget_cookie(site: Site, response: web.StreamResponse, name: str) -> None:
    response.set_cookie(name, "", path="/", httponly=True, secure=site.secure, samesite="Strict", max_age=0)


def sign_in_token(site: Site, cookie: str) -> str:
    """For the form before there is a session: bound to a cookie that no other site can set or read."""
    return hmac.new(site.secret, cookie.encode(), hashlib.sha256).hexdigest()


def new_sign_in_cookie() -> str:
    return secrets.token_urlsafe(24)


def is_trusted(request: web.Request, site: Site) -> bool:
    """Whether the proxy itself is at the other end."""
    if not site.secure or request.transport is None:
        return False
    peer = request.transport.get_extra_info("peername")
    try:
        address = ipaddress.ip_address(peer[0])
    except (TypeError, IndexError, ValueError):
        return False
    return any(address in ipaddress.ip_network(known) for known in site.config.review.proxy_addresses)


def address_of(request: web.Request, site: Site) -> str:
    """Where the browser is; the last proxy's word for it counts only when it is ours. A proxy adds its word to the last line, or adds a
    line; what stands before it the browser may have written."""
    told = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    return told[:64] if told and is_trusted(request, site) else request.remote or "unknown"


def proof_of(account: Account) -> str:
    """Changes with the password, so that a new one ends the sessions of the old."""
    return hashlib.sha256((account.password or "").encode()).hexdigest()


def _visit(request: web.Request, site: Site) -> tuple[Visit | None, str | None]:
    """The visit, and the key of a session that begins with it."""
    key = request.cookies.get(site.cookie, "")
    session = site.sessions.find(key) if key else None
    header = site.config.review.proxy_header
    if header:
        named = request.headers.getall(header, [])
        if not is_trusted(request, site) or len(named) != 1:
            return None, None
        return _by_proxy(request, site, named[0], session)
    if session is None:
        return None, None
    account = site.accounts.find(session.account)
    if account is None or account.disabled or proof_of(account) != session.proof:
        site.sessions.end(key)
        return None, None
    return _made(request, site, account, session), None


def _by_proxy(request: web.Request, site: Site, name: str, session: Session | None) -> tuple[Visit | None, str | None]:
    account = site.accounts.find(name)
    if account is None or account.disabled:
        return None, None
    fresh = None
    if session is None or session.account != name or session.proof != proof_of(account):
        fresh, session = site.sessions.begin(name, proof_of(account))
    return _made(request, site, account, session), fresh


def _made(request: web.Request, site: Site, account: Account, session: Session) -> Visit:
    return Visit(account, session, site.viewer(account), account.language or language_of(request))


async def _signed_out(request: web.Request, site: Site) -> web.StreamResponse:
    """To the form; who tried to hear something meanwhile is in the audit trail, if it is known who it was."""
    was = site.sessions.was(request.cookies.get(site.cookie, ""))
    recording_id = request.match_info.get("id")
    if was is not None and recording_id and request.path.endswith(("/listen", "/audio")):
        await site.ask(SessionOver(was, recording_id))
    if site.config.review.proxy_header:
        return error_page(request, 403, "proxy-only")
    if request.path.endswith(("/audio", "/timeline.json")):
        return error_page(request, 401, "session-over")
    raise web.HTTPSeeOther("/sign-in?over=1" if request.cookies.get(site.cookie) else "/sign-in")


def _host(request: web.Request) -> str:
    host = request.host.rpartition(":")[0] if not request.host.endswith("]") and ":" in request.host else request.host
    return host.strip("[]").casefold()
