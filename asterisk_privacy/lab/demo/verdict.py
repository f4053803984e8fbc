"""Decrypts a kept call with the reviewer's key and measures which tones are inside."""

from __future__ import annotations

from dataclasses import dataclass

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.call.timeline import passages
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.demo.play import Played
from asterisk_privacy.lab.demo.script import Expected

SLACK_SECONDS = 0.15
"""Of conversation that may be missing at each edge."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Seconds of conversation heard per leg, and of each forbidden sound (either leg)."""

    talk_seconds: float
    customer: float
    agent: float
    forbidden: dict[str, float]
    loudest_forbidden_db: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken` names each promise that this call broke; empty is good."""

    heard: Heard | None
    broken: tuple[str, ...]


def measure(audio: Block, talk_seconds: float) -> Heard:
    """`audio`: int16, shape (n, 2)."""
    expected = Expected()
    known = {**expected.customer, **expected.forbidden}
    left = tones.seconds_of(audio[:, 0], known)
    right = tones.seconds_of(audio[:, 1], {**expected.agent, **expected.forbidden})
    forbidden = {name: left.get(name, 0.0) + right.get(name, 0.0) for name in expected.forbidden}
    loudest = max(tones.level(audio[:, leg], freq) for leg in (0, 1) for freq in expected.forbidden.values())
    return Heard(talk_seconds, left.get("conversation", 0.0), right.get("conversation", 0.0), forbidden, loudest)


def judge(played: Played, audio: Block | None, stray_files: int) -> Verdict:
    """Holds one call against its script. `audio`: of all its parts, one after the other, or None if it was not kept; `stray_files`: files
    that belong to no recording."""
    broken: list[str] = []
    script = played.script
    if str(played.call.outcome) != script.outcome:
        broken.append(f"outcome is {played.call.outcome}, expected {script.outcome}")
    if bool(played.recordings) != script.kept:
        broken.append("a recording exists" if played.recordings else "no recording exists")
    if played.memory:
        broken.append(f"{played.memory} bytes are still in memory")
    if stray_files:
        broken.append(f"{stray_files} files belong to no recording")
    if audio is None:
        return Verdict(None, tuple(broken))
    purposes = tuple(dict.fromkeys(p.name for row in played.recordings for p in row.purposes))
    if purposes != script.purposes:
        broken.append(f"kept for {purposes}, expected {script.purposes}")
    stretches = passages(played.call.spans)
    talk = sum(p.audio_to_ms - p.audio_from_ms for p in stretches) / 1000
    heard = measure(audio, talk)
    for name, seconds in heard.forbidden.items():
        if seconds > 0:
            broken.append(f"{name} is heard for {seconds:.2f} s")
    slack = SLACK_SECONDS * 2 * len(stretches)
    if heard.customer < talk - slack:
        broken.append(f"of {talk:.2f} s of conversation only {heard.customer:.2f} s of the customer are heard")
    if heard.agent < talk - slack - _keys(played):
        broken.append(f"of {talk:.2f} s of conversation only {heard.agent:.2f} s of the agent are heard")
    if abs(len(audio) / tones.RATE - talk) > 0.001:
        broken.append(f"the timeline has {talk:.2f} s of conversation, the file {len(audio) / tones.RATE:.2f} s")
    return Verdict(heard, tuple(broken))


def _keys(played: Played) -> float:
    """Seconds that pressing keys may take out of an agent's speech."""
    return 0.5 * sum(1 for mark in played.call.marks if mark.kind.value == "keep")
