"""What was kept of one call against what really happened in it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from measuring import Stretch, leaks, lost, tone_seconds
from stage import BASE, CODES, CUSTOMER, PRIVATE_HZ, Person, Scene, Talk

from asterisk_privacy.call.timeline import Span, SpanKind, passages
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.leg import Leg

if TYPE_CHECKING:
    from asterisk_privacy.audio.quarantine import Block
    from asterisk_privacy.audio.ulaw import Pcm
    from asterisk_privacy.lab.timecode import TimeCode
    from asterisk_privacy.registry.rows import CallRow

EDGE_SECONDS = 0.15
TIMELINE_SECONDS = 0.1
HOLE_SECONDS = 0.1
BRIEF_SECONDS = 0.25
"""Conversations shorter than this may be missing whole."""
LEFT_OVER_SECONDS = 0.15
"""In the ear of somebody after a hold began: what was on its way."""
FOREIGN_HZ = {"music": tones.MUSIC, "prompt": tones.ANNOUNCEMENT, **{f"{name} in private": hz for name, hz in PRIVATE_HZ.items()}}


@dataclass(slots=True)
class Result:
    kept_seconds: float = 0.0
    private: list[str] = field(default_factory=list)
    """What was kept that never may be."""
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """Bounds of time that were not met: a loaded machine can be the reason."""
    before: float = 0.0
    after: float = 0.0
    hole: float = 0.0
    stood: float = 0.0
    """Longest time for which a phone of these tests sent nothing for want of the processor."""
    agent_heard: float = 0.0
    """Seconds of the waiting customer's private voice in an agent's ear."""
    customer_heard: float = 0.0

    @property
    def verdict(self) -> str:
        return "PRIVATE KEPT" if self.private else "wrong" if self.wrong else "late" if self.late else "ok"


@dataclass(frozen=True, slots=True)
class Bounds:
    recordings: int = 1
    outcome: str = "kept"
    hole: float = HOLE_SECONDS
    """Longest silence in the recording within a conversation..."""
    hole_of: tuple[str, ...] = ()
    """... of these (of all, if nobody is named)."""
    edge: float = EDGE_SECONDS
    timeline: float = TIMELINE_SECONDS
    aligned: float | None = None
    """Seconds by which the two columns may be apart at the end."""
    agent_hears: float = LEFT_OVER_SECONDS
    """Seconds of the waiting customer that an agent may hear."""
    mixed: bool = False
    """Several agents are in it, who speak one after the other."""


def judge(scene: Scene, call: CallRow | None, audio: Sequence[Block], bounds: Bounds) -> Result:
    found = Result(wrong=list(scene.faults))
    if call is None:
        found.wrong.append("no call in the registry")
        return found
    if len(audio) != bounds.recordings:
        found.wrong.append(f"{len(audio)} recordings instead of {bounds.recordings}")
    if call.outcome != bounds.outcome:
        found.wrong.append(f"the outcome is {call.outcome}, not {bounds.outcome}")
    if audio:
        whole = np.concatenate(audio)
        found.kept_seconds = len(whole) / tones.RATE
        length = sum(p.audio_to_ms - p.audio_from_ms for p in passages(call.spans)) / 1000
        if abs(length - found.kept_seconds) > 0.001:
            found.wrong.append(f"{found.kept_seconds:.2f} s kept, the timeline tells of {length:.2f} s")
        _frames(found, scene, whole, bounds)
        _foreign(found, whole, bounds)
        if bounds.aligned is not None:
            _alignment(found, scene, whole, bounds.aligned)
        _timeline(found, scene, call, bounds.timeline)
    _ears(found, scene)
    if found.agent_heard > bounds.agent_hears:
        found.wrong.append(f"the agent heard the waiting customer for {found.agent_heard:.2f} s")
    return found


def _frames(found: Result, scene: Scene, audio: Block, bounds: Bounds) -> None:
    for person in scene.people.values():
        own, other = (0, 1) if person.who == CUSTOMER else (1, 0)
        heard = CODES[person.who].heard(audio[:, own])
        if crossed := CODES[person.who].heard(audio[:, other]):
            found.wrong.append(f"{len(crossed)} frames of {person.who} in the wrong column")
        for leg in person.legs:
            base = person.mouths[leg.number].base
            mine = {n - base for n in heard if base <= n < base + BASE or len(person.legs) == 1}
            talks = [t for t in scene.talks if leg in t.legs]
            for frame in leaks(leg.media.sent, mine, [_stretch(t) for t in talks]):
                found.private.append(f"{person.who}'s frame {frame.n} ({frame.what}), {_when(scene, frame.at)}")
            for talk in talks:
                if (person.who == CUSTOMER or not bounds.mixed) and min(talk.ends, leg.ended_at or inf) - talk.begun > BRIEF_SECONDS:
                    _loss(found, scene, person, leg, mine, talk, bounds)


def _stretch(talk: Talk) -> Stretch:
    return Stretch(talk.begins, talk.begun, talk.ends, talk.ended)


def _loss(found: Result, scene: Scene, person: Person, leg: Leg, heard: set[int], talk: Talk, bounds: Bounds) -> None:
    missing = lost(leg.media.sent, heard, _stretch(talk))
    found.after = max(found.after, missing.begin)
    found.before = max(found.before, missing.end)
    found.hole = max(found.hole, missing.hole)
    where = f"of {person.who}'s conversation {scene.talks.index(talk) + 1}"
    # where a source restarts at an edge, its own leg may need the cure first
    hole = bounds.hole if not bounds.hole_of or person.who in bounds.hole_of else HOLE_SECONDS
    edge = max(bounds.edge, hole if hole > HOLE_SECONDS else 0.0)
    # a phone that stood still sends a burst; what Asterisk's hook has not handed out at the end is not kept
    stood = max(leg.media.late(talk.begins, talk.ended), 0.0)
    found.stood = max(found.stood, stood)
    limits = (("begin", missing.begin, edge), ("end", missing.end, bounds.edge + stood), ("middle", missing.hole, hole + stood))
    for what, seconds, limit in limits:
        if seconds > limit:
            found.late.append(f"{1000 * seconds:.0f} ms missing at the {what} {where}")


def _when(scene: Scene, at: float) -> str:
    edges = [(abs(at - edge), f"{1000 * (at - edge):+.0f} ms from the {what} of conversation {index + 1}")
             for index, t in enumerate(scene.talks) for what, edge in (("begin", t.begins), ("end", t.ended)) if edge < inf]  # fmt: skip
    return min(edges)[1] if edges else "no conversation at all"


def _foreign(found: Result, audio: Block, bounds: Bounds) -> None:
    """Pure tones that nobody speaks in conversation, and anything else that is nobody's code."""
    for column, side in ((0, "left"), (1, "right")):
        for name, hz in FOREIGN_HZ.items():
            if seconds := tone_seconds(audio[:, column], hz):
                found.private.append(f"{seconds:.2f} s of {name} on the {side}")
        codes = [CODES[CUSTOMER]] if column == 0 else [code for name, code in CODES.items() if name != CUSTOMER]
        strange = _unexplained(audio[:, column], codes)
        if strange > 0.3 and not bounds.mixed:
            found.wrong.append(f"{strange:.2f} s on the {side} that are nobody's code")


