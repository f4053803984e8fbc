"""The visible story of a call: spans that say what was kept or why not, and marks for single moments (R16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

FRAME_MS = 20


class SpanKind(StrEnum):
    NOTICE = "notice"  # the announcement played
    TALK = "talk"  # conversation: the only kind of which audio is kept
    HOLD = "hold"  # somebody holds
    WAIT = "wait"  # queue, park, ringing, consultation, menus: in no conversation
    PAUSE = "pause"  # the agent paused (card data)
    OFF_RECORD = "off-record"  # wiped on the agent's key
    LOST = "lost"  # would have been kept, but was not: link down, ring full, taps failed


class MarkKind(StrEnum):
    KEEP = "keep"
    PAUSE = "pause"
    RESUME = "resume"
    OFF_RECORD = "off-record"
    REFUSED = "refused"
    AGREED = "agreed"
    HANGUP = "hangup"


@dataclass(frozen=True, slots=True)
class Span:
    """From `start_ms` (included) to `end_ms` (excluded), milliseconds since the call's begin (the first AGI request)."""

    kind: SpanKind
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Mark:
    kind: MarkKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a stretch of conversation lies in the call and in the recording, whose audio holds the conversation only."""

    span: Span
    audio_from_ms: int
    audio_to_ms: int


def passages(spans: Iterable[Span]) -> tuple[Passage, ...]:
    """Maps the recording's audio onto the timeline: each talk span became as many whole frames as fit in it."""
    found: list[Passage] = []
    position = 0
    for span in spans:
        if span.kind is SpanKind.TALK:
            length = (span.end_ms - span.start_ms) // FRAME_MS * FRAME_MS
            found.append(Passage(span, position, position + length))
            position += length
    return tuple(found)
