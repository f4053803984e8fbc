"""Each thing that can be done with a recording, and the doors by which it is asked: the page's forms, the terminal, the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """`agent`: who alone spoke in it. `folder`: holds identity.txt, and takes what is exported."""

    recording: str
    agent: str
    purpose: str
    until: str  # of a lesson, YYYY-MM-DD
    folder: Path

    @property
    def copy(self) -> tuple[str, ...]:
        return ("--identity", str(self.folder / "identity.txt"), "--output", str(self.folder / f"{self.recording}.flac"))


CHECK = ("--reason", "a letter", "--identity-check", "called back")
WHY = ("--reason", "a trial")


def commands(asked: Asked) -> Mapping[str, Sequence[str]]:
    """By act. Root without an account says why in each that changes or opens something."""
    one = asked.recording
    return {
        "know": ("recordings", "show", one),
        "export": ("recordings", "export", one, *asked.copy, "--purpose", asked.purpose, *WHY),
        "play": ("review", "play", one, *asked.copy[:2], "--purpose", asked.purpose, *WHY, "--outcome", ""),
        "reviewed": ("recordings", "reviewed", one, "--outcome", "good", *WHY),
        "lesson": ("recordings", "lesson", one, "--until", asked.until, *WHY),
        "date": ("recordings", "date", one, "--until", asked.until, *WHY),
        "case": ("case", "link", "2026-17", one, *WHY),
        "objection": ("subject", "object", "--recording", one, "--purpose", asked.purpose, *CHECK, "--json"),
        "copy": ("subject", "export", "--agent", asked.agent, *asked.copy[:3], str(asked.folder / f"{one}.zip"), *WHY),
        "erase": ("subject", "erase", "--recording", one, *CHECK, "--json"),
        "restrict": ("subject", "restrict", "--recording", one, *CHECK, "--json"),
        "hold": ("hold", "place", one, "--listeners", "kim", *WHY),
    }


FORMS: Mapping[str, Mapping[str, str]] = {
    "listen": {"reason": "a trial"},
    "reviewed": {"outcome": "good"},
    "lesson": {"reason": "a trial"},
    "case": {"reference": "2026-17"},
    "objection": {"reason": "a trial"},
}
"""What a form of a recording's page is filled in with, besides purpose and date."""
