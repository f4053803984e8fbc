#!/usr/bin/env python3
"""Make dialplan/sounds/: each <lang>/<name>.txt spoken by espeak-ng into <name>.wav beside it, and the confirmation tones.

    python tools/make_sounds.py [NAME ...]      all, or only the texts of that name (needs espeak-ng and sox)

The texts are the source. Record a human voice over the .wav files if you have one: 8 kHz, 16 bit, mono, under 15 s.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

SOUNDS = Path(__file__).resolve().parents[1] / "dialplan" / "sounds"
RATE = 8000
LONGEST = 15.0  # seconds: who calls wants to talk
VOICES = {"nl": ("nl", 180), "en": ("en-gb", 175), "de": ("de", 188)}  # espeak-ng voice, words a minute

# What an agent hears after a key, each part (Hz from, Hz to, ms); 0 Hz is silence. At most 250 ms: it lies over the talk.
TONES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "keep": ((700, 1200, 200),),
    "pause": ((500, 500, 180),),
    "resume": ((500, 500, 80), (0, 0, 30), (800, 800, 120)),
    "off": ((800, 800, 80), (0, 0, 30), (400, 400, 140)),
    "from": ((600, 600, 70), (0, 0, 30), (900, 900, 70)),
    "to": ((900, 900, 70), (0, 0, 30), (600, 600, 70)),
    "object": ((1200, 700, 200),),
    "refused": ((330, 330, 90), (0, 0, 60), (330, 330, 90)),
}


def speak(text: Path, voice: str, speed: int) -> float:
    """Writes the .wav beside `text`; returns its length in seconds."""
    target = text.with_suffix(".wav")
    with tempfile.NamedTemporaryFile(suffix=".wav") as raw:
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-f", str(text), "-w", raw.name], check=True)
        # -D: no dither, the same text gives the same bytes; -6 dBFS peak and a band that a telephone carries.
        trim = ["silence", "1", "0.02", "0.5%", "reverse"]  # from either end: espeak-ng leaves long pauses
        shape = ["gain", "-6", "highpass", "200", "rate", "-v", str(RATE), "norm", "-6", "pad", "0.15", "0.15"]
        subprocess.run(["sox", "-D", raw.name, "-b", "16", "-c", "1", str(target), *trim, *trim, *shape], check=True)
    with wave.open(str(target)) as file:
        return float(file.getnframes() / file.getframerate())


def sound(parts: tuple[tuple[int, int, int], ...]) -> bytes:
    pieces = []
    for begin, end, ms in parts:
        count = RATE * ms // 1000
        phase = 2 * np.pi * np.cumsum(np.linspace(begin, end, count)) / RATE
        edge = np.clip(np.minimum(np.arange(count), np.arange(count)[::-1]) / (0.008 * RATE), 0, 1)  # 8 ms: no click
        pieces.append(6000 * edge * np.sin(phase))
    return np.concatenate(pieces).astype("<i2").tobytes()


def main(names: list[str]) -> int:
    too_long = 0
    for language, (voice, speed) in VOICES.items():
        for text in sorted((SOUNDS / language).glob("*.txt")):
            if names and text.stem not in names:
                continue
            seconds = speak(text, voice, speed)
            too_long += seconds >= LONGEST
            sys.stdout.write(f"{language}/{text.stem}.wav {seconds:.1f} s{' TOO LONG' if seconds >= LONGEST else ''}\n")
    for name, parts in TONES.items():
        with wave.open(str(SOUNDS / "tones" / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(sound(parts))
    return 1 if too_long else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
