"""A sound that tells the time: every 20 ms frame of it names its own number, so a test knows which frames were kept.

Frame n is a chord of 5 of 31 tones (300, 400 ... 3300 Hz). A chord needs only 10 ms to be recognised, wherever those 10 ms
begin, because all its tones fit 10 ms exactly. So a frame is dated without its neighbours, at any offset, through G.711, and on
both sides of a splice. Consecutive chords share no tone; what lies across a border is recognised as neither.

Sources whose seeds differ modulo 5 have no chord in common: a customer's frame in an agent's track is seen for what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab.tones import FRAME, RATE

FRAMES: Final = 30_000
"""Length of a code: 10 minutes."""

_TONES: Final = 31
_CHORD: Final = 5
_FAMILIES: Final = 5
_LOOK: Final = FRAME // 2  # samples that a chord needs
_HOP: Final = 10
_LEVEL: Final = 32767 * 0.11  # per tone
_FAINTEST: Final = 32767 * 0.002
_EVEN: Final = 0.5  # weakest to strongest tone of a chord
_CLEAR: Final = 0.4  # strongest other tone to weakest tone of a chord
_SHORTEST: Final = 2  # looks in a row that must agree


@dataclass(frozen=True, slots=True)
class Fragment:
    """Frame `n` sounds from sample `start` to `end` (excluded; each known to about 20 samples)."""

    n: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Run:
    """Frames `first` to `last` (both included) sound without a hole, from sample `start` to `end` (excluded)."""

    first: int
    last: int
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last} at {self.start / RATE:.3f} s"


class TimeCode:
    """Ten minutes of dated frames. Same seed, same code. Frames beyond the end begin anew at 0."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._chords = _sequence(seed)
        self._number = {_mask(chord): n for n, chord in enumerate(self._chords)}

    def frame(self, n: int) -> Pcm:
        chord = self._chords[n % FRAMES]
        freqs = 100.0 * (np.array(chord) + 3)
        waves = np.sin(2 * np.pi / RATE * np.outer(freqs, np.arange(FRAME)))
        samples: Pcm = np.round(_LEVEL * waves.sum(axis=0)).astype(np.int16)
        return samples

    def frames(self, first: int, last: int) -> Pcm:
        """Frames `first` to `last`, both included."""
        return np.concatenate([self.frame(n) for n in range(first, last + 1)])

    def fragments(self, samples: Pcm) -> list[Fragment]:
        """Every stretch of at least about 12 ms of a frame, in the order of the samples."""
        found: list[Fragment] = []
        looks = [self._number.get(int(mask), -1) for mask in _looks(samples)]
        begin = 0
        for index in range(1, len(looks) + 1):
            if index < len(looks) and looks[index] == looks[begin]:
                continue
            if looks[begin] >= 0 and index - begin >= _SHORTEST:
                found.append(Fragment(looks[begin], begin * _HOP, (index - 1) * _HOP + _LOOK))
            begin = index
        return found

    def _groups(self, samples: Pcm) -> list[list[Fragment]]:
        groups: list[list[Fragment]] = []
        for piece in self.fragments(samples):
            if groups and piece.n == groups[-1][-1].n + 1 and piece.start - groups[-1][-1].end < _LOOK:
                groups[-1].append(piece)
            else:
                groups.append([piece])
        return groups

    def runs(self, samples: Pcm) -> list[Run]:
        """The samples as runs of consecutive frames; a lost, doubled or foreign frame ends a run."""
        return [Run(group[0].n, group[-1].n, group[0].start, group[-1].end) for group in self._groups(samples)]

    def decode(self, samples: Pcm) -> list[int | None]:
        """For each 20 ms of `samples` the frame whose middle lies in it, or None. A rest shorter than 20 ms is left out.

        Within a run the frames take consecutive places, however the run is offset against the 20 ms. A frame cut by a splice may
        find its place taken: `fragments` has it still.
        """
        places: list[int | None] = [None] * (len(samples) // FRAME)
        for group in self._groups(samples):
            middle = float(np.median([(piece.start + piece.end) / 2 - FRAME * index for index, piece in enumerate(group)]))
            for index, piece in enumerate(group):
                place = int((middle + FRAME * index) // FRAME)
                if 0 <= place < len(places) and places[place] is None:
                    places[place] = piece.n
        return places

    def heard(self, samples: Pcm) -> set[int]:
        """Numbers of all frames of which anything is in `samples`."""
        return {piece.n for piece in self.fragments(samples)}


def missing(runs: Sequence[Run]) -> list[tuple[int, int]]:
    """Holes between consecutive runs as (first, last) frame numbers, both included; runs that step back give no hole."""
    return [(a.last + 1, b.first - 1) for a, b in pairwise(runs) if b.first > a.last + 1]


def _mask(chord: Sequence[int]) -> int:
    return sum(1 << index for index in chord)


@lru_cache(maxsize=8)
def _sequence(seed: int) -> tuple[tuple[int, ...], ...]:
    rest = [chord for chord in combinations(range(_TONES), _CHORD) if sum(chord) % _FAMILIES == seed % _FAMILIES]
    Random(seed).shuffle(rest)
    sequence = [rest.pop()]
    while len(sequence) < FRAMES:
        before = set(sequence[-1])
        index = next(i for i in range(len(rest) - 1, -1, -1) if before.isdisjoint(rest[i]))
        rest[index], rest[-1] = rest[-1], rest[index]
        sequence.append(rest.pop())
    return tuple(sequence)


def _looks(samples: Pcm) -> npt.NDArray[np.int64]:
    """A bit mask of the 5 tones seen in each look (10 ms, every 10 samples); 0 where no clear chord sounds."""
    if len(samples) < _LOOK:
        return np.zeros(0, np.int64)
    cut = np.lib.stride_tricks.sliding_window_view(samples, _LOOK)[::_HOP]
    masks = np.zeros(len(cut), np.int64)
    for begin in range(0, len(cut), 20_000):  # a few MiB at a time
        amplitude = np.abs(np.fft.rfft(cut[begin : begin + 20_000], axis=1))[:, 3 : 3 + _TONES] * 2 / _LOOK
        order = np.argsort(amplitude, axis=1)[:, ::-1]
        ranked = np.take_along_axis(amplitude, order[:, : _CHORD + 1], axis=1)
        strongest, weakest, other = ranked[:, 0], ranked[:, _CHORD - 1], ranked[:, _CHORD]
        clear = (weakest >= _FAINTEST) & (weakest >= _EVEN * strongest) & (other <= _CLEAR * weakest)
        bits = (np.int64(1) << order[:, :_CHORD].astype(np.int64)).sum(axis=1)
        masks[begin : begin + 20_000] = np.where(clear, bits, 0)
    return masks
