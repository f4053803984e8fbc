"""What the daemon saw and did in one call, with times, from its own registry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from asterisk_privacy.call.silence import Why
from asterisk_privacy.call.timeline import MarkKind, SpanKind
from asterisk_privacy.lab.demo.play import Played
from asterisk_privacy.registry.rows import RecordingRow, State

SPAN_WORDS = {
    SpanKind.NOTICE: "the announcement plays; nothing listens",
    SpanKind.TALK: "conversation: one tap on each party's microphone",
    SpanKind.HOLD: "on hold: the taps are gone, nothing leaves Asterisk",
    SpanKind.WAIT: "no conversation (ringing, menus, waiting): nothing listens",
    SpanKind.PAUSE: "paused by the agent: nothing listens",
    SpanKind.OFF_RECORD: "off the record: nothing listens",
    SpanKind.LOST: "conversation, but not recorded",
    SpanKind.ERASED: "conversation, erased on the customer's objection",
    SpanKind.UNKEPT: "conversation outside the marks: not kept",
    SpanKind.STRANGER: "somebody is in it who refused or was told nothing: nothing listens",
    SpanKind.JOINED: "together with another caller: their call has it",
}
MARK_WORDS = {
    MarkKind.KEEP: "the agent presses the keep key",
    MarkKind.PAUSE: "the agent presses pause",
    MarkKind.RESUME: "the agent presses resume",
    MarkKind.OFF_RECORD: "the agent presses off the record",
    MarkKind.FROM: "the agent marks: from here",
    MarkKind.TO: "the agent marks: to here",
    MarkKind.OBJECTED: "the agent notes the customer's objection to a purpose",
    MarkKind.REFUSED: "the caller presses the refuse key: final for this call, all wiped",
    MarkKind.AGREED: "the caller presses the agree key",
    MarkKind.HANGUP: "hang-up",
    MarkKind.MISSING: "a voice is missing for a moment: this machine was too busy",
    **{MarkKind(why.value): f"somebody is silent: {why}" for why in Why},
}


def tell(played: Played) -> list[tuple[float, str]]:
    """Lines of (seconds since the call's begin, what happened), in order."""
    lines = [(0.0, f"Asterisk asks over FastAGI; profile '{played.call.profile}': announce")]
    lines += [(span.start_ms / 1000, SPAN_WORDS[span.kind]) for span in played.call.spans if span.end_ms - span.start_ms >= 50]
    lines += [(mark.at_ms / 1000, MARK_WORDS[mark.kind]) for mark in played.call.marks]
    for row in played.recordings:
        lines += [(_since(played, at), words) for at, words in _recording(row)]
    if played.call.ended_at is not None:
        lines.append((_since(played, played.call.ended_at), _end(played)))
    return sorted(lines, key=lambda line: line[0])


def _since(played: Played, moment: datetime) -> float:
    return (moment - played.call.begun_at).total_seconds()


def _recording(row: RecordingRow) -> Iterator[tuple[datetime, str]]:
    if row.state is State.SEALED and row.sealed_at is not None:
        yield row.sealed_at, f"sealed: {row.size:,} bytes, encrypted to the reviewers; sha256 {str(row.sha256)[:12]}..."
        for purpose in row.purposes:
            yield row.sealed_at, f"purpose: {purpose.title} ({purpose.basis.value}); kept until {purpose.criterion.in_words()}"


def _end(played: Played) -> str:
    if played.recordings:
        return f"done: {played.call.outcome}; ring memory {played.memory} bytes"
    return f"done: {played.call.outcome}; no file, ring memory {played.memory} bytes, one row that says so"
