"""Taps whose frames are read now and then, and what must not slip in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from pathlib import Path

import numpy as np
import pytest
from stage import Stage

from asterisk_privacy.asterisk.audiosocket import FrameSink
from asterisk_privacy.audio import ulaw
from asterisk_privacy.audio.frames import FRAME_BYTES, FRAME_SAMPLES, FRAME_SECONDS
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.audio.suspense import Suspense
from asterisk_privacy.call.silence import Why
from asterisk_privacy.call.timeline import MarkKind
from asterisk_privacy.daemon.filing import RecordingFile
from asterisk_privacy.daemon.health import Alarm, Health
from asterisk_privacy.daemon.media import CallMedia
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days

SPOKEN = np.full(FRAME_SAMPLES, 1000, dtype="<i2").tobytes()


class Line:
    """A tap, and what has arrived from it and nobody has read."""

    may_be_deaf = True

    def __init__(self, sink: FrameSink, seconds: list[Line] | None = None) -> None:
        self.seconds = seconds
        self.unread = b""
        self.at = 0.0
        self.stopped = False
        self.told_until = inf
        self._sink = sink

    def arrives(self, at: float, frames: bytes) -> None:
        self.at, self.unread = at, self.unread + frames

    def beside(self, sink: FrameSink, _ended: Callable[[], None]) -> Line | None:
        if self.seconds is None:  # no room
            return None
        self.seconds.append(Line(sink))
        return self.seconds[-1]

    def hear(self) -> None:
        unread, self.unread = self.unread, b""
        if unread and not self.stopped:
            self._sink(self.at, unread)

    def stop(self) -> None:
        self.hear()
        self.stopped = True


class Lines:
    def __init__(self) -> None:
        self.made: dict[str, list[Line]] = {}

    def attach(self, channel: str, sink: FrameSink, _ended: Callable[[], None]) -> Line:
        self.made.setdefault(channel, []).append(Line(sink))
        return self.made[channel][-1]


class RoomyLines(Lines):
    """A late tap gets another beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[Line] = []

    def attach(self, channel: str, sink: FrameSink, _ended: Callable[[], None]) -> Line:
        self.made.setdefault(channel, []).append(Line(sink, self.seconds))
        return self.made[channel][-1]


LEVELS = ulaw.decode(np.arange(100, dtype=np.uint8)).tolist()  # which the ring keeps as they are


def spoken(*numbers: int) -> bytes:
    return b"".join(np.full(FRAME_SAMPLES, LEVELS[number], dtype="<i2").tobytes() for number in numbers)


def numbers(audio: np.ndarray) -> list[int]:
    """Of the caller's frames; 0 for silence."""
    return [LEVELS.index(level) if level else 0 for level in audio[::FRAME_SAMPLES, 0].tolist()]


def half_a_second_late() -> tuple[CallMedia, Line, Line]:
    """The caller's tap brings frame 11 at 0.5 s; the second brings frame 27 at 0.54 s. All of it is read."""
    lines = RoomyLines()
    media = media_of(lines, Health())
    media.open(0.0, frozenset({"anna"}))
    caller = lines.made["caller"][0]
    caller.arrives(0.2, spoken(*range(1, 11)))
    media.release(0.0)
    caller.arrives(0.5, spoken(11))
    media.release(0.0)
    [second] = lines.seconds
    second.arrives(0.54, spoken(27))
    media.release(0.0)
    return media, caller, second


def test_the_second_tap_goes_on_where_the_late_one_comes_to_it() -> None:
    media, caller, second = half_a_second_late()
    assert not caller.stopped and not second.stopped
    caller.arrives(0.84, spoken(*range(12, 29)))
    second.arrives(0.84, spoken(*range(28, 43)))
    media.release(0.0)
    assert caller.stopped and not second.stopped
    caller.arrives(0.9, spoken(99))
    second.arrives(0.9, spoken(43, 44, 45))
    media.shut(0.9)
    assert second.stopped
    media.release(9.0)
    assert numbers(held(media)) == list(range(1, 46))
    assert media.missing_seconds == 0


