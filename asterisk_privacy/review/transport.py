"""Playing as a state: where, how fast, paused or not, and what a key makes of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from asterisk_privacy.call.timeline import Passage

SPEEDS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
SKIP_SECONDS = 5


class Key(StrEnum):
    PAUSE = "pause"
    BACK = "back"
    AHEAD = "ahead"
    SLOWER = "slower"
    FASTER = "faster"
    END = "end"


@dataclass(frozen=True, slots=True)
class Playing:
    """`position` in sample frames of the recording, whose audio holds the conversation only."""

    position: int = 0
    speed: float = 1.0
    paused: bool = False
    ended: bool = False


def after(playing: Playing, key: Key, frames: int, rate: int) -> Playing:
    """Skipping stays within the recording; the speed goes one step."""
    match key:
        case Key.PAUSE:
            return replace(playing, paused=not playing.paused)
        case Key.BACK:
            return replace(playing, position=max(0, playing.position - SKIP_SECONDS * rate))
        case Key.AHEAD:
            return replace(playing, position=min(frames, playing.position + SKIP_SECONDS * rate))
        case Key.SLOWER | Key.FASTER:
            step = SPEEDS.index(playing.speed) + (1 if key is Key.FASTER else -1)
            return replace(playing, speed=SPEEDS[min(max(step, 0), len(SPEEDS) - 1)])
        case Key.END:
            return replace(playing, ended=True)


def call_ms(passages: Sequence[Passage], audio_ms: int) -> int:
    """Where in the call the recording is, with the gaps that its audio does not have. At a gap: where the talk goes on."""
    for passage in passages:
        if audio_ms < passage.audio_to_ms:
            return passage.span.start_ms + max(0, audio_ms - passage.audio_from_ms)
    return passages[-1].span.end_ms if passages else audio_ms
