"""The demo's picture puts what is heard where it was said, also when a restart made two recordings of one call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.lab import tones
from asterisk_privacy.lab.demo.picture import curves, draw

SPANS = (
    Span(SpanKind.NOTICE, 0, 1000), Span(SpanKind.TALK, 1000, 3000), Span(SpanKind.HOLD, 3000, 4000), Span(SpanKind.TALK, 4000, 5000),
    Span(SpanKind.LOST, 5000, 6500), Span(SpanKind.TALK, 6500, 8000),
)  # fmt: skip


def audio(seconds: float, amplitude: float) -> Block:
    return np.repeat((tones.tone(700.0, seconds) * amplitude).astype(np.int16)[:, None], 2, axis=1)


LOUD, QUIET = audio(3.0, 1.0), audio(1.5, 0.1)


def test_each_part_is_where_it_was_said() -> None:
    drawn = list(curves([LOUD, QUIET], SPANS, 0))
    assert [(round(float(at[0]), 3), round(float(at[-1]), 3)) for at, _ in drawn] == [(1.025, 2.975), (4.025, 4.975), (6.525, 7.975)]
    levels = [float(level.mean()) for _, level in drawn]
    assert levels[0] == pytest.approx(levels[1], abs=0.5)
    assert levels[2] == pytest.approx(levels[0] - 20, abs=1)


def test_a_picture_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "call.png"
    draw(path, "two parts", [LOUD, QUIET], SPANS, [Mark(MarkKind.KEEP, 7000)])
    assert path.read_bytes().startswith(b"\x89PNG")
