"""After a crash, and at every start: what was being written is sealed as far as it went or removed, as config.toml says. Calls that the
daemon before this one did not end are ended, once a reading of the PBX has shown which of them still go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from asterisk_privacy.call.commands import Outcome
from asterisk_privacy.call.participants import Participant, known_stretches
from asterisk_privacy.call.timeline import Span, SpanKind
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.passing import is_passing
from asterisk_privacy.registry.reading import Ours
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import CallRow, RecordingRow, State
from asterisk_privacy.store.faults import AgeError, Busy, StoreFault, StoreFull
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
    """`astray`: what could not be settled, one line each with the way out."""

    sealed: int = 0
    removed: int = 0
    calls: tuple[LeftCall, ...] = ()
    astray: tuple[str, ...] = ()


def settle_after_crash(registry: Registry, vault: Vault, keep: bool) -> Settled:
    """Run before any call is taken. Every row in state writing and every unfinished file is settled, each by itself: one that cannot be
    settled is put aside and named, and stops nobody. Raises OperatorError where registry or disk as a whole refuse. The calls are left
    open: see `end_calls`."""
    return _Settling(registry, vault, keep).run()


class _Settling:
    def __init__(self, registry: Registry, vault: Vault, keep: bool) -> None:
        self._registry = registry
        self._vault = vault
        self._keep = keep
        self._now = datetime.now(UTC)
        self._sealed = self._removed = 0
        self._torn: dict[str, datetime] = {}  # when the last of a call's audio reached the disk
        self._unknown: set[str] = set()  # they are not settled, and their files are where they were
        self._astray: list[str] = []

    def run(self) -> Settled:
        self._clear_the_way()
        writing = self._registry.in_state(State.WRITING, Ours.OWN)
        purging = self._registry.purging()
        for recording_id in set(self._vault.half_shredded()) - purging.keys():  # the purger finishes those: it writes the evidence
            self._alone(recording_id, self._vault.shred_here)
        died_while_sealing = set(self._vault.sealed_here()) & writing.keys()  # the file was sealed, its row not yet
        for recording_id in (*self._vault.unfinished(), *died_while_sealing):
            keep = (self._keep and recording_id in writing) or recording_id in died_while_sealing
            self._alone(recording_id, partial(self._settle, keep=keep, call_id=writing.get(recording_id, "")))
        for recording_id in self._registry.in_state(State.WRITING, Ours.OWN):
            if recording_id not in self._unknown:
                self._registry.erase_recording(recording_id, self._now, "the recorder stopped before anything of it was safe")
                self._removed += 1
        calls = self._calls()
        if self._sealed or self._removed or calls:
            told = "left by a daemon: %d recordings sealed as far as they went, %d removed; %d calls"
            log.warning(told, self._sealed, self._removed, len(calls))
        return Settled(self._sealed, self._removed, calls, tuple(self._astray))

    def _clear_the_way(self) -> None:
        """What is no file and has a recording's name, or its folder's: nothing could be written, settled or destroyed there."""
        for stray in list(self._vault.strays()):
            if stray.in_the_way:
                try:
                    self._astray.append(f"{stray.name} is {stray.what}, not a recording: {self._put_aside(stray.name)}")
                except StoreFault as error:
                    self._astray.append(str(error))

    def _settle(self, recording_id: str, keep: bool, call_id: str) -> None:
        written = self._vault.written_at(recording_id)
        kept = self._vault.settle(recording_id, keep)
        if kept is not None:
            self._registry.seal_recording(recording_id, self._now, kept.size, kept.sha256, 0, kept.truncated, pieces=kept.content.pieces)
            if kept.truncated and written is not None:
                self._torn[call_id] = written
            self._sealed += 1

    def _alone(self, recording_id: str, work: Callable[[str], object]) -> None:
        try:
            work(recording_id)
        except StoreFull:  # the disk, and not this file
            raise
        except Busy as error:  # it passes: the next start, or reconcile, tries again
            self._unknown.add(recording_id)
            self._astray.append(f"recording {recording_id} is not settled yet: {error}; restart the recorder, or: reconcile --settle")
        except (StoreFault, AgeError) as error:
            self._put_recording_aside(recording_id, error)

    def _put_recording_aside(self, recording_id: str, error: OperatorError) -> None:
        try:
            names = self._vault.put_recording_aside(recording_id)
        except StoreFault as refused:
            self._unknown.add(recording_id)
            self._astray.append(f"recording {recording_id} cannot be settled: {error}; nor put aside: {refused}")
            return
        self._astray.append(f"recording {recording_id} cannot be settled: {error}; {_is_now(names)}")

    def _put_aside(self, name: str) -> str:
        return _is_now([self._vault.put_aside(name)])

    def _calls(self) -> tuple[LeftCall, ...]:
        calls, unreadable = left_calls(self._registry, self._torn)
        self._astray += unreadable
        return calls


def _is_now(names: Sequence[str]) -> str:
    return f"it is now {', '.join(names)} among the recordings; look at it, and remove it" if names else "the next purge destroys it"


NOTHING_TORN: Mapping[str, datetime] = {}


def left_calls(registry: Registry, torn: Mapping[str, datetime] = NOTHING_TORN) -> tuple[tuple[LeftCall, ...], list[str]]:
    """Calls that this node began and did not end, and why others cannot be read, which stay open. `torn`: when the last of a call's audio
    reached the disk, where its file was cut off."""
    found, unreadable = [], []
    for call_id in registry.open_calls():
        try:
            call = registry.call(call_id)
            if call is not None:
                found.append(_left(registry, call, torn))
        except OperatorError as error:
            if is_passing(error):
                raise
            unreadable.append(str(error))
    return tuple(found), unreadable


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
