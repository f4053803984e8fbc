"""The shipped sounds: what every telephone can play, short, and each with its text beside it."""

from __future__ import annotations

import wave

import pytest

from asterisk_privacy.lab.pbx import DIALPLAN

SOUNDS = DIALPLAN / "sounds"
NAMES = {"notice-optout", "notice-optin", "notice-plain", "notice-proof", "refused", "agreed"}


@pytest.mark.parametrize("language", ["nl", "en", "de"])
def test_speech(language: str) -> None:
    found = {path.stem for path in (SOUNDS / language).glob("*.wav")}
    assert found == NAMES
    for name in NAMES:
        with wave.open(str(SOUNDS / language / f"{name}.wav")) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
            assert 1 < file.getnframes() / 8000 < 15
        text = (SOUNDS / language / f"{name}.txt").read_text()
        assert ("3" in text) == (name == "notice-optout"), "the refuse key is said where there is one"
        assert ("1" in text) == (name == "notice-optin")
        if name.startswith("notice"):
            assert "website" in text.lower()


def test_tones() -> None:
    assert {path.stem for path in (SOUNDS / "tones").glob("*.wav")} == {
        "keep", "pause", "resume", "off", "from", "to", "object", "refused",
    }  # fmt: skip
    for path in (SOUNDS / "tones").glob("*.wav"):
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
            assert file.getnframes() <= 0.25 * 8000
