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
