"""Every door that opens a recording asks here what it must be, and tells the audit trail when it is something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.registry.registry import Registry


@contextmanager
def proving(registry: Registry, recording_id: str, where: str) -> Iterator[Content]:
    """What the recording is known by. `where`: the door, for the trail; the recorder raises an alarm for each such entry.

    One that was replaced or deleted meanwhile is no wonder, and not told.
    """
    try:
        content = registry.contents.of(recording_id)
    except NotAsRecorded as error:
        registry.contents.note_met(recording_id, where, str(error))
        raise
    if content is None:
        raise OperatorError(f"recording {recording_id}: is not sealed (any more); see: asterisk-privacy recordings show {recording_id}")
    try:
        yield content
    except NotAsRecorded as error:
        if registry.contents.is_still(recording_id, content.sha256):
            registry.contents.note_met(recording_id, where, str(error.__cause__ or error))
        raise
