"""The story of a call as one line of text: what was kept, and where and why there are gaps (R16)."""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_privacy.call.timeline import Mark, Span, SpanKind

LETTERS = {
    SpanKind.NOTICE: "n",
    SpanKind.TALK: "█",
    SpanKind.HOLD: "h",
    SpanKind.WAIT: "w",
    SpanKind.PAUSE: "p",
    SpanKind.OFF_RECORD: "x",
    SpanKind.LOST: "!",
    SpanKind.ERASED: "e",
    SpanKind.UNKEPT: "u",
    SpanKind.STRANGER: "s",
    SpanKind.JOINED: "j",
}
NOTHING = "·"


def bar(spans: Sequence[Span], width: int = 60) -> str:
    """One character a slice of the call: what fills most of it. A gap in the talk is never too short to be seen: it takes the slice
    in which it begins."""
    end = max((span.end_ms for span in spans), default=0)
    if not end:
        return ""
    filled: list[dict[SpanKind, int]] = [{} for _ in range(width)]
    forced: dict[int, SpanKind] = {}
    for span in spans:
        first, last = span.start_ms * width // end, (span.end_ms * width - 1) // end
        for cell in range(first, last + 1):
            covered = min(span.end_ms * width, (cell + 1) * end) - max(span.start_ms * width, cell * end)
            filled[cell][span.kind] = filled[cell].get(span.kind, 0) + covered
        if span.kind is not SpanKind.TALK and span.end_ms > span.start_ms:
            forced.setdefault(first, span.kind)
    shown = [max(cell, key=lambda kind: cell[kind]) if cell else None for cell in filled]
    for cell_number, kind in forced.items():
        shown[cell_number] = kind
    return "".join(NOTHING if kind is None else LETTERS[kind] for kind in shown)


def legend(spans: Sequence[Span]) -> str:
    kinds = [kind for kind in SpanKind if any(span.kind is kind for span in spans)]
    return "  ".join(f"{LETTERS[kind]} {kind.value}" for kind in kinds)


def ruler(marks: Sequence[Mark], spans: Sequence[Span], width: int = 60) -> str:
    """A line to stand below the bar, with ^ where the marks are; empty without marks."""
    end = max((span.end_ms for span in spans), default=0)
    if not marks or not end:
        return ""
    line = [" "] * width
    for mark in marks:
        line[min(max(mark.at_ms, 0) * width // end, width - 1)] = "^"
    return "".join(line).rstrip()
