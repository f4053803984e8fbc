"""What a crash leaves is settled before the first call, and nothing is settled twice or without its evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from as_it_lies import open_recording

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.call.timeline import Mark, MarkKind, Span, SpanKind
from asterisk_privacy.daemon.aftermath import end_calls, known_story, settle_after_crash
from asterisk_privacy.daemon.purging import make_purger
from asterisk_privacy.locks import locked
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.store import shred
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.recipients import Recipients
from asterisk_privacy.store.vault import Vault, new_recording_id

PROOF = Purpose("proof", "proof", Basis.CONTRACT, "why", Trigger.ALWAYS, Days(30))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LOUD = np.random.default_rng(1).normal(0, 6000, (8000 * 8, 2)).astype(np.int16)


@dataclass(slots=True)
class House:
    vault: Vault
    registry: Registry
    identity: Identity

    def begin(self) -> str:
        """A call and a recording of it, as rows."""
        recording_id = new_recording_id()
        self.registry.begin_call(recording_id, "orders", NOW, None, None, "in")
        self.registry.begin_recording(recording_id, recording_id, NOW, [PROOF], 1)
        return recording_id

    def torn(self, recording_id: str, samples: np.ndarray) -> None:
        """Writes, and dies before sealing: the lock goes with the process, the file stays."""
        writer = self.vault.create(recording_id)
        writer.write(samples)
        writer._close()

    def state(self, recording_id: str) -> State:
        row = self.registry.recording(recording_id)
        assert row is not None
        return row.state


@pytest.fixture
def house(tmp_path: Path) -> House:
    identity = Identity.generate()
    return House(Vault(tmp_path / "recordings", Recipients.of([identity.public])), Registry.open(tmp_path / "registry.sqlite"), identity)


def test_a_half_file_is_sealed_as_far_as_it_went(house: House) -> None:
    recording_id = house.begin()
    house.torn(recording_id, LOUD)
    settled = settle_after_crash(house.registry, house.vault, keep=True)
    row = house.registry.recording(recording_id)
    assert row is not None and row.state is State.SEALED and row.truncated
    assert (settled.sealed, settled.removed, len(settled.calls)) == (1, 0, 1)
    audio, _ = open_recording(house.vault.path(recording_id), [house.identity], allow_truncated=True)
    assert 8000 < len(audio) < len(LOUD) and np.array_equal(audio, LOUD[: len(audio)])
    call = house.registry.call(recording_id)
    assert call is not None and call.outcome is None  # it may go on: only a reading of the PBX tells
    end_calls(house.registry, settled.calls)
    call = house.registry.call(recording_id)
    assert call is not None and call.outcome == "kept"


def test_or_removed_as_policy_says(house: House) -> None:
    recording_id = house.begin()
    house.torn(recording_id, LOUD)
    settled = settle_after_crash(house.registry, house.vault, keep=False)
    assert house.state(recording_id) is State.ERASED and settled.removed == 1
    assert not house.vault.unfinished() and not list(house.vault.sealed())


def test_a_lock_that_passes_puts_nothing_aside(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, waits = house.begin(), house.begin()
    for one in (refused, waits):
        house.torn(one, LOUD)
    house.registry.erase_recording(refused, NOW, "refused")
    monkeypatch.setattr(shred, "LOCK_SECONDS", 0.0)
    folder = house.vault.path(refused).parent.parent / "shred"
    with locked(folder, "somebody"):
        settled = settle_after_crash(house.registry, house.vault, keep=False)
    assert len(settled.astray) == 2 and all("not settled yet" in words for words in settled.astray)
    assert sorted(house.vault.unfinished()) == sorted([refused, waits]) and not list(house.vault.strays())
    assert house.state(waits) is State.WRITING
    assert settle_after_crash(house.registry, house.vault, keep=False).astray == ()
    assert house.vault.unfinished() == [] and house.state(waits) is State.ERASED


def test_too_short_to_be_a_recording(house: House) -> None:
    recording_id = house.begin()
    house.torn(recording_id, LOUD[:160])
    settle_after_crash(house.registry, house.vault, keep=True)
    assert house.state(recording_id) is State.ERASED
    assert not house.vault.unfinished()


def test_a_row_without_a_file_and_a_file_without_a_row(house: House) -> None:
    only_row, only_file = house.begin(), new_recording_id()
    house.torn(only_file, LOUD)
    settle_after_crash(house.registry, house.vault, keep=True)
    assert house.state(only_row) is State.ERASED
    assert not house.vault.unfinished() and not list(house.vault.sealed())  # without a row it has no purpose


def test_a_file_sealed_just_before_its_row_is_kept_even_where_half_files_are_removed(house: House) -> None:
    recording_id = house.begin()
    writer = house.vault.create(recording_id)
    writer.write(LOUD)
    sealed = writer.seal()
    settle_after_crash(house.registry, house.vault, keep=False)
    row = house.registry.recording(recording_id)
    assert row is not None and row.state is State.SEALED and row.sha256 == sealed.sha256


def test_a_deletion_cut_off_by_the_crash_is_left_to_the_purger_with_its_evidence(house: House) -> None:
    recording_id = house.begin()
    writer = house.vault.create(recording_id)
    writer.write(LOUD)
    sealed = writer.seal()
    house.registry.seal_recording(recording_id, NOW, sealed.size, sealed.sha256, 8000, False)
    house.registry.mark_purging(recording_id, NOW + timedelta(days=31), "its time was up")
    steps = shred.steps(house.vault.path(recording_id).parent.parent, recording_id)
    next(steps)  # moved aside, then the process died
    steps.close()
    settle_after_crash(house.registry, house.vault, keep=True)
    assert house.state(recording_id) is State.PURGING
    report = make_purger(house.registry, house.vault).run(NOW + timedelta(days=32), dry_run=False)
    assert report.finished == (recording_id,)
    row = house.registry.recording(recording_id)
    assert row is not None and row.state is State.PURGED
    evidence = json.loads(row.evidence or "{}")
    assert evidence["found"] is True and evidence["sha256_before"] == sealed.sha256


def test_nothing_to_settle_changes_nothing(house: House) -> None:
    before = house.registry.verify_audit().entries
    assert settle_after_crash(house.registry, house.vault, keep=True).calls == ()
    assert house.registry.verify_audit().entries == before


def test_the_story_of_a_call_that_was_cut_off_tells_what_is_in_the_file_and_what_is_lost() -> None:
    talk, hold = Span(SpanKind.TALK, 3000, 9000), Span(SpanKind.HOLD, 9000, 12000)
    told = (Span(SpanKind.NOTICE, 0, 3000), talk, hold, Span(SpanKind.TALK, 12000, 12000))
    assert known_story(told, 20_000) == (*told[:3], Span(SpanKind.TALK, 12000, 20_000))
    assert known_story(told, 7000) == (told[0], Span(SpanKind.TALK, 3000, 7000), Span(SpanKind.LOST, 7000, 9000), told[2])
    assert known_story(told, 0) == (told[0], Span(SpanKind.LOST, 3000, 9000), told[2])  # it was in memory only
    assert known_story((*told[:2], Span(SpanKind.HOLD, 9000, 9000)), 9000) == told[:2]


def test_a_call_that_goes_on_keeps_its_story_and_its_parts(house: House) -> None:
    recording_id = house.begin()
    told = (Span(SpanKind.WAIT, 0, 1000), Span(SpanKind.TALK, 1000, 1000))
    house.registry.tell_call(recording_id, [Participant.agent("PJSIP/agent")], told, (Mark(MarkKind.KEEP, 500),))
    house.torn(recording_id, LOUD)
    (left,) = settle_after_crash(house.registry, house.vault, keep=True).calls
    assert left.row.agents == ("PJSIP/agent",) and left.row.marks == (Mark(MarkKind.KEEP, 500),)
    assert [p.id for p in left.parts] == [recording_id]
    assert [s.kind for s in left.spans] == [SpanKind.WAIT, SpanKind.TALK] and left.spans[-1].end_ms > 1000
