"""Each recording of a call that a restart cut in two lies where it was said."""

from __future__ import annotations

from datetime import timedelta

from registry_samples import COMPLAINT, T0

from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry

SPANS = (Span(SpanKind.TALK, 1000, 4000), Span(SpanKind.LOST, 4000, 6000), Span(SpanKind.TALK, 6000, 8000))
MARKS = (Mark(MarkKind.FROM, 6500), Mark(MarkKind.TO, 7500))


def two_parts(registry: Registry, first_ms: int) -> dict[str, list[tuple[int, int]]]:
    """And one of marked parts beside them. Where in the call, and in their own audio, they lie."""
    registry.begin_call("c1", "sales", T0, None, None, "in")
    for name, part, duration, marked in (("zz", 1, first_ms, False), ("aa", 2, 2000, False), ("mm", 3, 980, True)):
        registry.begin_recording(name, "c1", T0, [COMPLAINT], part, marked)
        registry.seal_recording(name, T0 + timedelta(minutes=3), 1, "", duration, first_ms == 0)
    registry.end_call("c1", T0 + timedelta(minutes=3), "kept", (), SPANS, MARKS)
    rows = registry.recordings(call_id="c1")
    return {row.id: [(p.span.start_ms, p.audio_from_ms) for p in audio_of(row, rows)] for row in rows}


def test_the_second_part_begins_where_the_first_ended(registry: Registry) -> None:
    assert two_parts(registry, 3000) == {"zz": [(1000, 0)], "aa": [(6000, 0)], "mm": [(6500, 0)]}


def test_a_first_part_of_which_a_crash_left_nobody_knows_how_much(registry: Registry) -> None:
    assert two_parts(registry, 0) == {"zz": [(1000, 0)], "aa": [(6000, 0)], "mm": [(6500, 0)]}


def test_a_recording_that_is_the_whole_call(registry: Registry) -> None:
    registry.begin_call("c1", "sales", T0, None, None, "in")
    registry.begin_recording("r1", "c1", T0, [COMPLAINT], 1)
    registry.seal_recording("r1", T0, 1, "", 5000, False)
    registry.end_call("c1", T0, "kept", (), SPANS, ())
    (row,) = registry.recordings(call_id="c1")
    assert [(p.audio_from_ms, p.audio_to_ms) for p in audio_of(row, [row])] == [(0, 3000), (3000, 5000)]