def test_a_hold_while_there_are_two_of_them_ends_both() -> None:
    """What came by then is kept, and what is missing between the two is told."""
    media, caller, second = half_a_second_late()
    caller.arrives(0.56, spoken(12, 13, 14))
    second.arrives(0.60, spoken(28, 29, 30))
    media.shut(0.57)
    assert caller.stopped and second.stopped
    media.release(9.0)
    assert numbers(held(media)) == [*range(1, 15), *[0] * 12, 27, 28]
    assert round(media.missing_seconds, 6) == 0.24


def media_of(lines: Lines, health: Health, blind_seconds: float = 60.0) -> CallMedia:
    memory = RingMemory(1 << 26)
    return CallMedia("caller", lines, lambda: Ring(60, memory), health, blind_seconds, Suspense(0, 0), lambda: None)


def held(media: CallMedia) -> np.ndarray:
    """All that the ring held, both legs."""
    file: RecordingFile = object()  # type: ignore[assignment]  # nothing more is said
    return np.concatenate([np.zeros((0, 2), np.int16), *media.to_file(file).drain()])


def test_what_was_said_before_a_wipe_and_not_yet_read_is_wiped_too() -> None:
    lines, health = Lines(), Health()
    media = media_of(lines, health)
    media.open(0.0, frozenset({"anna"}))
    lines.made["caller"][0].arrives(0.2, 10 * SPOKEN)
    media.wipe()
    lines.made["anna"][0].arrives(0.3, 3 * SPOKEN)
    media.shut(0.4)
    media.release(9.0)
    audio = held(media)
    assert not audio[:, 0].any()
    assert np.count_nonzero(audio[:, 1]) == 3 * FRAME_SAMPLES


def test_what_arrived_is_read_before_audio_is_released_and_when_it_ends() -> None:
    lines = Lines()
    media = media_of(lines, Health())
    media.open(0.0, frozenset({"anna"}))
    lines.made["caller"][0].arrives(0.2, 10 * SPOKEN)
    media.release(0.25)
    lines.made["caller"][0].arrives(0.4, 10 * SPOKEN)
    media.shut(0.3)  # told late: what was complete by then is kept, the rest not
    media.release(9.0)
    assert np.count_nonzero(held(media)[:, 0]) == 15 * FRAME_SAMPLES


def test_talk_that_did_not_come_is_told_with_its_moment() -> None:
    """A snoop sends 50 frames a second, whatever happens."""
    lines = Lines()
    media = media_of(lines, Health())
    media.open(0.0, frozenset({"anna"}))
    for at, frames in ((0.2, 10), (0.5, 10), (1.0, 10), (8.0, 1)):
        lines.made["caller"][0].arrives(at, frames * SPOKEN)
        media.release(0.0)
    assert [round(at, 6) for at in media.missing] == [0.6]
    assert round(media.missing_seconds, 6) == 7.38


async def test_the_story_of_the_call_says_where_a_voice_is_missing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    runner = await stage.call((Purpose("order", "o", Basis.CONTRACT, "r", Trigger.ALWAYS, Days(30)),), {}, never_came=range(50, 100))
    [row] = stage.registry.recordings()
    stage.ledger.close()
    [missing] = [mark.at_ms for mark in row.marks if mark.kind is MarkKind.MISSING]
    assert 900 <= missing - 200 <= 1100
    assert row.marks == tuple(sorted(row.marks, key=lambda mark: mark.at_ms))
    assert stage.health.tally.missing_seconds == runner.media.missing_seconds > 0.9


async def test_zeros_of_one_read_count_each() -> None:
    """A second of exact zeros on a leg may be a deaf hook: it is put anew, once. A voice that is then heard at once says that it was."""
    lines, health = Lines(), Health()
    media = media_of(lines, health, blind_seconds=0.2)
    media.open(0.0, frozenset({"anna"}))
    lines.made["anna"][0].arrives(0.2, 9 * bytes(FRAME_BYTES) + SPOKEN)
    media.release(0.0)
    assert len(lines.made["anna"]) == 1 and not lines.made["anna"][0].stopped  # somebody spoke at last
    lines.made["anna"][0].arrives(0.4, SPOKEN + 9 * bytes(FRAME_BYTES))
    media.release(0.0)
    lines.made["anna"][0].arrives(0.4 + FRAME_SECONDS, bytes(FRAME_BYTES))
    media.release(0.0)
    async with asyncio.timeout(3):
        while len(lines.made["anna"]) < 2:
            await asyncio.sleep(0.005)
    assert lines.made["anna"][0].stopped and len(lines.made["caller"]) == 1
    assert not health.alarms
    lines.made["anna"][1].arrives(0.6, 2 * bytes(FRAME_BYTES) + 8 * SPOKEN)
    media.release(0.0)
    async with asyncio.timeout(3):
        while not health.alarms:
            await asyncio.sleep(0.005)
    assert health.alarms == {Alarm.TAP_BLIND: 1} and [why for _, why in media.legs.marks] == [Why.BLIND_HOOK]
    media.shut(0.7)


