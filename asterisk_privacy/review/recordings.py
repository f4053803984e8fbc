"""A recording's page, and the forms of what is written down about it: outcome, lesson, case, objection."""

from __future__ import annotations

from datetime import datetime, time
from typing import assert_never

from aiohttp import web

from asterisk_privacy.access.permission import Refusal
from asterisk_privacy.policy.cases import CaseKind
from asterisk_privacy.review.desk import recordings as desk
from asterisk_privacy.review.pages import error_page, notice, page, say
from asterisk_privacy.review.recording_view import CASE_KINDS
from asterisk_privacy.review.site import site_of, visit_of, words_of

# Longer than any phone number (15 digits, E.164), so that none can be used by mistake; the store's own rule.
ID = r"[0-9a-f]{16,64}"


async def show(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]
    view = await site.ask(desk.Show(visit.account.name, recording_id, visit.language))
    if view is None:
        return error_page(request, 404, "no-recording")
    grant = site.sessions.granted(visit.session, recording_id)
    further = None if grant is None else next((use for use in view.further if use.name == grant.purpose), None)
    if grant is not None and further is None and grant.purpose not in {name for name, _ in view.hear}:
        grant = None  # a hold, a restriction or the purger came in between
    return page(
        request, "recording.html", r=view, grant=grant, further=further, case_kinds=CASE_KINDS, today=site.now().astimezone().date()
    )


async def reviewed(request: web.Request) -> web.StreamResponse:
    outcome = words_of(await request.post(), "outcome")
    if not outcome:
        return _back(request, "refused", say(request, "say-outcome"))
    return await _do(request, desk.Reviewed(*_by(request), outcome))


async def lesson(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    reason, until = words_of(form, "reason"), _day(words_of(form, "until"))
    if not reason or until is None:
        return _back(request, "refused", say(request, "say-lesson"))
    return await _do(request, desk.KeepAsLesson(*_by(request), reason, until))


async def case(request: web.Request) -> web.StreamResponse:
    """Links it to an open case, or opens one if a kind is given."""
    form = await request.post()
    reference, kind = words_of(form, "reference", 100), words_of(form, "kind")
    if not reference or (kind and kind not in CASE_KINDS):
        return _back(request, "refused", say(request, "say-case"))
    return await _do(request, desk.PutInCase(*_by(request), reference, CaseKind(kind) if kind else None))


async def objection(request: web.Request) -> web.StreamResponse:
    """The customer said it, in the call or afterwards (R4)."""
    form = await request.post()
    purpose, reason = words_of(form, "purpose", 64), words_of(form, "reason")
    if not purpose or not reason:
        return _back(request, "refused", say(request, "say-objection"))
    return await _do(request, desk.Objected(*_by(request), purpose, reason, visit_of(request).language))


def _by(request: web.Request) -> tuple[str, str, str]:
    """Who, about which recording, and the purpose of the listen that goes on."""
    visit, recording_id = visit_of(request), request.match_info["id"]
    grant = site_of(request).sessions.granted(visit.session, recording_id)
    return visit.account.name, recording_id, "" if grant is None else grant.purpose


async def _do(request: web.Request, act: desk.Act) -> web.StreamResponse:
    """And back to the page, which says how it went."""
    answer = await site_of(request).ask(act)
    match answer:
        case desk.NotHis(Refusal.UNKNOWN | Refusal.OWN):
            return error_page(request, 404, "no-recording")
        case desk.NotHis(refusal):
            return error_page(request, 403, "refusal", why=say(request, f"refusal-{refusal}"))
        case desk.NotDone(why):
            return _back(request, "refused", why.words if isinstance(why, desk.Told) else say(request, why.key, **why.values))
        case desk.Done(desk.Said(key, values), still_his):
            return _back(request, "done", say(request, key, **values), still_his)
        case _:
            assert_never(answer)


def _back(request: web.Request, kind: str, sentence: str, to_the_recording: bool = True) -> web.StreamResponse:
    """To the first page when it is no longer his, such as after an objection to his only purpose."""
    notice(request, kind, sentence)
    raise web.HTTPSeeOther(f"/recordings/{request.match_info['id']}" if to_the_recording else "/")


def _day(text: str) -> datetime | None:
    """The end of that day, local time; None when it is no date."""
    try:
        return datetime.combine(datetime.strptime(text, "%Y-%m-%d").date(), time(23, 59)).astimezone()
    except (ValueError, OverflowError):
        return None
