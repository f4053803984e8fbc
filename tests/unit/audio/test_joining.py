from __future__ import annotations

import numpy as np
import pytest

from asterisk_privacy.audio.joining import Cut, Gaps, Stereo, joined

RATE = 8000
LOUD = 10_000


def steady(seconds: float) -> Stereo:
    return np.full((round(RATE * seconds), 2), LOUD, np.int16)


@pytest.mark.parametrize(("how", "seconds"), [(Gaps.SHORT, 0.5), (Gaps.FULL, 3.0), (Gaps.NONE, 0.0)])
def test_a_gap_is_as_long_as_it_should_be_and_its_edges_are_soft(how: Gaps, seconds: float) -> None:
    samples, begins = joined(steady(2.0), RATE, [Cut(1200, 3000)], how)
    assert len(samples) == RATE * (2.0 + seconds) and begins == (9600,)
    end = 9600 + round(seconds * RATE)
    assert np.array_equal(samples[: 9600 - 40], steady(1.2)[40:]) and np.array_equal(samples[end + 40 :], steady(0.8)[40:])
    before, after = samples[9600 - 40 : 9600, 0], samples[end : end + 40, 0]
    assert before[-1] == after[0] == 0 and (np.diff(before) < 0).all() and (np.diff(after) > 0).all(), "5 ms each"


def test_only_the_short_gap_has_a_mark_in_its_middle_on_both_sides() -> None:
    samples, (begin,) = joined(steady(2.0), RATE, [Cut(1000, 3000)], Gaps.SHORT)
    gap = samples[begin : begin + RATE // 2]
    assert np.array_equal(gap[:, 0], gap[:, 1]) and not gap[: RATE // 5].any() and not gap[-RATE // 5 :].any()
    spectrum = np.abs(np.fft.rfft(gap[:, 0].astype(float)))
    assert abs(np.fft.rfftfreq(len(gap), 1 / RATE)[spectrum.argmax()] - 1000) < 15 and 900 < np.abs(gap).max() <= 1000
    samples, (begin,) = joined(steady(2.0), RATE, [Cut(1000, 3000)], Gaps.FULL)
    assert not samples[begin : begin + 3 * RATE].any()


def test_a_gap_shorter_than_half_a_second_stays_as_short_and_needs_no_mark() -> None:
    samples, (begin,) = joined(steady(2.0), RATE, [Cut(1000, 60)], Gaps.SHORT)
    assert len(samples) == RATE * 2 + 480 and not samples[begin : begin + 480].any()


def test_without_a_gap_it_is_as_it_was() -> None:
    samples, begins = joined(steady(1.0), RATE, [], Gaps.SHORT)
    assert np.array_equal(samples, steady(1.0)) and begins == ()


def test_many_gaps_lie_where_they_are_told() -> None:
    samples, begins = joined(steady(3.0), RATE, [Cut(1000, 2000), Cut(1020, 2000), Cut(2000, 100)], Gaps.SHORT)
    assert begins == (8000, 8000 + 4000 + 160, 8000 + 4000 + 160 + 4000 + 7840) and len(samples) == 24_000 + 4000 + 4000 + 800
