"""A tap that knows when each frame came, and that is never deaf by its own fault: as the wire's are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from test_media import SPOKEN, Line, Lines, held, media_of

from asterisk_privacy.asterisk.taps import TapSink
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.media import CallMedia


class WireLine(Line):
    may_be_deaf = False
    here_by: tuple[float, ...] = ()

    def __init__(self, sink: TapSink) -> None:
        self.sink = sink
        super().__init__(lambda at, frames: sink(at, frames, np.array(self.here_by[-len(frames) // FRAME_BYTES :])))


class WireLines(Lines):
    def attach(self, channel: str, sink: TapSink, _ended: Callable[[], None]) -> WireLine:
        line = WireLine(sink)
        self.made.setdefault(channel, []).append(line)
        return line


def test_each_frame_counts_as_come_when_its_tap_says() -> None:
    lines = WireLines()
    media = media_of(lines, Health())
    media.open(0.0, frozenset({"anna"}))
    (line,) = lines.made["caller"]
    line.here_by = tuple(0.02 * n for n in range(1, 6)) + (0.3,) * 5  # type: ignore[attr-defined]
    line.arrives(0.2, 10 * SPOKEN)
    media.shut(0.25)
    media.release(9.0)
    assert np.count_nonzero(held(media)[:, 0]) == 5 * FRAME_SAMPLES


def test_a_pause_of_a_tap_that_tells_pauses_is_not_told_as_missing() -> None:
    lines = WireLines()
    media = media_of(lines, Health())
    media.open(0.0, frozenset({"anna"}))
    (line,) = lines.made["caller"]
    line.here_by = (0.2, 1.0)  # type: ignore[attr-defined]
    for at in (0.2, 1.0):
        line.arrives(at, SPOKEN)
        media.release(0.0)
    assert (media.missing, media.missing_seconds) == ([], 0.0)


def test_silence_of_a_tap_that_cannot_be_deaf_is_silence() -> None:
    """A muted phone is left in peace: no new tap, no alarm."""
    lines, health = WireLines(), Health()
    media = media_of(lines, health, blind_seconds=0.2)
    media.open(0.0, frozenset({"anna"}))
    (line,) = lines.made["anna"]
    line.here_by = tuple(0.02 * n for n in range(1, 101))  # type: ignore[attr-defined]
    line.arrives(2.0, 100 * bytes(FRAME_BYTES))
    media.release(0.0)
    assert not line.stopped
    assert health.alarms[Alarm.TAP_BLIND] == 0


@pytest.mark.parametrize(("lost", "told"), [(True, ["hold"]), (False, ["between words"])], ids=["lost", "left out by the phone"])
def test_what_a_tap_says_was_lost_is_no_pause_of_its_phone(lost: bool, told: list[str]) -> None:
    lines, said, memory = WireLines(), list[str](), RingMemory(1 << 26)
    media = CallMedia(
        "caller", lines, lambda: Ring(60, memory), Health(), 60.0, Suspense(2, 0), lambda: said.append("hold"),
        silent_between_words=lambda: said.append("between words"),
    )  # fmt: skip
    media.open(0.0, frozenset({"anna"}))
    words = [(25 * SPOKEN, True), (20 * bytes(FRAME_BYTES), not lost)] * 4 + [(25 * SPOKEN, True), (150 * bytes(FRAME_BYTES), True)]
    at = 0.0
    for sounds, came in words:
        count = len(sounds) // FRAME_BYTES
        at += 0.02 * count
        times = at - 0.02 * np.arange(count)[::-1]
        for channel, piece in (("caller", count * SPOKEN), ("anna", sounds)):
            (line,) = lines.made[channel]
            line.sink(at, piece, times, np.full(count, came or channel == "caller"))
        media.release(at)
    media.shut(at)
    media.release(at + 1)
    assert said == told
