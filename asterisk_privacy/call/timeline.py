"""The visible story of a call: spans that say what was kept or why not, and marks for single moments (R16)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, floor, inf

FRAME_MS = 20


class SpanKind(StrEnum):
    NOTICE = "notice"  # the announcement played
    TALK = "talk"  # conversation: the only kind of which audio is kept
    HOLD = "hold"  # somebody holds
    WAIT = "wait"  # queue, park, ringing, consultation, menus: in no conversation
    STRANGER = "stranger"  # somebody was in the conversation who refused, or was told nothing
    JOINED = "joined"  # together with another customer, in whose call it is kept if it is kept
    PAUSE = "pause"  # the agent paused (card data)
    OFF_RECORD = "off-record"  # wiped on the agent's key
    LOST = "lost"  # would have been kept, but was not: link down, ring full, taps failed, holds that may not be told
    ERASED = "erased"  # talk that was kept, and whose audio is gone: at an objection, or since its time was over
    UNKEPT = "unkept"  # talk outside the agent's marks


class MarkKind(StrEnum):
    KEEP = "keep"
    PAUSE = "pause"
    RESUME = "resume"
    OFF_RECORD = "off-record"
    FROM = "from"
    TO = "to"
    OBJECTED = "objected"
    REFUSED = "refused"
    AGREED = "agreed"
    HANGUP = "hangup"
    MISSING = "missing"  # a party's voice is not here for a moment, though it was talk
    # why a party is silent from here on: see silence.Why
    MUTED = "muted"
    PAUSES = "pauses"
    COMFORT_NOISE = "comfort-noise"
    NO_PACKETS = "no-packets"
    GONE = "gone"
    NO_TRANSLATOR = "no-translator"
    UNDECIPHERED = "undeciphered"
    BLIND_HOOK = "blind-hook"
    UNKNOWN = "unknown"


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


def with_hold(spans: Iterable[Span], start_ms: int, end_ms: int) -> tuple[Span, ...]:
    """Conversation from `start_ms` to `end_ms` turned out to be a hold that the PBX was not told of."""
    told: list[Span] = []
    for span in spans:
        begin, end = max(span.start_ms, start_ms), min(span.end_ms, end_ms)
        if span.kind not in SPOKEN or begin >= end:
            told.append(span)
            continue
        parts = (Span(span.kind, span.start_ms, begin), Span(SpanKind.HOLD, begin, end), Span(span.kind, end, span.end_ms))
        told += [part for part in parts if part.end_ms > part.start_ms]
    return tuple(told)


def talk_ms(spans: Iterable[Span]) -> int:
    return sum(span.end_ms - span.start_ms for span in spans if span.kind is SpanKind.TALK)


def with_nothing_heard(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Of conversation that was to be kept no frame came in."""
    return tuple(replace(span, kind=SpanKind.LOST) if span.kind is SpanKind.TALK else span for span in spans)


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


def passages_of_parts(spans: Iterable[Span], lengths_ms: Sequence[int]) -> tuple[tuple[Passage, ...], ...]:
    """The same for a call whose recording has several parts, one after the other, of which the timeline is one. `lengths_ms`: of the audio
    of each part, the oldest first; 0 where it is not known (nobody on the recorder's machine can measure what a crash left).

    Each part ends where the next one begins, and the last one with the last talk: so what an earlier part lost at its end, or all of it if
    it was wiped and its talk is none any more, moves nothing that comes later."""
    whole = passages(spans)
    ends = [whole[-1].audio_to_ms if whole else 0]
    for length in reversed(lengths_ms[1:]):
        ends.append(max(0, ends[-1] - length))
    ends.reverse()
    begins = [0, *ends[:-1]][: len(lengths_ms)]
    lasts = [min(end, begin + length) if length else end for begin, end, length in zip(begins, ends, lengths_ms, strict=True)]
    return tuple(tuple(_cut(whole, begin, last)) for begin, last in zip(begins, lasts, strict=True))


def _cut(whole: Iterable[Passage], begin: int, end: int) -> Iterator[Passage]:
    """What of these lies from `begin` to `end`, in milliseconds of their audio, which is counted from `begin` on."""
    for passage in whole:
        first, last = max(begin, passage.audio_from_ms), min(end, passage.audio_to_ms)
        if first < last:
            start = passage.span.start_ms + first - passage.audio_from_ms
            until = passage.span.end_ms if last == passage.audio_to_ms else start + last - first
            yield Passage(Span(passage.span.kind, start, until), first - begin, last - begin)


def overlap(audio: Iterable[Passage], stretches: Iterable[tuple[int, int | None]]) -> tuple[tuple[int, int], ...]:
    """Where in the audio these stretches of the call lie, in milliseconds of it; None: until the end."""
    found = []
    ends = [(begin, inf if end is None else end) for begin, end in stretches]
    for passage in audio:
        for begin, end in ends:
            first, last = max(begin, passage.span.start_ms), min(end, passage.span.end_ms)
            if first < last:
                at = passage.audio_from_ms - passage.span.start_ms
                found.append((int(first + at), int(min(last + at, passage.audio_to_ms))))
    return tuple(found)


SPOKEN = (SpanKind.TALK, SpanKind.ERASED)
"""Kinds of which frames arrived, each span on a 20 ms grid of its own."""

Ranges = Sequence[tuple[float, float]]


def marked_ranges(marks: Iterable[Mark]) -> tuple[tuple[float, float], ...]:
    """From-here to to-here, in milliseconds. Off the record ends a mark too; what is still open ends with the call."""
    found: list[tuple[float, float]] = []
    since: int | None = None
    for mark in marks:
        if mark.kind is MarkKind.FROM and since is None:
            since = mark.at_ms
        elif mark.kind in (MarkKind.TO, MarkKind.OFF_RECORD) and since is not None:
            found.append((since, max(since, mark.at_ms)))
            since = None
    return (*found, (since, inf)) if since is not None else tuple(found)


def marked_slots(ranges: Ranges, start: float, count: int, slot: float) -> list[tuple[int, int]]:
    """Of `count` slots of length `slot` from `start` on: first (included) and last (excluded) of each run that lies wholly in a range.
    A frame may end up to a slot after the place that it was given (audio/quarantine.py), so the end keeps a slot's distance."""
    found = []
    for begin, end in ranges:
        first = max(0, ceil((begin - start) / slot - 1e-6))
        last = count if end == inf else min(count, floor((end - start) / slot + 1e-6) - 1)
        if first < last:
            found.append((first, last))
    return found


def marked_only(spans: Iterable[Span], marks: Iterable[Mark]) -> tuple[Span, ...]:
    """The timeline of the recording that holds only the marked parts: other talk becomes unkept. `passages` maps its audio."""
    ranges = marked_ranges(marks)
    told: list[Span] = []
    for span in spans:
        if span.kind not in SPOKEN:
            told.append(span)
            continue
        at = span.start_ms
        for first, last in marked_slots(ranges, span.start_ms, (span.end_ms - span.start_ms) // FRAME_MS, FRAME_MS):
            begin, end = span.start_ms + first * FRAME_MS, span.start_ms + last * FRAME_MS
            if begin > at:
                told.append(Span(SpanKind.UNKEPT, at, begin))
            told.append(Span(SpanKind.TALK, begin, end))
            at = end
        if span.end_ms > at:
            told.append(Span(SpanKind.UNKEPT, at, span.end_ms))
    return tuple(told)
