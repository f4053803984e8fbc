"""Marks, lots and objections in random calls: nothing outside the marks is kept, and an agent cannot tell whether a call was drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from scenarios.story import Story, parse, play, stories
from scenarios.world import CALLER, World

from asterisk_privacy.audio.frames import FRAME_SAMPLES
from asterisk_privacy.audio.marked import Marked
from asterisk_privacy.audio.ring import Ring, RingMemory
from asterisk_privacy.call import commands as cmd
from asterisk_privacy.call import events as ev
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind, marked_only, marked_ranges, passages
from asterisk_privacy.policy.purpose import Basis, Period, Purpose, Quota, Trigger
from asterisk_privacy.policy.retention import Days

PROOF = Purpose("proof", "proof", Basis.CONTRACT, "-", Trigger.MARKED, Days(30))
COMPLAINT = Purpose("complaint", "complaint", Basis.CONTRACT, "-", Trigger.FLAG, Days(30))
SAMPLED = Purpose("training", "training", Basis.CONTRACT, "-", Trigger.SAMPLE, Days(30), one_in=20)
BY_QUOTA = Purpose("training", "training", Basis.CONTRACT, "-", Trigger.SAMPLE, Days(30), quota=Quota(4, Period.MONTH))
STORIES = [(path.stem, path.read_text()) for path in stories()]


def with_keys(text: str, seed: int, purposes: tuple[Purpose, ...]) -> Story:
    """A story's people, doing what they do, with these purposes and some keys thrown in."""
    story = parse(text)
    r = Random(seed)
    last = max(at for at, *_ in story.steps)
    extra = [parse(f"At {r.uniform(3.5, last):.3f} anna presses {r.choice(KEYS)}.").steps[0] for _ in range(r.randrange(2, 7))]
    return replace(story, purposes=list(purposes), drawn=frozenset(), steps=sorted([*story.steps, *extra], key=lambda s: s[0]))


KEYS = ("from here", "to here", "from here", "to here", "objection", "keep", "pause", "resume", "off the record")


def marks_of(world: World) -> list[tuple[float, float]]:
    """Between which keys something was marked, told from the answers that the agent heard."""
    assert world.finished is not None
    return [(a / 1000, b / 1000) for a, b in marked_ranges(world.finished.marks)]


@pytest.mark.parametrize(("name", "text"), STORIES, ids=[name for name, _ in STORIES])
def test_nothing_outside_the_marks_is_in_their_file(name: str, text: str) -> None:
    for seed in range(3):
        world = play(with_keys(text, seed, (PROOF, COMPLAINT)))
        ranges = marks_of(world)
        for frame in world.kept_frames(("sealed",), marked=True):
            assert any(a - 0.045 <= frame.begin and frame.end <= b + 1e-6 for a, b in ranges), (name, seed, frame, ranges)
        for file in world.files:
            if file.marked and file.state == "sealed":
                told = passages(marked_only(world.finished.spans, world.finished.marks))  # type: ignore[union-attr]
                slots = world.slots(file)
                assert len(slots) * 20 == told[-1].audio_to_ms, (name, seed)
                times = [p.span.start_ms + 20 * n for p in told for n in range((p.audio_to_ms - p.audio_from_ms) // 20)]
                off = [world.frames[n].begin * 1000 - at for at, slot in zip(times, slots, strict=True) for n in slot]
                assert all(-45 <= o <= 45 for o in off), (name, seed)
        assert not world.gate_faults and not world.memory.used


@pytest.mark.parametrize("sampled", [SAMPLED, BY_QUOTA], ids=["one in N", "quota"])
@pytest.mark.parametrize(("name", "text"), STORIES, ids=[name for name, _ in STORIES])
def test_a_drawn_call_answers_the_agent_as_any_other(name: str, text: str, sampled: Purpose) -> None:
    """The same tones at the same moments, whether the lot fell on the call or not."""
    for purposes in ((sampled,), (sampled, COMPLAINT), (sampled, PROOF)):
        story = with_keys(text, len(text), purposes)
        heard = [
            [(at, c) for at, c in play(replace(story, drawn=drawn)).log if isinstance(c, cmd.Play)]
            for drawn in (frozenset(), frozenset({"training"}))
        ]
        assert heard[0] == heard[1], (name, [p.name for p in purposes])


def test_the_drawn_calls_are_not_the_same_inside() -> None:
    """Else the test above would say nothing."""
    text = dict(STORIES)["keep_by_key"]
    kept = []
    for drawn in (frozenset[str](), frozenset({"training"})):
        story = replace(parse(text), purposes=[BY_QUOTA], drawn=drawn)
        kept.append(len(play(story).kept_frames()))
    assert kept[0] == 0 < kept[1]


@pytest.mark.parametrize("seed", range(40))
def test_the_timeline_of_the_marks_is_as_long_as_their_audio(seed: int) -> None:
    """The pure tale of the marks and the filter over the audio are two programs: they must agree, slot by slot."""
    r = Random(seed)
    at, spans = 0, []
    for _ in range(r.randrange(1, 6)):
        at += r.randrange(0, 400)
        length = r.randrange(1, 900)
        spans.append(Span(r.choice((SpanKind.TALK, SpanKind.TALK, SpanKind.HOLD, SpanKind.ERASED)), at, at + length))
        at += length
    presses = sorted(r.randrange(0, at + 50) for _ in range(r.randrange(1, 6)))
    marks = [Mark(MarkKind.TO if n % 2 else MarkKind.FROM, press) for n, press in enumerate(presses)]
    marked = Marked(Ring(60, RingMemory(1 << 24)))
    for mark in marks:
        (marked.to_here if mark.kind is MarkKind.TO else marked.from_here)(mark.at_ms / 1000)
    for span in spans:
        if span.kind is not SpanKind.HOLD:
            block = np.ones(((span.end_ms - span.start_ms) // 20 * FRAME_SAMPLES, 2), dtype=np.int16)
            cut = r.randrange(0, len(block) // FRAME_SAMPLES + 1) * FRAME_SAMPLES  # it leaves quarantine in pieces
            marked.take(span.start_ms / 1000, block[:cut])
            marked.take(span.start_ms / 1000 + cut / 8000, block[cut:])
    told = marked_only(spans, marks)
    assert sum(p.audio_to_ms - p.audio_from_ms for p in passages(told)) == round(marked.ring.seconds * 1000)
    assert all(a.end_ms <= b.start_ms for a, b in pairwise(told))
    assert sum(s.end_ms - s.start_ms for s in told) == sum(s.end_ms - s.start_ms for s in spans)


def test_the_key_is_found_by_the_event() -> None:
    """The dialplan's words are the enum's."""
    assert {k.value for k in ev.AgentKey} == {"keep", "pause", "resume", "off", "from", "to", "object"}
    assert CALLER
