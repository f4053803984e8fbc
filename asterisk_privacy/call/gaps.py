"""Where talk stops and goes on in a recording's audio, which holds nothing of what lies between. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asterisk_privacy.call.timeline import Passage, Span, SpanKind


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two stretches of talk: `at_ms` in the audio, from `start_ms` to `end_ms` of the call. `kind`: what most of it was."""

    kind: SpanKind
    at_ms: int
    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


def gaps(audio: Sequence[Passage], spans: Iterable[Span]) -> tuple[Gap, ...]:
    """`audio`: of one recording, in order; `spans`: of its call. Talk that goes on at once leaves no gap."""
    told = [span for span in spans if span.kind is not SpanKind.TALK]
    found = []
    for before, after in pairwise(audio):
        start, end = before.span.end_ms, after.span.start_ms
        if start < end:
            found.append(Gap(_most(told, start, end), before.audio_to_ms, start, end))
    return tuple(found)


def _most(told: Iterable[Span], start: int, end: int) -> SpanKind:
    """What nothing is told of was lost."""
    lengths: dict[SpanKind, int] = {}
    for span in told:
        lengths[span.kind] = lengths.get(span.kind, 0) + max(0, min(span.end_ms, end) - max(span.start_ms, start))
    longest = max(lengths, key=lambda kind: lengths[kind], default=SpanKind.LOST)
    return longest if lengths.get(longest) else SpanKind.LOST
