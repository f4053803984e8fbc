"""A call of several parts is one timeline: where each part's audio lies in it."""

from __future__ import annotations

import pytest

from asterisk_privacy.call.timeline import Passage, Span, SpanKind, passages, passages_of_parts

TALK, LOST = SpanKind.TALK, SpanKind.LOST
CALL = (
    Span(SpanKind.WAIT, 0, 1000),
    Span(TALK, 1000, 3010),  # 2000 of audio
    Span(SpanKind.HOLD, 3010, 4000),
    Span(TALK, 4000, 5000),
    Span(LOST, 5000, 7000),
    Span(TALK, 7000, 8500),
)


def where(passages: tuple[Passage, ...]) -> list[tuple[int, int, int, int]]:
    return [(p.span.start_ms, p.span.end_ms, p.audio_from_ms, p.audio_to_ms) for p in passages]


def test_one_part_is_the_whole() -> None:
    assert passages_of_parts(CALL, [4500]) == (passages(CALL),)
    assert passages_of_parts(CALL, [0]) == (passages(CALL),)


def test_the_second_part_is_where_it_was_said() -> None:
    first, second = passages_of_parts(CALL, [3000, 1500])
    assert where(first) == [(1000, 3010, 0, 2000), (4000, 5000, 2000, 3000)]
    assert where(second) == [(7000, 8500, 0, 1500)]


@pytest.mark.parametrize("length", [2400, 0])
def test_what_the_first_part_lost_moves_nothing(length: int) -> None:
    """Cut short by a crash; how much of it is there the recorder cannot tell."""
    first, second = passages_of_parts(CALL, [length, 1500])
    assert where(first)[0] == (1000, 3010, 0, 2000)
    assert where(first)[1] == ((4000, 4400, 2000, 2400) if length else (4000, 5000, 2000, 3000))
    assert where(second) == [(7000, 8500, 0, 1500)]


def test_three_parts_within_one_talk() -> None:
    talk = (Span(TALK, 100, 1100),)
    assert [where(p) for p in passages_of_parts(talk, [400, 200, 400])] == [
        [(100, 500, 0, 400)], [(500, 700, 0, 200)], [(700, 1100, 0, 400)],
    ]  # fmt: skip


def test_a_first_part_that_was_wiped_has_no_place_any_more() -> None:
    wiped = (Span(SpanKind.OFF_RECORD, 1000, 5000), Span(TALK, 7000, 8500))
    first, second = passages_of_parts(wiped, [3000, 1500])
    assert first == ()
    assert where(second) == [(7000, 8500, 0, 1500)]


def test_no_talk_no_passages() -> None:
    assert passages_of_parts((Span(LOST, 0, 10),), [0, 100]) == ((), ())
