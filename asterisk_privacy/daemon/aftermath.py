"""After a crash, and at every start: what was being written is sealed as far as it went or removed, as config.toml says. Calls that the
daemon before this one did not end are ended, once a reading of the PBX has shown which of them still go on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from asterisk_privacy.call.commands import Outcome
from asterisk_privacy.call.participants import Participant, known_stretches
from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.registry.reading import Ours
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import CallRow, RecordingRow, State
from asterisk_privacy.store.vault import Vault

log = logging.getLogger(__name__)

UNWRITTEN_MS = 1000
"""What reached the disk last was said at least this much earlier: frames wait in quarantine, and in the encoder's block."""


@dataclass(frozen=True, slots=True)
class LeftCall:
    """A call that was begun and not ended. `parts`: its sealed recordings, the oldest first. `spans`: its story as far as it is known;
    talk in it is in `parts`, or else lost. `people`: who took part, as far as that is known."""

    row: CallRow
    parts: tuple[RecordingRow, ...]
    spans: tuple[Span, ...]
    people: tuple[Participant, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    sealed: int = 0
    removed: int = 0
    calls: tuple[LeftCall, ...] = ()


def settle_after_crash(registry: Registry, vault: Vault, keep: bool) -> Settled:
    """Run before any call is taken. Every row in state writing and every unfinished file is settled; raises OperatorError. The calls
    are left open: see `end_calls`."""
    sealed = removed = 0
    now = datetime.now(UTC)
    writing = {row.id: row.call_id for row in registry.recordings(state=State.WRITING, ours=Ours.OWN)}
    purging = {row.id for row in registry.recordings(state=State.PURGING, ours=Ours.IN_REACH)}
    for recording_id in set(vault.half_shredded()) - purging:  # those in purging are the purger's: it writes the evidence
        vault.shred_here(recording_id)
    died_while_sealing = set(vault.sealed_here()) & writing.keys()  # the file was sealed, its row not yet
    torn: dict[str, datetime] = {}  # when the last of a call's audio reached the disk
    for recording_id in (*vault.unfinished(), *died_while_sealing):
        written = vault.written_at(recording_id)
        kept = vault.settle(recording_id, (keep and recording_id in writing) or recording_id in died_while_sealing)
        if kept is not None:
            registry.seal_recording(recording_id, now, kept.size, kept.sha256, 0, kept.truncated, pieces=kept.content.pieces)
            if kept.truncated and written is not None:
                torn[writing[recording_id]] = written
            sealed += 1
    for row in registry.recordings(state=State.WRITING, ours=Ours.OWN):
        registry.erase_recording(row.id, now, "the recorder stopped before anything of it was safe")
        removed += 1
    calls = left_calls(registry, torn)
    if sealed or removed or calls:
        log.warning("left by a daemon: %d recordings sealed as far as they went, %d removed; %d calls", sealed, removed, len(calls))
    return Settled(sealed, removed, calls)


NOTHING_TORN: Mapping[str, datetime] = {}


def left_calls(registry: Registry, torn: Mapping[str, datetime] = NOTHING_TORN) -> tuple[LeftCall, ...]:
    """Calls that this node began and did not end. `torn`: when the last of a call's audio reached the disk, where its file was cut off."""
    return tuple(_left(registry, call, torn) for call in registry.open_calls())


def _left(registry: Registry, call: CallRow, torn: Mapping[str, datetime]) -> LeftCall:
    parts = tuple(sorted((r for r in registry.recordings(call_id=call.id) if r.state is State.SEALED), key=lambda r: r.part))
    known_until_ms = 0
    if call.id in torn:
        known_until_ms = max(0, round((torn[call.id] - call.begun_at).total_seconds() * 1000) - UNWRITTEN_MS)
    elif parts and parts[-1].sealed_at is not None:
        known_until_ms = round((parts[-1].sealed_at - call.begun_at).total_seconds() * 1000)  # closed in order: all of it is there
    return LeftCall(call, parts, known_story(call.spans, known_until_ms), known_stretches(call.participants, known_until_ms))


def known_story(told: Iterable[Span], kept_until_ms: int) -> tuple[Span, ...]:
    """`told`: as the daemon told it while the call went on; a last span without length was going on when it died. Talk until
    `kept_until_ms` is in a file; what came later died with the daemon's memory."""
    story: list[Span] = []
    for span in told:
        going_on = span.end_ms == span.start_ms
        end = max(kept_until_ms, span.start_ms) if going_on else span.end_ms
        if span.kind is not SpanKind.TALK:
            story += [] if going_on else [span]
            continue
        cut = min(end, max(kept_until_ms, span.start_ms))
        if cut > span.start_ms:
            story.append(replace(span, end_ms=cut))
        if span.end_ms > cut:
            story.append(Span(SpanKind.LOST, cut, span.end_ms))
    return tuple(story)


def end_calls(registry: Registry, calls: Iterable[LeftCall]) -> None:
    """Those that ended while no daemon was there to see it. Raises OperatorError."""
    for call in calls:
        outcome = Outcome.KEPT if call.parts else Outcome.NOT_KEPT
        registry.end_call(call.row.id, datetime.now(UTC), outcome, call.people, call.spans, call.row.marks)