def _unexplained(samples: Pcm, codes: Sequence[TimeCode]) -> float:
    known = np.zeros(len(samples), bool)
    for code in codes:
        for piece in code.fragments(samples):
            known[max(0, piece.start - tones.FRAME) : piece.end + tones.FRAME] = True
    loud = np.abs(samples.astype(np.int32)) > 400
    frames = len(samples) // tones.FRAME
    cut = (loud & ~known)[: frames * tones.FRAME].reshape(frames, tones.FRAME)
    return float(np.count_nonzero(cut.mean(axis=1) > 0.3) * 0.02)


def _alignment(found: Result, scene: Scene, audio: Block, limit: float) -> None:
    """At the end: sent at the same moment, at the same place in both columns."""
    offsets = []
    for person, column in ((scene.cora, 0), (scene.anna, 1)):
        sent = {frame.n: frame.at for frame in person.leg.media.sent}
        pieces = [p for p in CODES[person.who].fragments(audio[:, column]) if p.start > len(audio) - 3 * tones.RATE and p.n in sent]
        offsets.append(float(np.median([sent[p.n] - (p.start + p.end) / 2 / tones.RATE for p in pieces])))
    apart = abs(offsets[0] - offsets[1])
    scene.notes["aligned"] = f"{1000 * apart:.0f} ms apart at the end"
    if not apart <= limit:
        found.late.append(f"the legs are {1000 * apart:.0f} ms apart at the end")


