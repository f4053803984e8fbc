"""Listening: purpose and reason, the audit row, and only then a token with which this session can fetch this recording's audio.

Audio is decrypted in memory as it is sent, in pieces; no file, no cache. Each request looks again whether it may still be heard.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review import ranges
from asterisk_privacy.review.hearing import Hearing, sentence_of
from asterisk_privacy.review.pages import error_page, notice, say
from asterisk_privacy.review.permission import Refusal, told_of, why_not_hear, why_not_see
from asterisk_privacy.review.site import site_of, visit_of, words_of

log = logging.getLogger(__name__)

PIECE = 256 << 10
FIRST = 64 << 10  # read before the answer begins
VIA = "review page"
BUCKETS = 1000
HIDDEN = (Refusal.UNKNOWN, Refusal.OWN)


async def listen(request: web.Request) -> web.StreamResponse:
    """POST: from here on it stands in the audit trail that he listens, for what and why."""
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]
    form = await request.post()
    purpose, reason = words_of(form, "purpose", 40), words_of(form, "reason", 200)

    def decide(registry: Registry) -> tuple[Refusal | None, RecordingRow | None]:
        row = registry.recording(recording_id)
        facts = None if row is None else site.facts(row)
        refusal = Refusal.UNKNOWN if facts is None else why_not_hear(visit.viewer, facts, purpose)
        detail = {"purpose": purpose, "reason": reason, "via": VIA, **told_of(facts, purpose)}
        if refusal is not None:
            registry.audit(visit.actor, "recording.listen-refused", recording_id, {**detail, "why": refusal.value})
        elif reason:
            registry.audit(visit.actor, "recording.listen", recording_id, detail)
        return refusal, row

    refusal, row = await site.ask(decide, visit.actor)
    if refusal is not None:
        return _refused(request, refusal)
    if not reason or row is None:
        notice(request, "refused", say(request, "say-listen"))
        raise web.HTTPSeeOther(f"/recordings/{recording_id}")
    try:
        hearing = await _opened(request, recording_id)
    except OperatorError as error:
        visit.session.listens.pop(recording_id, None)  # a token from before is of no use
        notice(request, "refused", say(request, sentence_of(error)))
    else:
        hearing.close()
        site.sessions.grant(visit.session, recording_id, purpose)
    raise web.HTTPSeeOther(f"/recordings/{recording_id}#listen")


async def audio(request: web.Request) -> web.StreamResponse:
    """GET ?token=...[&as=wav], with Range: 200, 206 or 416."""
    row, refused = await _granted(request)
    if row is None:
        return refused or error_page(request, 403)
    as_wav = request.query.get("as") == "wav"
    try:
        hearing = await _opened(request, row.id, as_wav)
    except OperatorError as error:
        return error_page(request, 410, sentence_of(error))
    try:
        return await _send(request, hearing, "audio/wav" if as_wav else "audio/flac")
    finally:
        hearing.close()


async def timeline(request: web.Request) -> web.StreamResponse:
    """GET timeline.json[?token=...]: spans for whom may see the recording; the loudness of both legs only while he may listen."""
    site, visit = site_of(request), visit_of(request)
    row = await site.ask(lambda registry: registry.recording(request.match_info["id"]))
    if row is None or why_not_see(visit.viewer, site.facts(row)) is not None:
        return error_page(request, 404, "no-recording")
    call_id = row.call_id
    found = audio_of(row, await site.ask(lambda registry: registry.recordings(call_id=call_id)))
    told: dict[str, object] = {
        "duration_ms": max((span.end_ms for span in row.spans), default=0),
        "audio_ms": row.duration_ms or 0,
        "spans": [{"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms} for s in row.spans],
        "marks": [{"kind": m.kind.value, "at_ms": m.at_ms} for m in row.marks],
        "passages": [
            {"start_ms": p.span.start_ms, "end_ms": p.span.end_ms, "audio_from_ms": p.audio_from_ms, "audio_to_ms": p.audio_to_ms}
            for p in found
        ],
        "peaks": None,
    }
    if "token" in request.query:
        heard, refused = await _granted(request)
        if heard is None:
            return refused or error_page(request, 403)
        try:
            customer, agents = await _peaks(request, row.id)
        except OperatorError as error:
            return error_page(request, 410, sentence_of(error))
        told["peaks"] = {"customer": customer, "agents": agents}
    return web.json_response(told)


async def _granted(request: web.Request) -> tuple[RecordingRow | None, web.StreamResponse | None]:
    """The row, if this session's token is for it and nothing has come in between; else the answer, and an audit row."""
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]
    grant = site.sessions.granted(visit.session, recording_id, request.query.get("token", ""))

    def decide(registry: Registry) -> tuple[RecordingRow | None, str]:
        row = registry.recording(recording_id)
        if row is None or why_not_see(visit.viewer, site.facts(row)) is not None:
            why = Refusal.UNKNOWN.value
        elif grant is None:
            why = "no-token"
        else:
            refusal = why_not_hear(visit.viewer, site.facts(row), grant.purpose)
            if refusal is None:
                return row, ""
            why = refusal.value
        purpose = {} if grant is None else {"purpose": grant.purpose}
        registry.audit(visit.actor, "recording.listen-refused", recording_id, {**purpose, "why": why, "via": VIA})
        return None, why

    row, why = await site.ask(decide, visit.actor)
    if row is not None:
        return row, None
    if why == "no-token":
        return None, error_page(request, 403, "no-token")
    return None, _refused(request, Refusal(why))