def test_each_phone_is_learned_by_itself() -> None:
    """Who takes the call over may hold as silently as the one before listened."""
    lines, told, memory = Lines(), [], RingMemory(1 << 26)
    media = CallMedia(
        "caller", lines, lambda: Ring(60, memory), Health(), 60.0, Suspense(2, 0), lambda: told.append("hold"),
        silent_between_words=lambda: told.append("between words"),
    )  # fmt: skip
    words = (25 * SPOKEN + 20 * bytes(FRAME_BYTES)) * 4 + 25 * SPOKEN
    at = 0.0
    for agent, sounds in (
        ("anna", words + 150 * bytes(FRAME_BYTES)),
        ("anna", 150 * bytes(FRAME_BYTES) + SPOKEN),
        ("bert", words[:8000] + 150 * bytes(FRAME_BYTES)),
    ):
        media.open(at, frozenset({agent}))
        for begin in range(0, len(sounds), 10 * FRAME_BYTES):
            piece = sounds[begin : begin + 10 * FRAME_BYTES]
            at += len(piece) // FRAME_BYTES * FRAME_SECONDS
            for channel in ("caller", agent):
                lines.made[channel][-1].arrives(at, piece if channel == agent else len(piece) // FRAME_BYTES * SPOKEN)
            media.release(at)
        media.shut(at)
        media.release(at + 1)
    assert told == ["between words", "hold"]


async def zeros_and_sound(media: CallMedia, line: Line, began: float, zeros: int) -> float:
    """In pieces of 0.2 s; then a word. Until when."""
    at = began
    for _ in range(zeros):
        at += 0.2
        line.arrives(at, 10 * bytes(FRAME_BYTES))
        media.release(0.0)
        if line.stopped:
            return at
    line.arrives(at + 0.2, 10 * SPOKEN)
    media.release(0.0)
    return at + 0.2


@pytest.mark.parametrize("cured", [False, True])
async def test_a_phone_that_is_silent_by_itself_is_tapped_anew_ever_less(cured: bool) -> None:
    """Each new tap costs the begin of a word that is said just then. One whose new tap hears a voice at once was deaf."""
    lines, health = Lines(), Health()
    media = media_of(lines, health, blind_seconds=1.0)
    media.open(0.0, frozenset({"anna"}))
    at, made = 0.0, 1
    for _pause in range(8):
        line = lines.made["anna"][-1]
        at = await zeros_and_sound(media, line, at, 7)  # 1.4 s
        if line.stopped:
            made += 1
            async with asyncio.timeout(3):
                while len(lines.made["anna"]) < made:
                    await asyncio.sleep(0.005)
            at = await zeros_and_sound(media, lines.made["anna"][-1], at + 0.1, 1 if cured else 5)
    assert made - 1 == (8 if cured else 1)
    media.shut(at)
    assert not health.alarms  # so long after it a voice is no proof that the one before was deaf


def test_audio_waits_for_a_tap_that_waits_for_an_answer() -> None:
    """What its phone said meanwhile finds its place when the answer has come; and the other side stays beside it."""
    lines = Lines()
    media = media_of(lines, Health())
    media.open(0.0, frozenset({"anna"}))
    caller, anna = lines.made["caller"][0], lines.made["anna"][0]
    caller.arrives(0.2, 10 * SPOKEN)
    anna.arrives(2.0, 100 * SPOKEN)
    caller.told_until = 0.2
    media.release(9.0)
    assert media.kept_seconds <= 0.2
    caller.told_until = inf
    caller.arrives(2.0, 90 * SPOKEN)
    media.release(2.1)
    media.shut(2.0)
    media.release(9.0)
    audio = held(media)
    assert np.count_nonzero(audio[:, 0]) == np.count_nonzero(audio[:, 1]) == 100 * FRAME_SAMPLES
