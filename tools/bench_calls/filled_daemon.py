"""The daemon as it is, but that the first ring that gets audio after the file in ASTERISK_PRIVACY_BENCH_FILL appears holds an hour already:
nobody wants to wait for an hour of talk. Only for the bench."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from asterisk_privacy.audio.ring import Ring
from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon import assembly

MINUTES = 60
WANTED = Path(os.environ["ASTERISK_PRIVACY_BENCH_FILL"])


def speech_like() -> np.ndarray:
    """A minute; noise whose loudness comes and goes as syllables do. One speaks, then the other."""
    at = np.arange(60 * 8000) / 8000
    envelope = np.abs(np.sin(2 * np.pi * 2.1 * at))
    turn = np.sin(2 * np.pi * 0.1 * at) > 0
    noise = np.random.default_rng(1).normal(0, 2500, (len(at), 2))
    return (noise * np.stack([envelope * turn, envelope * ~turn], axis=1) + noise / 200).astype(np.int16)


class FilledRing(Ring):
    def append(self, block: np.ndarray) -> None:
        if WANTED.exists():
            WANTED.unlink()
            minute = speech_like()
            for _ in range(MINUTES):
                super().append(minute)
        super().append(block)


assembly.Ring = FilledRing  # type: ignore[misc]
main()
