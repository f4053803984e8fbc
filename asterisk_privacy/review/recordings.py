"""A recording's page, and what is written down about it: outcome, lesson, case, objection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time

from aiohttp import web

from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.purging import latest_lesson
from asterisk_privacy.policy.cases import CaseKind
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, WrongState
from asterisk_privacy.review.pages import error_page, notice, page, say
from asterisk_privacy.review.permission import Act, Refusal, further_use, objectionable, why_not_do, why_not_see
from asterisk_privacy.review.recording_view import CASE_KINDS, RecordingView, seen
from asterisk_privacy.review.site import Visit, site_of, visit_of, words_of

# Longer than any phone number (15 digits, E.164), so that none can be used by mistake; the store's own rule.
ID = r"[0-9a-f]{16,64}"
OF_A_REVIEW = (Act.REVIEWED, Act.LESSON)  # they end or prolong what it was made for, so they come of listening for that


async def show(request: web.Request) -> web.StreamResponse:
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]

    def look(registry: Registry) -> RecordingView | None:
        row = registry.recording(recording_id)
        if row is None or why_not_see(visit.viewer, site.facts(row)) is not None:
            return None
        return seen(registry, site, visit.viewer, row, visit.language)

    view = await site.ask(look)
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

    def write(registry: Registry, row: RecordingRow, visit: Visit) -> str:
        registry.milestone(row.id, Milestone.REVIEWED, site_of(request).now(), visit.actor, outcome)
        return say(request, "done-reviewed")

    return await _do(request, Act.REVIEWED, write)


async def lesson(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    reason, until = words_of(form, "reason"), _day(words_of(form, "until"))
    if not reason or until is None:
        return _back(request, "refused", say(request, "say-lesson"))

    def write(registry: Registry, row: RecordingRow, visit: Visit) -> str:
        site = site_of(request)
        limit = latest_lesson(row, site.rules)
        if limit is None:
            raise WrongState(say(request, "no-lesson"))
        if until > limit:
            raise WrongState(say(request, "lesson-too-late", limit=f"{limit.astimezone():%Y-%m-%d}"))
        if until <= site.now():
            raise WrongState(say(request, "lesson-over"))
        registry.lesson(row.id, until, site.now(), visit.actor, reason)
        return say(request, "done-lesson", until=f"{until.astimezone():%Y-%m-%d}")

    return await _do(request, Act.LESSON, write)


async def case(request: web.Request) -> web.StreamResponse:
    """Links it to an open case, or opens one if a kind is given."""
    form = await request.post()
    reference, kind = words_of(form, "reference", 100), words_of(form, "kind")
    if not reference or (kind and kind not in CASE_KINDS):
        return _back(request, "refused", say(request, "say-case"))

    def write(registry: Registry, row: RecordingRow, visit: Visit) -> str:
        if kind and not registry.cases(reference):
            registry.open_case(CaseKind(kind), reference, site_of(request).now(), visit.actor)
        registry.link_case(reference, row.id, site_of(request).now(), visit.actor)
        return say(request, "done-case", reference=reference)

    return await _do(request, Act.CASE, write)


async def objection(request: web.Request) -> web.StreamResponse:
    """The customer said it, in the call or afterwards (R4). What is left without a purpose the purger takes; the page cannot delete."""
    form = await request.post()
    purpose, reason = words_of(form, "purpose"), words_of(form, "reason")
    if not purpose or not reason:
        return _back(request, "refused", say(request, "say-objection"))

    def write(registry: Registry, row: RecordingRow, visit: Visit) -> str:
        site = site_of(request)
        facts = site.facts(row)
        if purpose not in objectionable(visit.viewer, facts):
            raise WrongState(say(request, "refusal-not-served"))
        asked = rights.Asked(reason, identity_check="heard or told on the review page")
        if further_use(facts, purpose) is not None:
            title = site.config.book.purposes[purpose].title_in(visit.language)
            rights.object_to_further(registry, row, purpose, title, asked, site.now())
            return say(request, "done-objection")
        answer = rights.object_to(registry, None, row, purpose, asked, site.now())
        if answer.refused:
            raise WrongState(answer.in_words(visit.language))
        return say(request, "done-objection-none-left" if answer.erased else "done-objection")

    return await _do(request, Act.OBJECTION, write)


async def _do(request: web.Request, act: Act, write: Callable[[Registry, RecordingRow, Visit], str]) -> web.StreamResponse:
    """One look and one change on the registry's thread; then back to the page, which says how it went."""
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]

    def work(registry: Registry) -> tuple[Refusal | None, str, bool]:
        row = registry.recording(recording_id)
        if row is None:
            return Refusal.UNKNOWN, "", False
        refusal = why_not_do(visit.viewer, site.facts(row), act)
        if refusal is not None:
            return refusal, "", False
        grant = site.sessions.granted(visit.session, recording_id)
        if act in OF_A_REVIEW and grant is not None and grant.purpose not in {p.name for p in row.purposes}:
            raise WrongState(say(request, "not-of-this-listen"))
        sentence, after = write(registry, row, visit), registry.recording(recording_id)
        return None, sentence, after is not None and why_not_see(visit.viewer, site.facts(after)) is None

    try:
        refusal, sentence, still_his = await site.ask(work, visit.actor)
    except WrongState as error:
        return _back(request, "refused", str(error))
    if refusal in (Refusal.UNKNOWN, Refusal.OWN):
        return error_page(request, 404, "no-recording")
    if refusal is not None:
        return error_page(request, 403, "refusal", why=say(request, f"refusal-{refusal}"))
    return _back(request, "done", sentence, to_the_recording=still_his)


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
