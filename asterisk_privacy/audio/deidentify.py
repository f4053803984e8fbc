"""Taking the customer out of a recording: his side silenced, or his voice replaced. Pure; the randomness is an argument.

The voice is not shifted, for a shift can be shifted back. It is taken apart into the loudness of 18 bands over time (a channel vocoder),
and only that is spoken again, by noise: pitch, melody and the fine structure of the voice are not in the result at all. The bands are
moved up or down by a random measure that wanders, so that the resonances of the throat are not the speaker's either. What stays is what
bands and time carry: the words, the tempo, the accent. Who knows the speaker may still know him; silence is the only sure way.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

Stereo = npt.NDArray[np.int16]  # (n, 2): customer left, agents right
Mono = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

WINDOW_SECONDS = 0.032
HOPS = 4  # windows that cover each sample
BANDS = 18
LOWEST, HIGHEST = 120.0, 3700.0  # Hz, centres of the first and the last band
SMOOTHING = 3  # hops: faster than syllables, slower than the pitch of a voice
WARP = (0.10, 0.22)  # natural logarithm: the resonances of another throat, 10 to 25 % away
WANDER = 0.04  # of the same measure, within a second or so
AT_ONCE = 1024  # windows: bounds the memory, however long the call


class How(StrEnum):
    CUSTOMER_REMOVED = "customer-removed"
    VOICE_MASKED = "voice-masked"


def deidentified(samples: Stereo, rate: int, how: How, chance: np.random.Generator) -> Stereo:
    """The agents' side is as it was, bit by bit."""
    left = np.zeros(len(samples), np.int16) if how is How.CUSTOMER_REMOVED else masked(samples[:, 0], rate, chance)
    return np.stack([left, samples[:, 1]], axis=1)


def masked(voice: Mono, rate: int, chance: np.random.Generator) -> Mono:
    """The same words in a whisper that is nobody's. Silence stays silence."""
    size = round(WINDOW_SECONDS * rate) // HOPS * HOPS
    hop = size // HOPS
    count = -(-len(voice) // hop) + HOPS - 1
    padded = np.concatenate([np.zeros(size - hop, np.int16), voice, np.zeros(size + hop, np.int16)])
    window = np.hanning(size + 1)[:-1]
    # hann squared, HOPS windows deep, adds up to 3/8 HOPS; noise of that window has size * 3/8 of power in each bin
    gain = 1 / (0.375 * HOPS * np.sqrt(size * 0.375))
    bands, warp = _bands(size, rate), _wandering(count, hop / rate, chance)
    before, carried = np.zeros((SMOOTHING - 1, BANDS)), np.zeros(size - hop)
    done: list[Mono] = []
    for first in range(0, count, AT_ONCE):
        many = min(AT_ONCE, count - first)
        starts = np.arange(first, first + many) * hop
        power = (np.abs(np.fft.rfft(padded[starts[:, None] + np.arange(size)] * window)) ** 2) @ bands.T
        smooth, before = _smoothed(power, before)
        noise = np.fft.rfft(chance.standard_normal((many, size)) * window)
        spoken = np.fft.irfft(noise * np.sqrt(_spread(smooth, warp[first : first + many], size, rate)), size) * window * gain
        out = np.concatenate([carried, np.zeros(many * hop)])
        for n, frame in enumerate(spoken):
            out[n * hop : n * hop + size] += frame
        done.append(np.clip(np.round(out[: many * hop]), -32768, 32767).astype(np.int16))
        carried = out[many * hop :]
    return np.concatenate(done)[size - hop :][: len(voice)] if len(voice) else voice


def _centres() -> Floats:
    """Evenly spaced to the ear (mel scale)."""
    low, high = (2595 * np.log10(1 + f / 700) for f in (LOWEST, HIGHEST))
    return np.asarray(700 * (10 ** (np.linspace(low, high, BANDS) / 2595) - 1), np.float64)


def _bands(size: int, rate: int) -> Floats:
    """(bands, bins): triangles from centre to centre, each an average."""
    bins = np.fft.rfftfreq(size, 1 / rate)
    centres = _centres()
    edges = np.concatenate([[0.0], centres, [rate / 2]])
    up = (bins - edges[:-2, None]) / (edges[1:-1, None] - edges[:-2, None])
    down = (edges[2:, None] - bins) / (edges[2:, None] - edges[1:-1, None])
    triangles = np.clip(np.minimum(up, down), 0, None)
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True), np.float64)


def _smoothed(power: Floats, before: Floats) -> tuple[Floats, Floats]:
    """The mean of SMOOTHING windows, the present one the last; and what the next block needs of this one."""
    together = np.concatenate([before, power])
    smooth = sum((together[n : n + len(power)] for n in range(SMOOTHING)), np.zeros_like(power)) / SMOOTHING
    return smooth, together[len(together) - (SMOOTHING - 1) :]


def _spread(power: Floats, warp: Floats, size: int, rate: int) -> Floats:
    """(windows, bins): the loudness of the bands on all frequencies, moved by `warp`; nothing beyond the telephone's band."""
    bins = np.fft.rfftfreq(size, 1 / rate)
    place = np.interp(bins[None, :] * np.exp(-warp)[:, None], _centres(), np.arange(BANDS, dtype=np.float64))
    below = np.minimum(place.astype(np.intp), BANDS - 2)
    part = place - below
    rows = np.arange(len(power))[:, None]
    spread = power[rows, below] * (1 - part) + power[rows, below + 1] * part
    spread[:, (bins < LOWEST / 2) | (bins > HIGHEST)] = 0
    return np.asarray(spread, np.float64)


def _wandering(count: int, seconds: float, chance: np.random.Generator) -> Floats:
    """Up or down for the whole recording, and wandering about that: nothing in the file tells by how much."""
    base = chance.choice([-1.0, 1.0]) * chance.uniform(*WARP)
    turns = max(2, round(count * seconds) + 2)
    points = base + chance.uniform(-WANDER, WANDER, turns)
    return np.asarray(np.interp(np.linspace(0, turns - 1, count), np.arange(turns), points), np.float64)
