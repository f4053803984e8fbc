"""The time code must date what was kept to the frame, and never date what it did not send."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asterisk_privacy.audio import alaw, ulaw
from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.timecode import FRAMES, Run, TimeCode, missing

CODE = TimeCode(1)


@pytest.fixture(scope="module")
def air() -> Pcm:
    """Frames 100 to 399 as they come out of a µ-law call."""
    return ulaw.decode(ulaw.encode(CODE.frames(100, 399)))


def test_every_frame_of_ten_minutes_is_its_own() -> None:
    step = np.concatenate([CODE.frame(n) for n in range(0, FRAMES, 7)])
    assert [piece.n for piece in CODE.fragments(ulaw.decode(ulaw.encode(step)))] == list(range(0, FRAMES, 7))
    assert np.array_equal(TimeCode(1).frame(29_999), CODE.frame(29_999))


def test_neighbours_share_no_tone() -> None:
    """What lies across a border would else look like one of the two for longer than it is."""
    spectra = [set(np.argsort(np.abs(np.fft.rfft(CODE.frame(n)[:80])))[-5:]) for n in range(1000)]
    assert all(a.isdisjoint(b) for a, b in pairwise(spectra))


@pytest.mark.parametrize("offset", [0, 1, 39, 79, 80, 81, 121, 159])
def test_any_offset(air: Pcm, offset: int) -> None:
    decoded = CODE.decode(air[offset:])
    first = decoded[1] or 0
    assert first in ((101,) if offset < 79 else (101, 102) if offset < 82 else (102,))  # at 80 the middle lies on the border
    assert decoded[1:-1] == list(range(first, first + len(decoded) - 2))
    [run] = CODE.runs(air[offset:])
    assert run.first in ((100,) if offset < 60 else (100, 101) if offset < 100 else (101,))
    assert run.last == 399


def test_one_frame_alone_is_dated_between_silence_and_other_sounds(air: Pcm) -> None:
    quiet = np.zeros(500, np.int16)
    sound = np.concatenate([quiet, air[1600:1760], quiet, tones.tone(700, 1.0), air[4800:4960], tones.tone(440, 0.5)])
    assert [piece.n for piece in CODE.fragments(sound)] == [110, 130]
    assert [n for n in CODE.decode(sound) if n is not None] == [110, 130]


def test_splices_anywhere(air: Pcm) -> None:
    """A cut at any sample costs at most the cut frame on either side, and adds none."""
    rng = np.random.default_rng(7)
    for _ in range(60):
        a, b, c, d = (int(v) for v in rng.integers(0, 160, 4))
        sound = np.concatenate([air[a : 1600 + b], air[20 * 160 + c : 30 * 160 + d]])
        certain = {*range(101, 110), *range(121, 130)}
        assert certain <= CODE.heard(sound) <= certain | {100, 110, 120, 130}
        runs = CODE.runs(sound)
        assert len(runs) == 2
        assert runs[1].start == pytest.approx(1600 + b - a, abs=160)
        hole = missing(runs)[0]
        assert hole[0] in (110, 111)
        assert hole[1] in (119, 120)


def test_a_frame_lost_doubled_or_late_is_seen(air: Pcm) -> None:
    def part(first: int, last: int) -> Pcm:
        return air[(first - 100) * 160 : (last - 99) * 160]

    lost = np.concatenate([part(100, 109), part(111, 120)])
    assert [(run.first, run.last) for run in CODE.runs(lost)] == [(100, 109), (111, 120)]
    zeroed = np.concatenate([part(100, 109), np.zeros(160, np.int16), part(111, 120)])
    assert CODE.decode(zeroed) == [*range(100, 110), None, *range(111, 121)]
    swapped = np.concatenate([part(100, 109), part(111, 111), part(110, 110), part(112, 120)])
    assert CODE.decode(swapped) == [*range(100, 110), 111, 110, *range(112, 121)]
    doubled = np.concatenate([part(100, 109), part(109, 120)])
    pieces = CODE.fragments(doubled)
    assert pieces[9].n == 109
    assert pieces[9].end - pieces[9].start == pytest.approx(320, abs=40)


def test_families_never_take_each_other_for_their_own(air: Pcm) -> None:
    for seed in (0, 2, 3, 4):
        assert TimeCode(seed).heard(air) == set()


def test_no_number_in_other_sounds() -> None:
    noise = np.random.default_rng(3).integers(-9000, 9000, 8000 * 20).astype(np.int16)
    assert CODE.fragments(noise) == []
    assert CODE.fragments(np.concatenate([tones.tone(freq, 0.5) for freq in tones.VOICES.values()])) == []
    assert CODE.fragments(np.zeros(8000, np.int16)) == []
    assert CODE.decode(np.zeros(10, np.int16)) == []


def test_alaw_and_a_whole_run_in_words(air: Pcm) -> None:
    runs = CODE.runs(alaw.decode(alaw.encode(air)))
    assert runs == [Run(100, 399, 0, 300 * 160)]
    assert str(runs[0]) == "100-399 at 0.000 s"
