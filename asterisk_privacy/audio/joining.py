"""The stretches of a recording, joined so that one hears where something is left out. RAM only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Stereo = npt.NDArray[np.int16]

SHORT_MS = 500
FADE_MS = 5
MARK_HZ = 1000.0
MARK_MS = 100
MARK_PEAK = 1000.0  # 30 dB below full scale


class Gaps(StrEnum):
    """How a gap sounds."""

    SHORT = "short"  # half a second, with a mark
    FULL = "full"  # silent, as long as it was
    NONE = "none"  # not at all


@dataclass(frozen=True, slots=True)
class Cut:
    """At `at_ms` of the audio as much as `length_ms` is left out."""

    at_ms: int
    length_ms: int


def joined(samples: Stereo, rate: int, cuts: Sequence[Cut], how: Gaps) -> tuple[Stereo, tuple[int, ...]]:
    """The audio with its gaps, each edge faded; and where each gap begins in it, in samples.

    `samples` are taken over; `cuts` lie in them, in order."""
    edges = [cut.at_ms * rate // 1000 for cut in cuts]
    pieces: list[Stereo] = []
    begins: list[int] = []
    position = 0
    for begin, end, cut in zip([0, *edges], [*edges, len(samples)], [*cuts, None], strict=True):
        piece = samples[begin:end]
        _fade(piece, rate, in_=begin > 0, out=cut is not None)
        pieces.append(piece)
        position += len(piece)
        if cut is not None:
            begins.append(position)
            pieces.append(gap := _gap(cut, rate, how))
            position += len(gap)
    return np.concatenate(pieces), tuple(begins)


def _fade(piece: Stereo, rate: int, in_: bool, out: bool) -> None:
    count = min(len(piece) // 2, rate * FADE_MS // 1000)
    slope = (np.arange(count) / max(1, count))[:, np.newaxis]
    if in_:
        piece[:count] = np.round(piece[:count] * slope)
    if out and count:
        piece[-count:] = np.round(piece[-count:] * slope[::-1])


def _gap(cut: Cut, rate: int, how: Gaps) -> Stereo:
    length_ms = {Gaps.SHORT: min(cut.length_ms, SHORT_MS), Gaps.FULL: cut.length_ms, Gaps.NONE: 0}[how]
    gap = np.zeros((length_ms * rate // 1000, 2), np.int16)
    if how is Gaps.SHORT and length_ms == SHORT_MS:
        count = MARK_MS * rate // 1000
        tone = MARK_PEAK * np.sin(2 * np.pi * MARK_HZ / rate * np.arange(count)) * np.hanning(count)
        begin = (len(gap) - count) // 2
        gap[begin : begin + count] = np.round(tone).astype(np.int16)[:, np.newaxis]
    return gap
