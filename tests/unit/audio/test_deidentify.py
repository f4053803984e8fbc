"""What is left of a voice: measured on a synthetic speaker whose pitch, melody and resonances are known."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from asterisk_privacy.audio import deidentify
from asterisk_privacy.audio.deidentify import How, deidentified, masked

RATE = 8000
Mono = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]


def speaker(seconds: float, pitch: float = 120.0, formants: tuple[float, ...] = (700.0, 1200.0, 2600.0)) -> Mono:
    """Pulses of the vocal cords with a melody, through the resonances of a throat, in three syllables a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    phase = np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 2.3 * t))) / RATE
    pulses = (np.diff(np.floor(phase), prepend=0) > 0).astype(np.float64)
    spectrum = np.fft.rfft(pulses)
    frequency = np.fft.rfftfreq(len(pulses), 1 / RATE)
    spectrum *= sum(1 / (1 + ((frequency - f) / 60) ** 2) for f in formants)
    voiced = np.fft.irfft(spectrum, len(pulses)) * np.clip(np.sin(2 * np.pi * 1.5 * t), 0, None)
    return np.asarray(voiced / np.abs(voiced).max() * 12_000).astype(np.int16)


VOICE = speaker(4)


def whisper(seed: int, voice: Mono = VOICE) -> Floats:
    return masked(voice, RATE, np.random.default_rng(seed)).astype(np.float64)


def melody(samples: Floats) -> float:
    """How strongly the loud parts repeat with some pitch from 70 to 160 Hz: 1 for a tone."""
    found = []
    for start in range(0, len(samples) - 512, 256):
        part = samples[start : start + 512]
        if np.abs(part).max() > 2000:
            around = np.correlate(part, part, "full")[511:] / np.arange(512, 0, -1)
            found.append(around[50:115].max() / around[0])
    return float(np.median(found))


def likeness(one: Floats, other: Floats) -> float:
    """The highest correlation at any delay."""
    size = 2 ** (len(one) + len(other)).bit_length()
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    return float(np.abs(product).max() / max(1e-9, float(np.linalg.norm(one) * np.linalg.norm(other))))


def resonance(samples: Floats) -> float:
    """Where the lower resonances lie, in Hz: the mean frequency of the power below 2 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / RATE)
    low = (frequency > 200) & (frequency < 2000)
    return float((power[low] * frequency[low]).sum() / power[low].sum())


def loudness(samples: Floats) -> Floats:
    """Of each 50 ms."""
    blocks = samples[: len(samples) // 400 * 400].reshape(-1, 400)
    return np.asarray(np.sqrt((blocks**2).mean(axis=1)), np.float64)


def test_removed_is_silence_and_the_agent_stays_as_he_was() -> None:
    both = np.stack([VOICE, VOICE[::-1]], axis=1)
    left = deidentified(both, RATE, How.CUSTOMER_REMOVED, np.random.default_rng(1))
    assert not left[:, 0].any() and np.array_equal(left[:, 1], both[:, 1]) and left.dtype == np.int16


def test_masked_has_no_melody_and_the_agent_stays_as_he_was() -> None:
    both = np.stack([VOICE, VOICE[::-1]], axis=1)
    left = deidentified(both, RATE, How.VOICE_MASKED, np.random.default_rng(1))
    assert np.array_equal(left[:, 1], both[:, 1]) and left.shape == both.shape
    assert melody(VOICE.astype(np.float64)) > 0.5 and melody(left[:, 0].astype(np.float64)) < 0.3


def shifted(voice: Floats, measure: float) -> Floats:
    """Read faster or slower, as a tape."""
    return np.interp(np.arange(0, len(voice) - 1, measure), np.arange(len(voice)), voice)


def brought_back(voice: Floats, hidden: Floats) -> float:
    """Whoever guesses the measure of a shift gets the voice back: the best likeness of short loud pieces, over all measures."""
    pieces = [s for s in range(0, len(voice) // 2, 400) if np.abs(voice[s : s + 480]).max() > 5000]
    best = 0.0
    for measure in np.arange(0.75, 1.34, 0.01):
        tried = shifted(hidden, measure)
        best = max(best, float(np.median([likeness(voice[s : s + 480], tried[max(0, s - 400) : s + 880]) for s in pieces])))
    return best


@pytest.mark.parametrize("seed", range(2))
def test_the_voice_cannot_be_shifted_back(seed: int) -> None:
    voice = VOICE.astype(np.float64)
    assert brought_back(voice, shifted(voice, 1.15)) > 0.45  # what the usual voice changer does
    assert brought_back(voice, whisper(seed)) < 0.25


def test_the_resonances_are_another_throats_each_time() -> None:
    true = resonance(VOICE.astype(np.float64))
    found = [resonance(whisper(seed)) for seed in range(8)]
    assert all(abs(np.log(f / true)) > 0.03 for f in found), (true, found)
    assert any(f > true for f in found) and any(f < true for f in found)
    assert all(likeness(whisper(a), whisper(b)) < 0.15 for a, b in itertools.combinations(range(4), 2))


def test_words_and_tempo_stay_and_silence_is_silence() -> None:
    hidden = whisper(1)
    assert np.corrcoef(loudness(VOICE.astype(np.float64)), loudness(hidden))[0, 1] > 0.9
    assert 0.5 < np.linalg.norm(hidden) / np.linalg.norm(VOICE.astype(np.float64)) < 1.5
    assert not masked(np.zeros(5000, np.int16), RATE, np.random.default_rng(1)).any()


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 255, 256, 257, 8001])
def test_the_length_stays(length: int) -> None:
    assert len(masked(VOICE[:length], RATE, np.random.default_rng(1))) == length


def test_block_by_block_is_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loudness at least: the noise is drawn in another order. No gap and no click where blocks meet: loudness by the place in a block."""
    block = 8 * 64  # samples
    monkeypatch.setattr(deidentify, "AT_ONCE", 8)
    tone = (8000 * np.sin(2 * np.pi * 1000 * np.arange(80 * block) / RATE)).astype(np.int16)
    by_place = (whisper(3, tone) ** 2).reshape(-1, 16, block // 16)[2:-2].mean(axis=(0, 2))
    assert by_place.min() > 0.6 * by_place.max()
