"""The terminal's player without a sound device: what reaches the output, what keys do, what stretching leaves as it was."""

from __future__ import annotations

import os
import pty
import select
import termios
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_sealed
from review_site import AGENT_HZ, CUSTOMER_HZ, RATE, SPANS, Stereo, sound
from rich.console import Console

from asterisk_privacy.call.timeline import SpanKind, passages, passages_of_parts
from asterisk_privacy.cli.review_screen import Screen
from asterisk_privacy.cli.timeline_bar import LETTERS, bar
from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.lab import tones
from asterisk_privacy.review.stretch import stretched
from asterisk_privacy.review.terminal import KEYS, PIECE, Keyboard, play
from asterisk_privacy.review.transport import SPEEDS, Key, Playing, after, call_ms
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.sealed_audio import SealedFlac
from asterisk_privacy.store.vault import Vault, new_recording_id

IDENTITY = Identity.generate()
FRAMES = 12 * RATE


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vault, str]:
    vault = Vault(tmp_path_factory.mktemp("vault"), Recipients.of([IDENTITY.public]))
    recording_id = new_recording_id()
    writer = vault.create(recording_id)
    writer.write(sound(noise=True))
    writer.seal()
    return vault, recording_id


@pytest.fixture
def flac(sealed: tuple[Vault, str]) -> Iterator[SealedFlac]:
    vault, recording_id = sealed
    opened = open_sealed(vault.path(recording_id), [IDENTITY])
    yield opened
    opened.close()


