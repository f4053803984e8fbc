"""Frames that carry their own number, the taps they come from and the files they go to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import FRAME_SAMPLES, FRAME_SECONDS, Leg
from asterisk_privacy.audio.quarantine import Block

DIGIT = ulaw.decode(np.arange(255, 127, -1, dtype=np.uint8))  # 128 rising values from 0


@dataclass(slots=True)
class Frame:
    channel: str
    begin: float

    @property
    def end(self) -> float:
        return self.begin + FRAME_SECONDS


@dataclass(slots=True)
class Tap:
    channel: str
    leg: Leg
    stretch: int
    on: bool = True
    unread: list[tuple[float, bytes]] = field(default_factory=list)  # with the time of arrival
    arrived: float = 0.0
    reading: bool = False
    new: bool = True


@dataclass(slots=True)
class File:
    part: int
    purposes: list[str]
    blocks: list[Block] = field(default_factory=list)
    state: str = "open"
    marked: bool = False


def written(number: int, place: int) -> bytes:
    samples = np.zeros(FRAME_SAMPLES, dtype=np.int16)
    samples[3 * place : 3 * place + 3] = DIGIT[[number // 14400 + 1, number // 120 % 120 + 1, number % 120 + 1]]
    return samples.tobytes()


def read(slots: Block) -> list[list[int]]:
    """The numbers of the frames in each slot: samples of shape (slots, 160, 2)."""
    digits = slots[:, :159].reshape(len(slots), 53, 3, 2)
    slot, column, place = np.nonzero(digits[:, :, 0].transpose(0, 2, 1))
    number = (np.searchsorted(DIGIT, digits[slot, place, :, column]) - 1) @ (14400, 120, 1)
    found: list[list[int]] = [[] for _ in range(len(slots))]
    for where, what in zip(slot.tolist(), number.tolist(), strict=True):
        found[where].append(what)
    return found
