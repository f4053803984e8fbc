"""Holds that only the agent's phone knows of: forgotten from their begin; nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asterisk_privacy.audio.suspense import Suspense

RATE, FRAME = 8000, 160


def tone(seconds: float, freq: float, level: float = 4000.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * freq * np.arange(round(seconds * RATE)) / RATE)


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE))


def speech(seconds: float, seed: int = 0, loud: float = 3000.0) -> np.ndarray:
    """Syllables four a second, words with pauses, a room behind them."""
    at = np.arange(round(seconds * RATE)) / RATE
    pitch = np.sin(2 * np.pi * (140 + 20 * np.sin(at)) * at) + 0.5 * np.sin(2 * np.pi * 420 * at)
    envelope = np.abs(np.sin(2 * np.pi * 2.0 * at + seed)) * (np.sin(2 * np.pi * 0.4 * at + seed) > -0.4)
    return loud * pitch * envelope + noise(seconds, 20, seed)


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords that change twice a second."""
    at = np.arange(round(seconds * RATE)) / RATE
    roots = np.array([220, 262, 294, 330])[np.random.default_rng(seed).integers(0, 4, round(seconds * 2) + 1)][(at * 2).astype(int)]
    phase = 2 * np.pi * np.cumsum(roots) / RATE
    return (2500 * (np.sin(phase) + 0.6 * np.sin(1.26 * phase) + 0.5 * np.sin(1.5 * phase))) * (0.7 + 0.3 * np.sin(2 * np.pi * 2 * at))


def dead(seconds: float, value: int = 0) -> np.ndarray:
    return np.full(round(seconds * RATE), float(value))


