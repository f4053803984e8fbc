"""Listening: purpose and reason, the audit row, and only then a token with which this session can fetch this recording's audio.

Audio is decrypted in memory as it is sent, in pieces; no file, no cache. Each request looks again whether it may still be heard.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from asterisk_privacy.access.permission import Refusal
from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.review import ranges
from asterisk_privacy.review.desk import listening as desk
from asterisk_privacy.review.hearing import Hearing, sentence_of
from asterisk_privacy.review.pages import error_page, notice, say
from asterisk_privacy.review.site import site_of, visit_of, words_of

log = logging.getLogger(__name__)

PIECE = 256 << 10
FIRST = 64 << 10  # read before the answer begins
BUCKETS = 1000
HIDDEN = (Refusal.UNKNOWN, Refusal.OWN)


async def listen(request: web.Request) -> web.StreamResponse:
    """POST: from here on it stands in the audit trail that he listens, for what and why."""
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]
    form = await request.post()
    purpose, reason = words_of(form, "purpose", 40), words_of(form, "reason", 200)
    answer = await site.ask(desk.Listen(visit.account.name, recording_id, purpose, reason))
    if isinstance(answer, desk.NotHeard):
        return _refused(request, answer.refusal)
    if isinstance(answer, desk.NoReason):
        notice(request, "refused", say(request, "say-listen"))
        raise web.HTTPSeeOther(f"/recordings/{recording_id}")
    try:
        hearing = await _opened(request, answer)
    except OperatorError as error:
        visit.session.listens.pop(recording_id, None)  # a token from before is of no use
        notice(request, "refused", say(request, sentence_of(error)))
    else:
        hearing.close()
        site.sessions.grant(visit.session, recording_id, purpose)
    raise web.HTTPSeeOther(f"/recordings/{recording_id}#listen")


async def audio(request: web.Request) -> web.StreamResponse:
    """GET ?token=...[&as=wav], with Range: 200, 206 or 416."""
    answer = await _granted(request)
    if not isinstance(answer, desk.Hear):
        return answer
    as_wav = request.query.get("as") == "wav"
    try:
        hearing = await _opened(request, answer, as_wav)
    except OperatorError as error:
        return error_page(request, 410, sentence_of(error))
    try:
        return await _send(request, hearing, "audio/wav" if as_wav else "audio/flac")
    finally:
        hearing.close()


async def timeline(request: web.Request) -> web.StreamResponse:
    """GET timeline.json[?token=...]: spans for whom may see the recording; the loudness of both legs only while he may listen."""
    site, visit = site_of(request), visit_of(request)
    story = await site.ask(desk.Timeline(visit.account.name, request.match_info["id"]))
    if story is None:
        return error_page(request, 404, "no-recording")
    told: dict[str, object] = {
        "duration_ms": story.duration_ms,
        "audio_ms": story.audio_ms,
        "spans": [{"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms} for s in story.spans],
        "marks": [{"kind": m.kind.value, "at_ms": m.at_ms} for m in story.marks],
        "passages": [
            {"start_ms": p.span.start_ms, "end_ms": p.span.end_ms, "audio_from_ms": p.audio_from_ms, "audio_to_ms": p.audio_to_ms}
            for p in story.passages
        ],
        "peaks": None,
    }
    if "token" in request.query:
        answer = await _granted(request)
        if not isinstance(answer, desk.Hear):
            return answer
        try:
            customer, agents = await _peaks(request, answer)
        except OperatorError as error:
            return error_page(request, 410, sentence_of(error))
        told["peaks"] = {"customer": customer, "agents": agents}
    return web.json_response(told)


async def _granted(request: web.Request) -> desk.Hear | web.StreamResponse:
    """If this session's token is for it and nothing has come in between; else the answer, and an audit row."""
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]
    grant = site.sessions.granted(visit.session, recording_id, request.query.get("token", ""))
    answer = await site.ask(desk.GoOn(visit.account.name, recording_id, "" if grant is None else grant.purpose))
    if isinstance(answer, desk.NotHeard):
        return _refused(request, answer.refusal)
    return error_page(request, 403, "no-token") if isinstance(answer, desk.NoToken) else answer


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


async def _opened(request: web.Request, answer: desk.Hear, as_wav: bool = False) -> Hearing:
    """Compared with its row. What stands in the way is in the audit trail when this raises it."""
    if answer.content is None:
        raise NotAsRecorded("its row is not what the audit trail tells")
    try:
        return await asyncio.to_thread(Hearing, site_of(request), request.match_info["id"], answer.content, as_wav)
    except OperatorError as error:
        await _failed(request, answer.content, error)
        raise


async def _read(request: web.Request, hearing: Hearing, at: int, count: int) -> bytes:
    """What is not as recorded is in the audit trail when this raises it; that a recording is deleted under its listener is no news."""
    try:
        return await asyncio.to_thread(hearing.read_at, at, count)
    except NotAsRecorded as error:
        await _failed(request, hearing.content, error)
        raise


async def _peaks(request: web.Request, answer: desk.Hear) -> tuple[list[int], list[int]]:
    hearing = await _opened(request, answer)
    try:
        return await asyncio.to_thread(hearing.peaks, BUCKETS)
    except OperatorError as error:
        await _failed(request, hearing.content, error)
        raise
    finally:
        hearing.close()


async def _failed(request: web.Request, content: Content, error: OperatorError) -> None:
    """`content`: what the row said."""
    log.warning("a recording cannot be heard: %s", type(error).__name__)
    why = str(error.__cause__ or error)[:500] if isinstance(error, NotAsRecorded) else ""
    who, recording_id = visit_of(request).account.name, request.match_info["id"]
    await site_of(request).ask(desk.Failed(who, recording_id, type(error).__name__, why, content.sha256))
