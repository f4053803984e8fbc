"""What the tests on real calls measure in a decrypted recording: which frames were kept, which of them were private, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import numpy as np

from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab.rtp import Sent
from asterisk_privacy.lab.tones import FRAME, RATE

REACTION_SECONDS = 0.005
"""A frame that leaves the phone within this after the re-INVITE may reach Asterisk before it."""
_HOP = FRAME // 4
_LOUD = 32767.0 * 10 ** (-45 / 20)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A conversation by the clocks of the phones (monotonic seconds). It began not before `begins` and not after `begun`, and ended
    likewise: a script knows some moments exactly, others (a feature code's last digit) only so."""

    begins: float = -inf
    begun: float = -inf
    ends: float = inf
    ended: float = inf

    def covers(self, moment: float) -> bool:
        return self.begins <= moment <= self.ended + REACTION_SECONDS


@dataclass(frozen=True, slots=True)
class Lost:
    """Seconds of one party's conversation that are not in the recording: at its begin, at its end, the longest hole between."""

    begin: float
    end: float
    hole: float


def leaks(sent: Iterable[Sent], heard: set[int], stretches: Sequence[Stretch]) -> list[Sent]:
    """Kept frames that left their phone in no conversation."""
    return [frame for frame in sent if frame.n in heard and not any(stretch.covers(frame.at) for stretch in stretches)]


def lost(sent: Sequence[Sent], heard: set[int], stretch: Stretch) -> Lost:
    """Of a leg that spoke all the time of `stretch`; edges that are infinite count nothing."""
    kept = [frame.at for frame in sent if frame.n in heard and stretch.covers(frame.at)]
    if not kept:
        begun, ends = max(stretch.begun, sent[0].at), min(stretch.ends, sent[-1].at)
        return Lost(ends - begun, ends - begun, ends - begun)
    at_begin = kept[0] - stretch.begun if stretch.begun > -inf else 0.0
    at_end = stretch.ends - kept[-1] if stretch.ends < inf else 0.0
    return Lost(max(0.0, at_begin), max(0.0, at_end), max((b - a for a, b in pairwise(kept)), default=0.0))


def tone_seconds(samples: Pcm, freq: float) -> float:
    """How long a pure tone of `freq` sounds, wherever its frames lie against the 20 ms. Speech of the time code is no pure tone."""
    if len(samples) < FRAME:
        return 0.0
    cut = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::_HOP].astype(np.float64)
    turn = np.exp(-2j * np.pi * freq / RATE * np.arange(FRAME))
    own = 2 * np.square(np.abs(cut @ turn) / FRAME)  # power of the sine
    whole = np.mean(np.square(cut), axis=1)
    pure = (own > 0.5 * whole) & (own > _LOUD**2 / 2)
    return float(np.count_nonzero(pure) * _HOP / RATE)