def kept(
    agent: np.ndarray, dead_seconds: float = 10, music_seconds: float = 8, chunk: int = 5, came: np.ndarray | None = None
) -> tuple[list[tuple[float, float]], Suspense]:
    """What is let through, as intervals in seconds. The customer's samples number the frames. Zeros stand for those of the agent's that
    never `came`."""
    agent = agent[: len(agent) // FRAME * FRAME]
    there = np.ones(len(agent) // FRAME, bool) if came is None else came[: len(agent) // FRAME]
    agent = agent * np.repeat(there, FRAME)
    numbers = np.repeat(np.arange(1, len(agent) // FRAME + 1), FRAME)
    stereo = np.stack([numbers, np.clip(agent, -32768, 32767)], axis=1).astype(np.int16)
    suspense = Suspense(dead_seconds, music_seconds)
    out = []
    for at in range(0, len(stereo), chunk * FRAME):
        out += suspense.take(100 + at / RATE, stereo[at : at + chunk * FRAME].copy(), there[at // FRAME : at // FRAME + chunk])
    out += suspense.flush()
    intervals: list[tuple[float, float]] = []
    last = 0
    for began, block in out:
        for n, frame in enumerate(block.reshape(-1, FRAME, 2)):
            number = int(frame[0, 0])
            assert number > last and np.all(frame[:, 0] == number)
            assert abs(began + n * 0.02 - 100 - (number - 1) * 0.02) < 1e-6
            if intervals and number == last + 1:
                intervals[-1] = (intervals[-1][0], number * 0.02)
            else:
                intervals.append(((number - 1) * 0.02, number * 0.02))
            last = number
    return intervals, suspense


@pytest.mark.parametrize("value", [0, 8, -8])
def test_dead_silence_is_forgotten_from_its_begin(value: int) -> None:
    found, suspense = kept(np.concatenate([speech(5), dead(15, value), speech(5, 1)]))
    assert found == [pytest.approx((0, 5), abs=0.021), pytest.approx((20, 25), abs=0.021)]
    (hold,) = suspense.holds
    assert (hold.since, hold.until, hold.music) == (pytest.approx(105, abs=0.021), pytest.approx(120, abs=0.021), False)


def test_a_short_silence_is_kept_whole() -> None:
    agent = np.concatenate([speech(5), dead(9.9), speech(5, 1), dead(4)])
    found, suspense = kept(agent)
    assert found == [(0, pytest.approx(len(agent) // FRAME * 0.02))] and suspense.holds == []


def test_music_is_forgotten_from_its_begin_and_conversation_comes_back() -> None:
    for sound in (tone(15, 440), music(15, 3)):
        found, suspense = kept(np.concatenate([speech(5), dead(0.3), sound, dead(0.1), speech(8, 1)]))
        (hold,) = suspense.holds
        assert hold.music and 104.0 < hold.since <= 105.3 + 0.05
        assert 120.3 <= hold.until < 122.5
        assert all(end <= 5.4 or begin >= 20.3 for begin, end in found), found


@pytest.mark.parametrize(
    "agent",
    [
        speech(30, 1),
        speech(30, 2, 9000),
        noise(30, 20),  # comfort noise, a quiet room
        noise(30, 150),  # a ventilator
        np.concatenate([noise(20, 60), speech(5), noise(12, 60)]),  # he listens to a long story
        noise(30, 2500),  # a very bad line
        np.concatenate([tone(0.2, f) if n % 2 else noise(0.1, 30) for n, f in enumerate([697, 770, 852, 941] * 40)]),  # dialling
        np.concatenate([dead(9), speech(1)] * 3),
        np.concatenate([tone(6.0, 440), speech(4)] * 3),
    ],
    ids=["speech", "loud speech", "comfort noise", "ventilator", "listening", "bad line", "digits", "mute now and then", "short music"],
)
def test_what_is_no_hold_is_kept_whole(agent: np.ndarray) -> None:
    found, suspense = kept(agent)
    assert suspense.holds == []
    assert found == [(0, pytest.approx(len(agent) // FRAME * 0.02))]


def test_a_network_that_loses_packets_is_no_pause_in_music() -> None:
    """One in ten, as it comes, and three tenths of a second at once: the music began earlier, and is not over."""
    sound = tone(20, 440)
    agent = np.concatenate([speech(5), dead(0.3), sound, dead(0.1), speech(8, 1)])
    came = np.random.default_rng(3).random(len(agent) // FRAME) > 0.1
    came[18 * 50 : 18 * 50 + 15] = False
    found, suspense = kept(agent, came=came)
    assert [hold.music for hold in suspense.holds] == [True]
    assert all(end <= 5.4 or begin >= 25.3 for begin, end in found), found


def test_zeros_for_what_was_lost_are_not_the_end_of_music() -> None:
    """A snoop hears them so, and cannot tell. They are no conversation either."""
    gaps = np.concatenate([tone(10, 440), *[dead(0.08), tone(0.17, 440)] * 20])
    found, suspense = kept(np.concatenate([speech(5), dead(0.3), gaps, speech(8, 1)]))
    assert [hold.music for hold in suspense.holds] == [True]
    assert all(end <= 5.4 or begin >= 20.3 for begin, end in found), found


def test_who_is_dead_silent_between_words_ends_music_by_speaking() -> None:
    """Though each word of his is a tone: nothing else is between them."""
    words = np.concatenate([tone(0.34, 500), dead(0.16)] * 12)
    found, suspense = kept(np.concatenate([speech(5), dead(0.3), tone(15, 440), dead(0.3), words]))
    assert [hold.music for hold in suspense.holds] == [True]
    assert found[-1] == (pytest.approx(20.6, abs=1.8), pytest.approx(26.6, abs=0.021))


def test_who_sends_nothing_at_all_is_not_held_back_for_ever() -> None:
    """With holds of dead silence switched off."""
    agent = np.concatenate([speech(5), dead(30)])
    found, suspense = kept(agent, dead_seconds=0, came=np.arange(35 * 50) < 250)
    assert found == [(0, 35)] and suspense.holds == []
    held, most = Suspense(0, 8), 0
    for at in range(300):
        held.take(at * 0.1, np.zeros((5 * FRAME, 2), np.int16), np.zeros(5, bool))
        most = max(most, len(held._held))
    assert most < 200


def test_little_is_held_back_of_a_conversation() -> None:
    suspense = Suspense(10, 8)
    held = 0.0
    agent = np.clip(speech(30, 4), -32768, 32767).astype(np.int16)
    for at in range(0, len(agent), 5 * FRAME):
        block = np.stack([agent[at : at + 5 * FRAME]] * 2, axis=1)
        suspense.take(at / RATE, block)
        held = max(held, len(suspense._held) * 0.02)
    assert held < 3


def test_another_stretch_ends_what_was_undecided_and_wipe_forgets() -> None:
    suspense = Suspense(10, 8)
    block = np.zeros((50 * FRAME, 2), np.int16)
    assert suspense.take(0.0, block.copy()) == []
    ((began, released), *_rest) = suspense.take(5.0, block.copy())
    assert began == 0.0 and len(released) == len(block)
    suspense.wipe()
    assert suspense.flush() == []


def test_switched_off_nothing_waits() -> None:
    found, suspense = kept(dead(30), 0, 0)
    assert found == [(0, 30)] and not suspense.on


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["speech", "dead", "noise"]), st.floats(0.1, 25)), min_size=1, max_size=4), st.integers(1, 60))
def test_random_calls(parts: list[tuple[str, float]], chunk: int) -> None:
    """A dead stretch is kept wholly or not at all, as its length says; everything else is kept."""
    sounds, told, at = [], [], 0
    for kind, seconds in parts:
        frames = max(1, round(seconds / 0.02))
        if told and told[-1][0] == kind == "dead":
            told[-1] = (kind, told[-1][1], at + frames)
        else:
            told.append((kind, at, at + frames))
        at += frames
        sounds.append({"speech": speech(frames * 0.02), "dead": dead(frames * 0.02), "noise": noise(frames * 0.02, 100)}[kind])
    found, _ = kept(np.concatenate(sounds), chunk=chunk)
    there = np.zeros(at, bool)
    for begin, end in found:
        there[round(begin / 0.02) : round(end / 0.02)] = True
    for kind, begin, end in told:
        wanted = not (kind == "dead" and end - begin >= 500)
        assert np.all(there[begin:end] == wanted), (kind, begin, end)
