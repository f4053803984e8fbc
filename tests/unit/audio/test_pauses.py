"""Phones that are dead silent between words: learned from their own pauses, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from test_suspense import dead, kept, noise, speech, tone

from asterisk_privacy.audio.pauses import Pauses


def gated(seconds: float, seed: int = 0, hangover: float = 0.1) -> np.ndarray:
    """A phone with VAD or a noise gate: words of half a second, `hangover` of its room, then nothing for four tenths."""
    word = [tone(0.5, 300 + 40 * seed), noise(hangover, 20, seed), dead(0.4)]
    whole = np.concatenate(word * (1 + round(seconds)))
    return whole[: round(seconds * 8000)]


def test_once_it_is_known_an_agent_who_listens_costs_nothing() -> None:
    agent = np.concatenate([gated(4), dead(10.7), gated(2), dead(45), gated(2)])
    found, suspense = kept(agent)
    assert found == [(0, pytest.approx(len(agent) / 8000, abs=0.021))] and suspense.holds == [] and suspense.dead_between_words


def test_until_then_it_counts_as_a_hold() -> None:
    found, suspense = kept(np.concatenate([gated(1.9), dead(10.7), gated(2)]))
    assert len(suspense.holds) == 1 and len(found) == 2


@pytest.mark.parametrize("agent", [
    np.concatenate([speech(5, 1), *[dead(2.0), speech(3, 2)] * 5]),
    np.concatenate([*[tone(2.0, 400), noise(0.5, 20), tone(1.0, 300), dead(3)] * 5, tone(1.0, 400)]),
    np.concatenate([*[tone(0.5, 400), noise(0.4, 60), dead(0.3)] * 6, tone(0.5, 400)]),
    np.concatenate([tone(0.1, 400), dead(0.1)] * 60),
    np.concatenate([dead(3), tone(1.0, 400), dead(3), tone(1.0, 400), dead(3), tone(1.0, 400)]),
], ids=[
    "mutes in between", "mutes, with a room in some pauses", "a gate that closes late", "holes of a bad network", "not often enough",
])  # fmt: skip
def test_in_doubt_its_silence_is_a_hold(agent: np.ndarray) -> None:
    found, suspense = kept(np.concatenate([agent, dead(15), speech(2)]))
    assert not suspense.dead_between_words and len(suspense.holds) == 1
    assert found[-1][0] == pytest.approx(len(agent) / 8000 + 15, abs=0.3)


def test_a_room_that_is_heard_after_all_takes_it_back() -> None:
    found, suspense = kept(np.concatenate([gated(5), noise(3, 60), tone(0.5, 300), dead(15), gated(2)]))
    assert len(suspense.holds) == 1 and len(found) == 2


def test_what_never_came_teaches_nothing() -> None:
    """A network lost four tenths of a second between words, again and again. Then the phone holds by itself."""
    agent = np.concatenate([*[tone(0.5, 400), dead(0.4)] * 6, tone(0.5, 400), dead(15), speech(2)])
    came = np.ones(len(agent) // 160, bool)
    for hole in range(6):
        came[25 + 45 * hole : 45 + 45 * hole] = False
    found, suspense = kept(agent, came=came)
    assert not suspense.dead_between_words and len(suspense.holds) == 1
    assert found[-1][0] == pytest.approx(5.9 + 15, abs=0.3)


def test_a_phone_that_holds_may_send_nothing() -> None:
    found, suspense = kept(np.concatenate([speech(5), dead(15), speech(5, 1)]), came=np.abs(np.arange(1250) - 625) > 375)
    assert len(suspense.holds) == 1 and len(found) == 2


def test_who_listens_longer_than_anybody_does_holds() -> None:
    """From the silence's begin on."""
    found, suspense = kept(np.concatenate([gated(4), dead(70), gated(2)]))
    (hold,) = suspense.holds
    assert (hold.since, hold.until) == (pytest.approx(104, abs=0.5), pytest.approx(174, abs=0.021)) and len(found) == 2


def test_silences_of_seconds_are_no_pauses_between_words() -> None:
    agent = np.concatenate([*[tone(1.0, 400), dead(2.5)] * 5, tone(1.0, 400)])
    _, suspense = kept(np.concatenate([agent, dead(15), speech(2)]))
    assert not suspense.dead_between_words and len(suspense.holds) == 1


def test_music_stays_a_hold() -> None:
    _, suspense = kept(np.concatenate([gated(5), tone(15, 440), gated(2)]))
    assert [hold.music for hold in suspense.holds] == [True]


def test_another_phone_is_learned_anew() -> None:
    pauses = Pauses()
    for frame in [*[True] * 20, *[False] * 5] * 5:
        pauses.take(frame, word=not frame)
    assert pauses.dead
    pauses.forget()
    assert not pauses.dead
