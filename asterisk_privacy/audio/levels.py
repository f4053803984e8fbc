"""Levels over time, for pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FLOOR_DB = -70.0


def levels_db(samples: npt.NDArray[np.int16], window: int = 400) -> npt.NDArray[np.float64]:
    """RMS of each whole window of `window` samples, in dB below full scale, shape (windows,); silence is FLOOR_DB."""
    count = len(samples) // window
    cut = samples[: count * window].reshape(count, window).astype(np.float64) / 32768
    power = np.maximum(np.mean(np.square(cut), axis=1), 10 ** (FLOOR_DB / 10))
    decibels: npt.NDArray[np.float64] = 10 * np.log10(power)
    return decibels
