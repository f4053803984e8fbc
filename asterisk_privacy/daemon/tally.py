"""What happened since the start, counted where it happens for `/metrics`. Every name in it comes from the code or the configuration:
no caller, no agent, no call."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from asterisk_privacy.call.timeline import Span, SpanKind


class Decision(StrEnum):
    """What the dialplan was told (FastAGI)."""

    ANNOUNCE = "announce"
    COVERED = "covered"  # moved to a line whose notice this caller has heard
    UNRECORDED = "unrecorded"
    ELSEWHERE = "elsewhere"  # left to another recorder
    COLLEAGUE = "colleague"  # an agent called a recorded line


class RecordingOutcome(StrEnum):
    SEALED = "sealed"
    TRUNCATED = "truncated"  # sealed as far as the disk took it
    ERASED = "erased"  # off the record, refused, objected
    EMPTY = "empty"  # nothing was heard in it: no file
    FAILED = "failed"  # nothing of it could be written


class Buckets:
    """A histogram as Prometheus wants it: seconds, counted below each bound and above the last."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Tally:
    def __init__(self) -> None:
        self.decisions: Counter[Decision] = Counter()
        self.agi_seconds = Buckets((0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0))
        self.consents: Counter[str] = Counter()  # by ConsentKind
        self.keys: Counter[str] = Counter()  # by AgentKey
        self.gate_openings = 0
        self.gate_delay = Buckets((0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0))
        self.conversations = 0  # calls in which an agent was met
        self.spans: Counter[SpanKind] = Counter()
        self.span_seconds: dict[SpanKind, float] = dict.fromkeys(SpanKind, 0.0)
        self.kept_seconds = 0.0  # of calls that are over; those that go on are asked when somebody looks
        self.dropped_frames = 0
        self.missing_seconds = 0.0
        self.recordings: Counter[tuple[str, RecordingOutcome]] = Counter()  # by purpose: a recording counts for each of its purposes
        self.sealed_bytes = 0
        self.sealed_seconds = 0.0

    def call_told(self, spans: Iterable[Span], conversed: bool) -> None:
        """The whole story of a call that is over."""
        self.conversations += conversed
        for span in spans:
            self.spans[span.kind] += 1
            self.span_seconds[span.kind] += (span.end_ms - span.start_ms) / 1000

    def recording(self, purposes: Iterable[str], outcome: RecordingOutcome) -> None:
        for purpose in purposes:
            self.recordings[purpose, outcome] += 1
