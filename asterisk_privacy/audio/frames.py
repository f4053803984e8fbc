"""Sizes and clocks of audio inside the recorder: 8 kHz, 20 ms frames, left the customer, right the agents."""

from __future__ import annotations

from enum import Enum

RATE = 8000
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
FRAME_BYTES = 2 * FRAME_SAMPLES  # signed 16-bit little-endian, as AudioSocket sends it (facts 10)
SILENT_FRAME = bytes(FRAME_BYTES)


class Leg(Enum):
    """Column of the stereo recording."""

    CUSTOMER = 0
    AGENT = 1


def frame_times(arrived: float, count: int) -> list[float]:
    """When each of `count` frames that were read at once at `arrived` was complete, at the latest: the last one at `arrived`, each
    earlier one 20 ms before the next, since a live source makes no more than 50 a second. Never earlier than the truth, so that a
    frame which seems to precede a hold does."""
    return [arrived - FRAME_SECONDS * (count - 1 - i) for i in range(count)]