def _timeline(found: Result, scene: Scene, call: CallRow, limit: float) -> None:
    """Talk in the registry is talk as it was, within 100 ms; what lies between is called what it was."""
    zero = call.begun_at.timestamp() - (time.time() - time.monotonic())
    told = [(zero + begin, zero + end) for begin, end in _joined(call.spans)]
    for begin, end in told:
        if not any(t.begins - 0.01 <= begin and end <= t.ended + 0.02 for t in _runs(scene.talks)):
            found.late.append(f"the timeline tells of talk from {begin - zero:.2f} to {end - zero:.2f} s that was not all talk")
    for number, talk in enumerate(_runs(scene.talks)):
        if talk.ends - talk.begun < BRIEF_SECONDS:
            continue
        nearest = min(told, key=lambda span: abs(span[0] - talk.begun), default=(inf, inf))
        late, early = nearest[0] - talk.begun, talk.ends - nearest[1]
        if late > limit or early > limit:
            found.late.append(f"talk {number + 1} in the timeline begins {1000 * late:.0f} ms late and ends {1000 * early:.0f} ms early")
    for talk, following in zip(scene.talks, scene.talks[1:], strict=False):
        kind = _mostly(call.spans, 1000 * (talk.ended - zero), 1000 * (following.begins - zero))
        if talk.after is not None and not following.same and following.begins - talk.ended > 0.1 and kind is not talk.after:
            found.wrong.append(f"the timeline calls {kind} what was {talk.after}")


def _runs(talks: Sequence[Talk]) -> list[Stretch]:
    runs: list[Stretch] = []
    for talk in talks:
        if talk.same and runs:
            last = runs.pop()
            runs.append(Stretch(last.begins, last.begun, talk.ends, talk.ended))
        else:
            runs.append(_stretch(talk))
    return runs


def _joined(spans: Sequence[Span]) -> list[tuple[float, float]]:
    """Talk, looking over gaps of 0.1 s, in seconds."""
    joined: list[tuple[float, float]] = []
    for span in spans:
        if span.kind is SpanKind.TALK:
            begin = joined.pop()[0] if joined and span.start_ms / 1000 - joined[-1][1] <= 0.1 else span.start_ms / 1000
            joined.append((begin, span.end_ms / 1000))
    return joined


def _mostly(spans: Sequence[Span], begin_ms: float, end_ms: float) -> SpanKind | None:
    share: dict[SpanKind, float] = {}
    for span in spans:
        both = min(span.end_ms, end_ms) - max(span.start_ms, begin_ms)
        if both > 0:
            share[span.kind] = share.get(span.kind, 0.0) + both
    return max(share, key=lambda kind: share[kind], default=None)


def _ears(found: Result, scene: Scene) -> None:
    """Who heard whom while the customer waited after a conversation."""
    for talk, following in zip(scene.talks, [*scene.talks[1:], None], strict=True):
        if talk.ended == inf or talk.after is SpanKind.PAUSE or (following is not None and following.same):
            continue
        since, until = talk.ended + LEFT_OVER_SECONDS, following.begins if following is not None else inf
        for person in scene.people.values():
            for leg in person.legs:
                samples = leg.media.heard(since, until)
                if person.who == CUSTOMER:
                    found.customer_heard += sum(tone_seconds(samples, hz) for name, hz in PRIVATE_HZ.items() if name != CUSTOMER)
                elif leg in talk.legs:
                    found.agent_heard += tone_seconds(samples, PRIVATE_HZ[CUSTOMER])
