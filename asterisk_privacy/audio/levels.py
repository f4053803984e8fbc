"""How loud it is: over time, for pictures, and whether it is anything at all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FLOOR_DB = -70.0
DEAD_PEAK = 8
"""What digital silence decodes to: 0 in G.711 µ-law and G.722, 8 in A-law."""


def is_heard(samples: npt.NDArray[np.int16]) -> bool:
    """Whether there is more in it than digital silence."""
    return bool(len(samples)) and (int(samples.max()) > DEAD_PEAK or int(samples.min()) < -DEAD_PEAK)


def levels_db(samples: npt.NDArray[np.int16], window: int = 400) -> npt.NDArray[np.float64]:
    """RMS of each whole window of `window` samples, in dB below full scale, shape (windows,); silence is FLOOR_DB."""
    count = len(samples) // window
    cut = samples[: count * window].reshape(count, window).astype(np.float64) / 32768
    power = np.maximum(np.mean(np.square(cut), axis=1), 10 ** (FLOOR_DB / 10))
    decibels: npt.NDArray[np.float64] = 10 * np.log10(power)
    return decibels