class Tape:
    """Takes what would sound, and presses keys after so many frames of output."""

    def __init__(self, presses: dict[int, Key] | None = None, then: Callable[[int], None] = lambda _frames: None) -> None:
        self.parts: list[Stereo] = []
        self.presses = dict(presses or {})
        self.then = then
        self.polls: list[float] = []

    @property
    def frames(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def heard(self) -> Stereo:
        return np.concatenate(self.parts)

    def write(self, samples: Stereo) -> None:
        assert samples.dtype == np.int16 and samples.shape[1] == 2 and len(samples) <= PIECE
        self.parts.append(samples.copy())
        self.then(self.frames)

    def poll(self, seconds: float) -> Key | None:
        self.polls.append(seconds)
        due = [at for at in sorted(self.presses) if at <= self.frames]
        return self.presses.pop(due[0]) if due else None


def nothing(_playing: Playing) -> None:
    pass


def test_every_sample_reaches_the_output_in_order(flac: SealedFlac) -> None:
    tape = Tape()
    end = play(flac, tape, tape, nothing)
    assert end == Playing(position=FRAMES, ended=True)
    assert np.array_equal(tape.heard, sound(noise=True))


def test_skipping_goes_five_seconds_and_stays_inside(flac: SealedFlac) -> None:
    tape = Tape({PIECE: Key.AHEAD, 2 * PIECE: Key.BACK, 3 * PIECE: Key.BACK})
    play(flac, tape, tape, nothing)
    whole, five = sound(noise=True), 5 * RATE
    assert np.array_equal(tape.heard[:PIECE], whole[:PIECE])
    assert np.array_equal(tape.heard[PIECE : 2 * PIECE], whole[PIECE + five : 2 * PIECE + five])
    assert np.array_equal(tape.heard[2 * PIECE : 3 * PIECE], whole[2 * PIECE : 3 * PIECE])
    assert np.array_equal(tape.heard[3 * PIECE :], whole)  # back beyond the beginning: from the beginning
    tape = Tape({FRAMES - 2 * PIECE: Key.AHEAD})
    assert play(flac, tape, tape, nothing).position == FRAMES and tape.frames == FRAMES - 2 * PIECE


def test_a_pause_is_silence_and_goes_on_where_it_was(flac: SealedFlac) -> None:
    seen: list[Playing] = []
    tape = Tape({PIECE: Key.PAUSE})

    def show(playing: Playing) -> None:
        seen.append(playing)
        if sum(one.paused for one in seen) == 3 and playing.paused:
            tape.presses[0] = Key.PAUSE

    play(flac, tape, tape, show)
    assert {one.position for one in seen if one.paused} == {PIECE}
    assert 0.1 in tape.polls  # waits for a key and does not spin
    assert np.array_equal(tape.heard, sound(noise=True))


def test_the_end_key_ends_at_once(flac: SealedFlac) -> None:
    tape = Tape({3 * PIECE: Key.END})
    assert play(flac, tape, tape, nothing) == Playing(position=3 * PIECE, ended=True)
    assert tape.frames == 3 * PIECE


def test_a_recording_that_is_deleted_while_it_plays(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "v", Recipients.of([IDENTITY.public]))
    recording_id = new_recording_id()
    writer = vault.create(recording_id)
    writer.write(np.tile(sound(noise=True), (8, 1)))  # more than a reader has in memory
    writer.seal()
    opened = open_sealed(vault.path(recording_id), [IDENTITY])
    tape = Tape(then=lambda frames: vault.shred(recording_id) and None if frames == PIECE else None)
    with pytest.raises(NotAsRecorded):
        play(opened, tape, tape, nothing)
    opened.close()
    assert tape.frames < 8 * FRAMES


# ---- faster and slower


@pytest.mark.parametrize("speed", [speed for speed in SPEEDS if speed != 1.0])
def test_another_speed_has_the_same_pitch(speed: float) -> None:
    whole = sound()
    pieces = list(stretched(iter(np.array_split(whole, 13)), speed))
    out = np.concatenate([samples for _, samples in pieces])
    assert len(out) == pytest.approx(FRAMES / speed, abs=RATE // 10)
    assert sum(consumed for consumed, _ in pieces) == FRAMES
    for column, hz in ((0, CUSTOMER_HZ), (1, AGENT_HZ)):
        heard = tones.seconds_of(out[:, column], {"it": hz})
        assert heard["it"] == pytest.approx(len(out) / RATE, rel=0.1)


def test_a_recording_shorter_than_a_step_is_played_too() -> None:
    short = sound(30)
    for speed in SPEEDS:
        out = np.concatenate([samples for _, samples in stretched(iter([short]), speed)])
        assert 0 < len(out) <= 2 * len(short) + 1


def test_speed_changes_on_the_way(flac: SealedFlac) -> None:
    tape = Tape({4 * RATE: Key.FASTER, 5 * RATE: Key.FASTER})
    assert play(flac, tape, tape, nothing).position == FRAMES
    assert tape.frames == pytest.approx(5 * RATE + (FRAMES - 4 * RATE - 1.25 * RATE) / 1.5, abs=RATE // 5)


# ---- state, keys, screen


def test_keys_and_their_limits() -> None:
    one = Playing(position=RATE)
    assert after(one, Key.BACK, FRAMES, RATE).position == 0
    assert after(replace(one, position=FRAMES - 1), Key.AHEAD, FRAMES, RATE).position == FRAMES
    assert after(after(one, Key.PAUSE, FRAMES, RATE), Key.PAUSE, FRAMES, RATE) == one
    speeds = [one.speed]
    for _ in range(10):
        one = after(one, Key.SLOWER, FRAMES, RATE)
    speeds = [one.speed]
    for _ in range(10):
        one = after(one, Key.FASTER, FRAMES, RATE)
        speeds.append(one.speed)
    assert tuple(dict.fromkeys(speeds)) == SPEEDS


def test_the_place_in_the_call_counts_the_gaps() -> None:
    found = passages(SPANS)  # talk 4-9, hold, talk 14-18, pause, talk 20-23
    assert [call_ms(found, ms) for ms in (0, 4999, 5000, 8999, 9000, 12_000)] == [4000, 8999, 14_000, 17_999, 20_000, 23_000]
    assert call_ms((), 700) == 700


def test_keys_of_a_real_terminal_and_it_is_put_back() -> None:
    leader, follower = pty.openpty()
    before = termios.tcgetattr(follower)
    with Keyboard(follower) as keyboard:
        for sent, wanted in KEYS.items():
            os.write(leader, sent)
            assert keyboard.poll(5) is wanted, sent
        os.write(leader, b"x")
        assert keyboard.poll(5) is None
        assert keyboard.poll(0) is None
        os.write(leader, b"q\n")  # when it is over already
        assert select.select([follower], [], [], 5)[0]  # it has arrived
    assert termios.tcgetattr(follower) == before
    assert select.select([follower], [], [], 0)[0] == [], "a key too many answers the next question"
    os.close(leader)
    os.close(follower)


def test_where_no_terminal_is_no_key_is_pressed() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"q")
    with Keyboard(reading) as keyboard:
        assert keyboard.poll(0) is None
    os.close(reading)
    os.close(writing)


def test_the_screen_shows_where_it_is() -> None:
    console = Console(width=100, record=True, force_terminal=False, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Screen(SPANS, FRAMES, RATE, console).drawn(Playing(position=6 * RATE, speed=1.5, paused=True)))
    timeline, caret, *_rest = shown = console.export_text().splitlines()
    assert timeline[caret.index("^")] == "█" and caret.index("^") == 15 * 60 // 26
    assert any("0:06 / 0:12" in line and "1.5x" in line and "0:15 of the call" in line and "❚❚" in line for line in shown)


def test_the_second_part_of_a_call_is_shown_where_it_was_said() -> None:
    console = Console(width=100, record=True, force_terminal=False, file=open(os.devnull, "w"))  # noqa: SIM115
    first, second = passages_of_parts(SPANS, [8000, 4000])
    assert first
    console.print(Screen(SPANS, FRAMES, RATE, console, where=second).drawn(Playing(position=0, speed=1.0, paused=True)))
    begun = second[0].span.start_ms
    assert begun > 10_000
    assert any(f"0:{begun // 1000:02} of the call" in line for line in console.export_text().splitlines())


def test_the_kinds_of_gap_differ_without_colour() -> None:
    assert len(set(LETTERS.values())) == len(SpanKind) == len(LETTERS)
    line = bar(SPANS, 52)
    assert [line[ms * 52 // 26_000 + 1] for ms in (0, 4000, 9000, 18_000, 23_000)] == ["n", "█", "h", "p", "x"]
