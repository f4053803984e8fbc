"""Tones as an oracle: who speaks is told by a frequency, so what is in a recording is a measurement, not an opinion.

Levels are dBFS: 0 is a sine whose peak is full scale. Samples are int16, one dimension. Windows are cut from the start;
a rest shorter than a window is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio.ulaw import Pcm

RATE: Final = 8000
FRAME: Final = 160
"""Samples in the 20 ms that one RTP packet carries."""

CUSTOMER: Final = 700.0
CUSTOMER_HELD: Final = 900.0
"""What the customer says while somebody holds the call: it must never be kept."""
AGENT: Final = 1100.0
AGENT_HOLDING: Final = 1000.0
SECOND_AGENT: Final = 1300.0
MUSIC: Final = 440.0
ANNOUNCEMENT: Final = 600.0

VOICES: Final[Mapping[str, float]] = {
    "customer": CUSTOMER,
    "customer-held": CUSTOMER_HELD,
    "agent": AGENT,
    "agent-holding": AGENT_HOLDING,
    "second-agent": SECOND_AGENT,
    "music": MUSIC,
    "announcement": ANNOUNCEMENT,
}

SILENCE: Final = "silence"
OTHER: Final = "other"
"""Something sounds, but none of the tones asked for."""

_FULL: Final = 32767.0
_FLOOR: Final = -120.0
_QUIET: Final = -55.0  # the noise of µ-law around zero is at -76 dBFS, the faintest tone of the lab at -20
_SHARE: Final = 0.2  # of a window's power; a window cut in the middle between two tones gives 0.25 to each


def tone(freq: float, seconds: float, level: float = -12.0, rate: int = RATE) -> Pcm:
    """A sine of `freq` Hz that starts at phase zero."""
    time = np.arange(round(seconds * rate)) / rate
    return np.round(_FULL * 10 ** (level / 20) * np.sin(2 * np.pi * freq * time)).astype(np.int16)


class Voice:
    """A tone in frames of 20 ms whose frequency may change at any frame, without a click: the phase goes on."""

    def __init__(self, freq: float, level: float = -12.0, rate: int = RATE) -> None:
        self.freq = freq
        self.level = level
        self._rate = rate
        self._phase = 0.0

    def frame(self, size: int = FRAME) -> Pcm:
        step = 2 * np.pi * self.freq / self._rate
        wave = np.sin(self._phase + step * np.arange(size))
        self._phase = float((self._phase + step * size) % (2 * np.pi))
        samples: Pcm = np.round(_FULL * 10 ** (self.level / 20) * wave).astype(np.int16)
        return samples


def _decibels(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Power relative to that of a full-scale sine."""
    floor = 10 ** (_FLOOR / 10)
    decibels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, floor))
    return decibels


def level(samples: Pcm, freq: float, rate: int = RATE) -> float:
    """How loud `freq` is in the whole of `samples` (Hann window, projection on one frequency)."""
    if len(samples) == 0:
        return _FLOOR
    window = np.hanning(len(samples) + 2)[1:-1]
    turn = np.exp(-2j * np.pi * freq / rate * np.arange(len(samples)))
    amplitude = 2 * abs(np.dot(samples * window, turn)) / window.sum() / _FULL
    return float(_decibels(np.array([amplitude**2]))[0])


def loudness(samples: Pcm) -> float:
    """Of anything at all in `samples`."""
    if len(samples) == 0:
        return _FLOOR
    mean = np.mean(np.square(samples.astype(np.float64) / _FULL))
    return float(_decibels(np.array([2 * mean]))[0])


def _windows(samples: Pcm, window: float, rate: int) -> npt.NDArray[np.float64]:
    size = round(window * rate)
    count = len(samples) // size
    return samples[: count * size].reshape(count, size).astype(np.float64) / _FULL


def levels(samples: Pcm, freqs: Iterable[float], window: float = 0.02, rate: int = RATE) -> npt.NDArray[np.float64]:
    """dBFS of each frequency in each window, shape (windows, frequencies). For "is there any music at all under this?"."""
    cut = _windows(samples, window, rate)
    turns = np.exp(-2j * np.pi / rate * np.outer(np.arange(cut.shape[1]), np.array(list(freqs))))
    return _decibels((2 * np.abs(cut @ turns) / max(cut.shape[1], 1)) ** 2)


def present(samples: Pcm, freqs: Mapping[str, float], window: float = 0.02, rate: int = RATE) -> list[str]:
    """Who dominates each window: a name from `freqs`, SILENCE or OTHER. Tones must lie 1/window or more apart (50 Hz for 20 ms)."""
    cut = _windows(samples, window, rate)
    if len(cut) == 0:
        return []
    names = list(freqs)
    total = 2 * np.mean(np.square(cut), axis=1)
    power = 10 ** (levels(samples, freqs.values(), window, rate) / 10)
    best = np.argmax(power, axis=1)
    quiet = _decibels(total) < _QUIET
    clear = power[np.arange(len(cut)), best] >= _SHARE * total
    return [SILENCE if q else names[b] if c else OTHER for q, b, c in zip(quiet, best, clear, strict=True)]


@dataclass(frozen=True, slots=True)
class ToneSpan:
    label: str
    start: float
    """Seconds from the first sample."""
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.label} {self.seconds:.2f} s"


def spans(samples: Pcm, freqs: Mapping[str, float], window: float = 0.02, rate: int = RATE) -> list[ToneSpan]:
    """The recording in words: `", ".join(map(str, spans(...)))` gives "customer 1.50 s, silence 0.02 s, ..."."""
    found: list[ToneSpan] = []
    for index, label in enumerate(present(samples, freqs, window, rate)):
        begin = found.pop().start if found and found[-1].label == label else index * window
        found.append(ToneSpan(label, begin, (index + 1) * window))
    return found


def seconds_of(samples: Pcm, freqs: Mapping[str, float], window: float = 0.02, rate: int = RATE) -> dict[str, float]:
    """How long each label sounds in all; labels that never sound are missing."""
    total: dict[str, float] = {}
    for label in present(samples, freqs, window, rate):
        total[label] = total.get(label, 0.0) + window
    return total
