"""Draws a kept call: both legs' level over time, what was going on shaded, keys marked. Needs the extra `pictures`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from asterisk_privacy.audio.levels import FLOOR_DB, levels_db
from asterisk_privacy.audio.quarantine import Block
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind, passages_of_parts
from asterisk_privacy.errors import OperatorError

SHADES = {
    SpanKind.NOTICE: ("#d8dee9", "announcement"),
    SpanKind.TALK: ("#e3f1e3", "conversation (kept)"),
    SpanKind.HOLD: ("#f3d9b1", "hold (nothing kept)"),
    SpanKind.WAIT: ("#eeeeee", "waiting (nothing kept)"),
    SpanKind.PAUSE: ("#f7c6c6", "pause (nothing kept)"),
    SpanKind.OFF_RECORD: ("#e7c6f7", "off the record (nothing kept)"),
    SpanKind.LOST: ("#c9c9c9", "lost"),
    SpanKind.ERASED: ("#dcb0b0", "erased on objection"),
    SpanKind.UNKEPT: ("#f4f4d8", "not marked (not kept)"),
    SpanKind.STRANGER: ("#f0d0e0", "with somebody who was not told (nothing kept)"),
    SpanKind.JOINED: ("#d0e8f0", "together with another caller (kept in their call)"),
}
MARKED = {MarkKind.KEEP: "keep key", MarkKind.PAUSE: "pause", MarkKind.RESUME: "resume", MarkKind.OFF_RECORD: "off record"}
MARKED |= {MarkKind.FROM: "from here", MarkKind.TO: "to here", MarkKind.OBJECTED: "objection"}
SAMPLES_PER_MS = 8
WINDOW = 400  # samples: 50 ms


def curves(parts: Sequence[Block], spans: Sequence[Span], leg: int) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """The level of one leg, in dBFS, where it belongs in the call: seconds since the call began, and as many levels."""
    lengths = [len(audio) // SAMPLES_PER_MS for audio in parts]
    for audio, found in zip(parts, passages_of_parts(spans, lengths), strict=True):
        for passage in found:
            part = audio[passage.audio_from_ms * SAMPLES_PER_MS : passage.audio_to_ms * SAMPLES_PER_MS, leg]
            level = levels_db(part, WINDOW)
            yield (passage.span.start_ms + (np.arange(len(level)) + 0.5) * WINDOW / SAMPLES_PER_MS) / 1000, level


def draw(path: Path, title: str, parts: Sequence[Block], spans: Sequence[Span], marks: Sequence[Mark]) -> None:
    """Writes a PNG. `parts`: each int16, shape (n, 2), 8 kHz, the conversation only; most calls have one."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise OperatorError("pictures need matplotlib: pip install 'asterisk-privacy[pictures]'") from error
    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(2, 1, sharex=True, figsize=(11, 4.6), layout="constrained")
    for leg, (axis, name, colour) in enumerate(zip(axes, ("customer", "agent"), ("#2f5d8a", "#8a4b2f"), strict=True)):
        seen = set()
        for span in spans:
            shade, words = SHADES[span.kind]
            axis.axvspan(span.start_ms / 1000, span.end_ms / 1000, color=shade, lw=0, label=None if words in seen else words)
            seen.add(words)
        for at, level in curves(parts, spans, leg):
            axis.fill_between(at, FLOOR_DB, level, color=colour, lw=0, alpha=0.85)
        for mark in marks:
            if mark.kind in MARKED:
                axis.axvline(mark.at_ms / 1000, color="#b00020", lw=1.4)
                if leg == 0:
                    axis.annotate(
                        MARKED[mark.kind], (mark.at_ms / 1000, 0), xytext=(3, -11), textcoords="offset points", color="#b00020", fontsize=9
                    )
        axis.set_ylim(FLOOR_DB, 0)
        axis.set_ylabel(f"{name}\ndBFS")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_title(title, loc="left", fontsize=11)
    axes[1].set_xlabel("seconds since the call began")
    axes[1].set_xlim(0, max((span.end_ms for span in spans), default=1000) / 1000)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
