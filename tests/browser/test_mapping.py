"""static/mapping.js against call/timeline.py, which says where a stretch of the call lies in the file."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from review_site import ReviewSite
from visitor import BROWSER, Visit

from asterisk_privacy.call.timeline import Passage, Span, SpanKind, passages

pytestmark = BROWSER
MAP = """async ([spans, passages, calls, audios, width]) => {
  const { CallMap, Scale } = await import("/static/mapping.js");
  const map = new CallMap(spans, passages);
  const scales = [false, true].map((narrow) => new Scale(map, width, narrow));
  return {
    toAudio: calls.map((one) => map.toAudio(one)),
    toCall: audios.map((one) => map.toCall(one)),
    gaps: map.gaps.map((gap) => [gap.at, gap.start_ms, gap.end_ms]),
    x: scales.map((scale) => calls.map((one) => scale.toX(one))),
    back: calls.map((one) => scales[0].toCall(scales[0].toX(one))),
  };
}"""


def story(luck: Random) -> tuple[Span, ...]:
    """Spans of a call in order, some very short, some with a hole before them."""
    spans: list[Span] = []
    at = luck.choice([0, 0, 730])
    for _ in range(luck.randint(1, 9)):
        kind = luck.choice([SpanKind.TALK, SpanKind.TALK, SpanKind.HOLD, SpanKind.WAIT, SpanKind.PAUSE, SpanKind.LOST])
        length = luck.choice([7, 20, 190, 4013, 60_000])
        spans.append(Span(kind, at, at + length))
        at += length + luck.choice([0, 0, 0, 350])
    return tuple(spans)


def to_audio(found: tuple[Passage, ...], call: int) -> int:
    for passage in found:
        if call < passage.span.end_ms:
            return min(max(passage.audio_from_ms + call - passage.span.start_ms, passage.audio_from_ms), passage.audio_to_ms)
    return found[-1].audio_to_ms if found else 0


def to_call(found: tuple[Passage, ...], audio: int) -> int:
    for passage in found:
        if passage.audio_from_ms <= audio < passage.audio_to_ms:
            return passage.span.start_ms + audio - passage.audio_from_ms
    return found[-1].span.start_ms + found[-1].audio_to_ms - found[-1].audio_from_ms if found else 0


async def test_call_time_and_audio_time_as_the_timeline_has_them(office: ReviewSite, visit: Visit) -> None:
    luck = Random(7)
    async with visit(office, "rita") as rita:
        await rita.home()
        for _ in range(30):
            spans = story(luck)
            found = tuple(one for one in passages(spans) if one.audio_to_ms > one.audio_from_ms)
            end = spans[-1].end_ms
            calls = [*sorted(luck.randint(0, end) for _ in range(20)), 0, end]
            audios = [one.audio_from_ms for one in found] + [one.audio_to_ms - 1 for one in found] + [one.audio_to_ms for one in found[-1:]]
            told = [
                [{"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms} for s in spans],
                [
                    {"start_ms": p.span.start_ms, "end_ms": p.span.end_ms, "audio_from_ms": p.audio_from_ms, "audio_to_ms": p.audio_to_ms}
                    for p in passages(spans)
                ],
            ]
            got = await rita.page.evaluate(MAP, [*told, calls, audios, 900])
            assert got["toAudio"] == [to_audio(found, one) for one in calls], spans
            assert got["toCall"] == [to_call(found, one) for one in audios], spans
            gaps = [[b.audio_from_ms, a.span.end_ms, b.span.start_ms] for a, b in pairwise(found) if b.span.start_ms > a.span.end_ms]
            assert got["gaps"] == gaps, spans
            for xs in got["x"]:
                ordered = [x for _, x in sorted(zip(calls, xs, strict=True))]
                assert ordered == sorted(ordered) and ordered[0] >= -0.01 and ordered[-1] <= 900.01, spans
            assert got["back"] == pytest.approx(calls, abs=1), spans
            assert got["x"][0] == pytest.approx([one / end * 900 for one in calls], abs=0.01), spans  # true to scale
