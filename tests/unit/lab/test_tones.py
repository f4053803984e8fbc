"""The oracle itself: it must tell tones apart after G.711 and FLAC, or every other test with sound means nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from asterisk_privacy.audio import alaw, ulaw
from asterisk_privacy.audio.ulaw import Pcm
from asterisk_privacy.lab import tones


def through_flac(samples: Pcm) -> Pcm:
    file = io.BytesIO()
    soundfile.write(file, samples, tones.RATE, format="FLAC", subtype="PCM_16")
    file.seek(0)
    back: Pcm = soundfile.read(file, dtype="int16")[0]
    return back


def call_of(*parts: tuple[float, float]) -> Pcm:
    """(frequency, seconds) one after the other in one voice; 0 is silence."""
    voice = tones.Voice(0)
    frames: list[Pcm] = []
    for freq, seconds in parts:
        voice.freq = freq
        frames += [voice.frame() if freq else np.zeros(tones.FRAME, np.int16) for _ in range(round(seconds * 50))]
    return np.concatenate(frames)


@pytest.mark.parametrize("freq", [*tones.VOICES.values(), 3300.0])
@pytest.mark.parametrize("loud", [-6.0, -12.0, -30.0])
def test_level_is_what_was_put_in(freq: float, loud: float) -> None:
    samples = ulaw.decode(ulaw.encode(tones.tone(freq, 0.5, loud)))
    assert tones.level(samples, freq) == pytest.approx(loud, abs=0.3)
    assert tones.loudness(samples) == pytest.approx(loud, abs=0.3)
    others = [f for f in (*tones.VOICES.values(), 3300.0) if f != freq]
    assert max(tones.level(samples, other) for other in others) < loud - 30


@pytest.mark.parametrize("name", tones.VOICES)
def test_each_voice_is_told_from_all_others(name: str) -> None:
    samples = alaw.decode(alaw.encode(through_flac(tones.tone(tones.VOICES[name], 1.0))))
    assert set(tones.present(samples, tones.VOICES)) == {name}
    assert set(tones.present(samples[37:], tones.VOICES, window=0.04)) == {name}


def test_a_call_in_words() -> None:
    samples = ulaw.decode(ulaw.encode(call_of((700, 1.5), (0, 0.02), (900, 0.3), (700, 1.0))))
    told = tones.spans(samples, tones.VOICES)
    assert ", ".join(map(str, told)) == "customer 1.50 s, silence 0.02 s, customer-held 0.30 s, customer 1.00 s"
    assert told[2].start == pytest.approx(1.52)
    assert tones.seconds_of(samples, tones.VOICES)["customer"] == pytest.approx(2.5)


def test_one_foreign_frame_is_seen_at_any_offset() -> None:
    """Promise 1 is about single frames."""
    samples = call_of((700, 0.2), (900, 0.02), (700, 0.2))
    for offset in range(0, 160, 8):
        assert "customer-held" in tones.present(samples[offset:], tones.VOICES) or offset in range(72, 89)
        windows = tones.levels(samples[offset:], [tones.CUSTOMER_HELD])
        assert windows.max() > -19


def test_noise_and_near_silence() -> None:
    noise = np.random.default_rng(1).integers(-3000, 3000, 16000).astype(np.int16)
    assert tones.OTHER in set(tones.present(noise, tones.VOICES))
    assert set(tones.present(noise, tones.VOICES)) == {tones.OTHER}
    assert set(tones.present((noise // 300).astype(np.int16), tones.VOICES)) == {tones.SILENCE}


def test_voice_has_no_click_when_it_changes() -> None:
    samples = call_of((700, 0.1), (1100, 0.1), (440, 0.1)).astype(int)
    steepest = 2 * np.pi * 1100 / tones.RATE * 32767 * 10 ** (-12 / 20)
    assert np.abs(np.diff(samples)).max() <= steepest + 1


def test_nothing_in_nothing_out() -> None:
    empty = np.zeros(0, np.int16)
    assert tones.spans(empty, tones.VOICES) == []
    assert tones.level(empty, 700.0) == tones.loudness(empty) == -120.0
