"""Writes the timeline of one call while it happens."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from asterisk_privacy.call.timeline import FRAME_MS, SPOKEN, Mark, MarkKind, Span, SpanKind


class Chronicle:
    """Spans follow each other without overlap; times become milliseconds since `began_at`."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._spans: list[Span] = []
        self._marks: list[Mark] = []
        self._since = 0
        self.current: SpanKind | None = None

    def _ms(self, at: float) -> int:
        return max(0, round((at - self._began_at) * 1000))

    def turn(self, kind: SpanKind | None, at: float) -> None:
        """From `at` on it is `kind`. A late event (`at` before the current span's begin) never reorders what was told."""
        if kind is self.current:
            return
        now = max(self._since, self._ms(at))
        self._end_current(now)
        self.current, self._since = kind, now

    def _end_current(self, now: int) -> None:
        if self.current is not None and now > self._since:
            self._spans.append(Span(self.current, self._since, now))

    def no_talk_since(self, at: float, kind: SpanKind | None) -> None:
        """It became known late that from `at` on no conversation was kept, in this span or in earlier ones: say `kind` instead of talk
        (None: nothing, the call was over). Other kinds stay as they were told."""
        ms = self._ms(at)
        if self.current is SpanKind.TALK:
            if ms > self._since:
                self._end_current(ms)
                self._since = ms
            self.current = kind
        told, self._spans = self._spans, []
        for span in told:
            if span.kind not in SPOKEN or span.end_ms <= ms:
                self._spans.append(span)
                continue
            if ms > span.start_ms:
                self._spans.append(replace(span, end_ms=ms))
            if kind is not None:
                self._spans.append(Span(kind, max(ms, span.start_ms), span.end_ms))

    def lost_first(self, lost_ms: int) -> None:
        """The oldest `lost_ms` of audio are gone: so much talk, counted in whole frames as `passages` does, becomes lost."""
        told, self._spans = self._spans, []
        for span in told:
            if span.kind is not SpanKind.TALK or lost_ms <= 0:
                self._spans.append(span)
                continue
            audio = (span.end_ms - span.start_ms) // FRAME_MS * FRAME_MS
            gone = span.end_ms - span.start_ms if audio <= lost_ms else lost_ms
            self._spans.append(Span(SpanKind.LOST, span.start_ms, span.start_ms + gone))
            if gone < span.end_ms - span.start_ms:
                self._spans.append(replace(span, start_ms=span.start_ms + gone))
            lost_ms -= min(audio, lost_ms)
        if self.current is SpanKind.TALK and lost_ms > 0:
            self._spans.append(Span(SpanKind.LOST, self._since, self._since + lost_ms))
            self._since += lost_ms

    def wiped(self) -> None:
        """What was said so far is no longer there: conversation becomes off record."""
        self._become(SpanKind.OFF_RECORD, SPOKEN)

    def erased(self) -> None:
        """What was kept so far is not kept any more, but for the marked parts: conversation becomes erased."""
        self._become(SpanKind.ERASED, (SpanKind.TALK,))

    def _become(self, kind: SpanKind, told: Container[SpanKind | None]) -> None:
        self._spans = [replace(s, kind=kind) if s.kind in told else s for s in self._spans]
        if self.current in told:
            self.current = kind

    def told(self) -> tuple[tuple[Span, ...], tuple[Mark, ...]]:
        """The story so far, without what is going on."""
        return tuple(self._spans), tuple(self._marks)

    def going_on(self) -> tuple[tuple[Span, ...], tuple[Mark, ...]]:
        """The story so far; what is going on is a last span without length."""
        now = () if self.current is None else (Span(self.current, self._since, self._since),)
        return (*self._spans, *now), tuple(self._marks)

    def mark(self, kind: MarkKind, at: float) -> None:
        self._marks.append(Mark(kind, self._ms(at)))

    def closed(self, at: float) -> tuple[tuple[Span, ...], tuple[Mark, ...]]:
        """The whole story, ended at `at`."""
        self.turn(None, at)
        joined: list[Span] = []
        for span in self._spans:
            # two stretches of talk stay two: each begins its own 20 ms grid
            if joined and span.kind is joined[-1].kind and span.kind not in SPOKEN and span.start_ms == joined[-1].end_ms:
                joined[-1] = replace(joined[-1], end_ms=span.end_ms)
            else:
                joined.append(span)
        return tuple(joined), tuple(self._marks)
