"""One call, several recordings: a daemon that was restarted goes on with the next part."""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_privacy.call.timeline import Passage, passages, passages_of_parts
from asterisk_privacy.registry.rows import RecordingRow


def audio_of(row: RecordingRow, of_its_call: Iterable[RecordingRow]) -> tuple[Passage, ...]:
    """Where the audio of `row` lies in its call. `of_its_call`: all recordings of that call, in any order and state."""
    if row.marked:
        return passages(row.spans)
    parts = sorted((r for r in of_its_call if not r.marked), key=lambda r: r.part)
    found = passages_of_parts(row.spans, [r.duration_ms or 0 for r in parts])
    return next((mapped for part, mapped in zip(parts, found, strict=True) if part.id == row.id), ())