def _refused(request: web.Request, refusal: Refusal) -> web.StreamResponse:
    if refusal in HIDDEN:
        return error_page(request, 404, "no-recording")
    status = 410 if refusal is Refusal.GONE else 403
    return error_page(request, status, "refusal", why=say(request, f"refusal-{refusal}"))


async def _send(request: web.Request, hearing: Hearing, kind: str) -> web.StreamResponse:
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": "inline", "X-Accel-Buffering": "no"}  # nginx buffers on its disk
    try:
        # without a validator nobody can know whether a part still fits (If-Range): then all of it
        part = None if "If-Range" in request.headers else ranges.wanted(request.headers.get("Range"), hearing.size)
    except ranges.Unsatisfiable:
        response: web.StreamResponse = error_page(request, 416)
        response.headers["Content-Range"] = f"bytes */{hearing.size}"
        return response
    at, end = part or (0, hearing.size)
    try:
        piece = await _read(request, hearing, at, min(FIRST, end - at))  # before a word of the answer: then it can still say why not
    except OperatorError as error:
        return error_page(request, 410, sentence_of(error))
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    response.content_type = kind
    response.content_length = end - at
    if part is not None:
        response.headers["Content-Range"] = f"bytes {at}-{end - 1}/{hearing.size}"
    try:
        await response.prepare(request)
        await _pour(request, response, hearing, at, end, piece)
    except ConnectionError:
        pass  # the player has what it wants, or its page was closed: players do that all the time
    return response


async def _pour(request: web.Request, response: web.StreamResponse, hearing: Hearing, at: int, end: int, piece: bytes) -> None:
    while at < end:
        if not piece:  # the connection ends, and the player's next request is told why
            log.warning("a recording ended while it was heard: it was deleted, or is not what was recorded")
            if request.transport is not None:
                request.transport.abort()
            break
        await response.write(piece)
        at += len(piece)
        try:
            piece = await _read(request, hearing, at, min(PIECE, end - at))
        except OperatorError:
            piece = b""


async def _opened(request: web.Request, recording_id: str, as_wav: bool = False) -> Hearing:
    """Compared with its row. What stands in the way is in the audit trail when this raises it."""
    site, content = site_of(request), None
    try:
        content = await site.ask(lambda registry: registry.contents.of(recording_id))
        if content is None:
            raise OperatorError(f"recording {recording_id}: is not sealed any more")
        return await asyncio.to_thread(Hearing, site, recording_id, content, as_wav)
    except OperatorError as error:
        await _failed(request, recording_id, content, error)
        raise


async def _read(request: web.Request, hearing: Hearing, at: int, count: int) -> bytes:
    """What is not as recorded is in the audit trail when this raises it; that a recording is deleted under its listener is no news."""
    try:
        return await asyncio.to_thread(hearing.read_at, at, count)
    except NotAsRecorded as error:
        await _failed(request, request.match_info["id"], hearing.content, error)
        raise


async def _peaks(request: web.Request, recording_id: str) -> tuple[list[int], list[int]]:
    hearing = await _opened(request, recording_id)
    try:
        return await asyncio.to_thread(hearing.peaks, BUCKETS)
    except OperatorError as error:
        await _failed(request, recording_id, hearing.content, error)
        raise
    finally:
        hearing.close()


async def _failed(request: web.Request, recording_id: str, content: Content | None, error: OperatorError) -> None:
    """`content`: what the row said. Where it says something else by now, the recording was replaced while it was heard."""
    log.warning("a recording cannot be heard: %s", type(error).__name__)
    site, visit = site_of(request), visit_of(request)

    def note(registry: Registry) -> None:
        registry.audit(visit.actor, "recording.listen-failed", recording_id, {"why": type(error).__name__, "via": VIA})
        if isinstance(error, NotAsRecorded) and (content is None or registry.contents.is_still(recording_id, content.sha256)):
            registry.contents.note_met(recording_id, VIA, str(error.__cause__ or error))

    await site.ask(note, visit.actor)
