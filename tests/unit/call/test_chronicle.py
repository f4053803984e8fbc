from __future__ import annotations

import itertools
from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from asterisk_privacy.call.chronicle import Chronicle
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind, passages


def told(chronicle: Chronicle, until: float) -> list[tuple[str, int, int]]:
    return [(s.kind.value, s.start_ms, s.end_ms) for s in chronicle.closed(until)[0]]


def talking() -> Chronicle:
    chronicle = Chronicle(100.0)
    for kind, at in ((SpanKind.WAIT, 100.0), (SpanKind.TALK, 101.0), (SpanKind.LOST, 105.0), (SpanKind.TALK, 105.06)):
        chronicle.turn(kind, at)
    return chronicle


def test_spans_follow_each_other_and_empty_ones_are_left_out() -> None:
    chronicle = talking()
    chronicle.turn(SpanKind.HOLD, 107.0)
    chronicle.turn(SpanKind.WAIT, 107.0)
    chronicle.mark(MarkKind.KEEP, 106.5)
    spans, marks = chronicle.closed(109.0)
    assert spans[-2:] == (Span(SpanKind.TALK, 5060, 7000), Span(SpanKind.WAIT, 7000, 9000))
    assert marks == (Mark(MarkKind.KEEP, 6500),)


def test_talk_that_was_none_is_told_anew_across_spans() -> None:
    chronicle = talking()
    chronicle.no_talk_since(104.0, SpanKind.HOLD)
    assert told(chronicle, 108.0) == [
        ("wait", 0, 1000), ("talk", 1000, 4000), ("hold", 4000, 5000), ("lost", 5000, 5060), ("hold", 5060, 8000),
    ]  # fmt: skip


def test_after_the_call_there_is_nothing_to_tell() -> None:
    chronicle = talking()
    chronicle.no_talk_since(106.0, None)
    assert told(chronicle, 106.0)[-1] == ("talk", 5060, 6000)
    assert chronicle.current is None


def test_what_was_wiped_is_off_record_and_what_follows_is_not() -> None:
    chronicle = talking()
    chronicle.wiped()
    chronicle.turn(SpanKind.TALK, 106.0)
    assert told(chronicle, 107.0) == [
        ("wait", 0, 1000), ("off-record", 1000, 5000), ("lost", 5000, 5060), ("off-record", 5060, 6000), ("talk", 6000, 7000),
    ]  # fmt: skip


def test_late_news_never_reorders() -> None:
    chronicle = talking()
    chronicle.turn(SpanKind.WAIT, 103.0)
    assert told(chronicle, 107.0)[-1] == ("wait", 5060, 7000)


@given(
    st.lists(st.tuples(st.sampled_from([SpanKind.TALK, SpanKind.HOLD]), st.integers(1, 3000)), min_size=1, max_size=12),
    st.integers(0, 300),
)
def test_what_the_ring_lost_is_no_longer_told_as_talk(stretches: list[tuple[SpanKind, int]], lost_frames: int) -> None:
    """Passages of what is left are exactly as long as the audio that is left, and nothing else of the story changes."""
    chronicle = Chronicle(0.0)
    at = 0
    for kind, length in stretches:
        chronicle.turn(None, at / 1000)  # two talks in a row are two stretches
        chronicle.turn(kind, at / 1000)
        at += length
    untouched, _ = deepcopy(chronicle).closed(at / 1000)
    had = sum(p.audio_to_ms for p in passages(untouched)[-1:])
    lost_ms = min(lost_frames * 20, had)
    chronicle.turn(None, at / 1000)
    chronicle.lost_first(lost_ms)
    told, _ = chronicle.closed(at / 1000)
    assert sum(p.audio_to_ms for p in passages(told)[-1:]) == had - lost_ms
    assert [s for s in told if s.kind is SpanKind.HOLD] == [s for s in untouched if s.kind is SpanKind.HOLD]
    assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(told))


def test_what_the_ring_lost_of_a_talk_that_goes_on() -> None:
    chronicle = Chronicle(0.0)
    chronicle.turn(SpanKind.TALK, 1.0)
    chronicle.lost_first(30_000)
    told, _ = chronicle.closed(61.0)
    assert told == (Span(SpanKind.LOST, 1000, 31_000), Span(SpanKind.TALK, 31_000, 61_000))
