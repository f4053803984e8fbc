"""Faster and slower without another pitch: WSOLA (Verhelst and Roelands, ICASSP 1993), made for speech.

Each 20 ms of output fade from what would naturally follow into the piece near the wanted place that fits it best.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from asterisk_privacy.store.flac import Stereo

HOP = 160  # frames of output a step: 20 ms at 8 kHz
SEARCH = 80  # frames to either side; covers a period of the deepest voice


def stretched(blocks: Iterator[Stereo], speed: float) -> Iterator[tuple[int, Stereo]]:
    """Pieces of output, int16 (n, 2), each with how many frames of input it stands for. At speed 1 the input itself, untouched."""
    if speed == 1.0:
        for block in blocks:
            yield len(block), block
        return
    source = _Window(blocks)
    up = np.linspace(0, 1, HOP, endpoint=False, dtype=np.float32)[:, None]
    place, last = 0.0, 0
    while source.reach(int(place + HOP * speed) + SEARCH + 2 * HOP):
        natural = source.part(last + HOP, HOP)
        start = int(place + HOP * speed) + _best(source, int(place + HOP * speed), natural)
        piece = natural * (1 - up) + source.part(start, HOP) * up
        consumed = int(place + HOP * speed) - int(place)
        place, last = place + HOP * speed, start
        yield consumed, np.round(piece).astype(np.int16)
        source.forget(min(last, int(place) - SEARCH))
    rest = source.rest(last + HOP)
    if len(rest):
        yield source.end - int(place), rest.astype(np.int16)


def _best(source: _Window, place: int, natural: npt.NDArray[np.float32]) -> int:
    """By how many frames from `place` the piece begins that follows on best."""
    near = min(SEARCH, place)
    mono = source.part(place - near, near + SEARCH + HOP).sum(axis=1)
    wanted = natural.sum(axis=1)
    fits = np.correlate(mono, wanted, "valid")
    loud = np.sqrt(np.convolve(mono**2, np.ones(HOP, np.float32), "valid")) + 1.0
    return int(np.argmax(fits / loud)) - near


class _Window:
    """The input where it is needed just now, by its own frame numbers."""

    def __init__(self, blocks: Iterator[Stereo]) -> None:
        self._blocks = blocks
        self._held = np.zeros((0, 2), np.float32)
        self._from = 0

    @property
    def end(self) -> int:
        return self._from + len(self._held)

    def reach(self, end: int) -> bool:
        """Whether there is input up to `end`."""
        while self.end < end:
            block = next(self._blocks, None)
            if block is None:
                return False
            self._held = np.concatenate([self._held, block.astype(np.float32)])
        return True

    def part(self, start: int, count: int) -> npt.NDArray[np.float32]:
        return self._held[start - self._from : start - self._from + count]

    def rest(self, start: int) -> npt.NDArray[np.float32]:
        return self._held[max(0, start - self._from) :]

    def forget(self, before: int) -> None:
        if before - self._from > 8 * HOP:
            self._held = self._held[before - self._from :]
            self._from = before
