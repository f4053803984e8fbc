"""Listening: purpose and reason, the audit row, and only then a token with which this session can fetch this recording's audio.

Audio is decrypted in memory as it is sent, in pieces; no file, no cache. Each request looks again whether it may still be heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review import ranges
from asterisk_privacy.review.pages import error_page, notice, say
from asterisk_privacy.review.permission import Refusal, told_of, why_not_hear, why_not_see
from asterisk_privacy.review.site import Site, site_of, visit_of, words_of
from asterisk_privacy.store.faults import AgeError
from asterisk_privacy.store.sealed_audio import SealedFlac, SealedWav, open_sealed, peaks

log = logging.getLogger(__name__)
T = TypeVar("T")

PIECE = 256 << 10
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
        detail = {"purpose": purpose, "reason": reason, "via": "review page", **told_of(facts, purpose)}
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
        await asyncio.to_thread(_with_audio, site, row, lambda flac: flac.size)
    except OperatorError as error:
        await _failed(site, visit.actor, recording_id, error)
        notice(request, "refused", say(request, "no-key" if isinstance(error, AgeError) else "no-file"))
    else:
        site.sessions.grant(visit.session, recording_id, purpose)
    raise web.HTTPSeeOther(f"/recordings/{recording_id}#listen")


async def audio(request: web.Request) -> web.StreamResponse:
    """GET ?token=...[&as=wav], with Range: 200, 206 or 416."""
    site, visit = site_of(request), visit_of(request)
    recording_id = request.match_info["id"]
    row, refused = await _granted(request)
    if row is None:
        return refused or error_page(request, 403)
    as_wav = request.query.get("as") == "wav"
    try:
        flac = await asyncio.to_thread(_open, site, row)
    except OperatorError as error:
        await _failed(site, visit.actor, recording_id, error)
        return error_page(request, 410, "no-key" if isinstance(error, AgeError) else "no-file")
    try:
        return await _send(request, SealedWav(flac) if as_wav else flac, "audio/wav" if as_wav else "audio/flac")
    finally:
        flac.close()


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
            customer, agents = await asyncio.to_thread(_with_audio, site, heard, lambda flac: peaks(flac, BUCKETS))
        except OperatorError as error:
            await _failed(site, visit.actor, row.id, error)
            return error_page(request, 410, "no-key" if isinstance(error, AgeError) else "no-file")
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
        registry.audit(visit.actor, "recording.listen-refused", recording_id, {**purpose, "why": why, "via": "review page"})
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


async def _send(request: web.Request, sound: SealedFlac | SealedWav, kind: str) -> web.StreamResponse:
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": "inline", "X-Accel-Buffering": "no"}  # nginx buffers on its disk
    try:
        # without a validator nobody can know whether a part still fits (If-Range): then all of it
        part = None if "If-Range" in request.headers else ranges.wanted(request.headers.get("Range"), sound.size)
    except ranges.Unsatisfiable:
        response: web.StreamResponse = error_page(request, 416)
        response.headers["Content-Range"] = f"bytes */{sound.size}"
        return response
    first, end = part or (0, sound.size)
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    response.content_type = kind
    response.content_length = end - first
    if part is not None:
        response.headers["Content-Range"] = f"bytes {first}-{end - 1}/{sound.size}"
    try:
        await response.prepare(request)
        await _pour(request, response, sound, first, end)
    except ConnectionError:
        pass  # the player has what it wants, or its page was closed: players do that all the time
    return response


async def _pour(request: web.Request, response: web.StreamResponse, sound: SealedFlac | SealedWav, at: int, end: int) -> None:
    while at < end:
        try:
            piece = await asyncio.to_thread(sound.read_at, at, min(PIECE, end - at))
        except OperatorError:
            piece = b""
        if not piece:  # deleted meanwhile: the connection ends, and the player's next request is told why
            log.warning("a recording ended while it was heard: it was deleted or damaged")
            if request.transport is not None:
                request.transport.abort()
            break
        await response.write(piece)
        at += len(piece)


def _open(site: Site, row: RecordingRow) -> SealedFlac:
    return open_sealed(site.shelf.source(row.id), site.identities, allow_truncated=row.truncated)


def _with_audio(site: Site, row: RecordingRow, work: Callable[[SealedFlac], T]) -> T:
    flac = _open(site, row)
    try:
        return work(flac)
    finally:
        flac.close()


async def _failed(site: Site, actor: str, recording_id: str, error: OperatorError) -> None:
    log.warning("a recording cannot be heard: %s", type(error).__name__)
    why = type(error).__name__
    await site.ask(lambda registry: registry.audit(actor, "recording.listen-failed", recording_id, {"why": why, "via": "review page"}))
