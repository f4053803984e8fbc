from __future__ import annotations

from asterisk_privacy.call.gaps import Gap, gaps
from asterisk_privacy.call.timeline import Span, SpanKind, passages

TALK, HOLD, WAIT, LOST, PAUSE = SpanKind.TALK, SpanKind.HOLD, SpanKind.WAIT, SpanKind.LOST, SpanKind.PAUSE


def found(*spans: tuple[SpanKind, int, int]) -> tuple[Gap, ...]:
    told = tuple(Span(*span) for span in spans)
    return gaps(passages(told), told)


def test_a_hold_is_a_gap_and_what_comes_before_and_after_the_talk_is_none() -> None:
    assert found((WAIT, 0, 900), (TALK, 900, 2000), (HOLD, 2000, 7000), (LOST, 7000, 7060), (TALK, 7060, 9000), (WAIT, 9000, 9900)) == (
        Gap(HOLD, 1100, 2000, 7060),
    )


def test_it_has_the_name_of_what_most_of_it_was() -> None:
    assert [g.kind for g in found((TALK, 0, 100), (HOLD, 100, 200), (PAUSE, 200, 900), (TALK, 900, 1000))] == [PAUSE]


def test_talk_that_goes_on_at_once_leaves_none() -> None:
    assert found((TALK, 0, 105), (TALK, 105, 300)) == ()


def test_of_what_nothing_is_told_it_was_lost() -> None:
    assert found((TALK, 0, 100), (TALK, 300, 400)) == (Gap(LOST, 100, 100, 300),)
