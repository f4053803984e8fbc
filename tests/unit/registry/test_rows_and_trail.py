"""Rows against the audit trail: what was removed, changed or brought in by another way than the program is named; all else is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from raw_database import Raw
from registry_samples import COMPLAINT, T0, TRAINING

from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import State
from asterisk_privacy.registry.rows_and_trail import RowFault, RowKind
from asterisk_privacy.store.pieces import Measure

LATER = T0 + timedelta(days=1)
Sealed = Callable[..., str]


def faults(registry: Registry) -> list[RowFault]:
    return list(registry.soundness.rows(LATER))


def named(registry: Registry) -> list[tuple[RowKind, str]]:
    return [(one.kind, one.subject) for one in faults(registry)]


def test_whatever_the_program_does_fits(registry: Registry, sealed: Sealed) -> None:
    ids = [sealed(f"r{number}", call=f"c{number}") for number in range(7)]
    registry.begin_call("cw", "sales", T0, None, None, "in")
    registry.begin_recording("rw", "cw", T0, [TRAINING], 1)
    registry.begin_recording("re", "cw", T0, [TRAINING], 2)
    registry.erase_recording("re", T0, "refused")
    registry.mark_purging(ids[0], T0, "because")
    registry.mark_purging(ids[1], T0, "because")
    registry.mark_purged(ids[1], T0, "because", '{"sha256_before": null}')
    registry.deidentify(ids[2], T0, "customer-removed", "ab" * 32, 900, "cd" * 32, None)
    registry.add_purpose(ids[3], TRAINING, T0)
    measure = Measure()
    measure.update(os.urandom(1000))
    registry.begin_recording("rp", "cw", T0, [COMPLAINT], 3)
    registry.seal_recording("rp", T0, 1000, measure.sha256, 1, False, pieces=measure.pieces)
    assert registry.state("rw") is State.WRITING
    assert faults(registry) == []


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DELETE FROM recordings WHERE id = 'r1'", RowKind.LOST),
        ("UPDATE recordings SET sha256 = 'ff' WHERE id = 'r1'", RowKind.CHANGED),
        ("UPDATE recordings SET size = 4 WHERE id = 'r1'", RowKind.CHANGED),
        ("UPDATE recordings SET state = 'purged', evidence = '{}' WHERE id = 'r1'", RowKind.CHANGED),
        ("UPDATE recordings SET state = 'erased' WHERE id = 'r1'", RowKind.CHANGED),
        ("UPDATE recordings SET state = 'writing' WHERE id = 'r1'", RowKind.CHANGED),
        ("UPDATE recordings SET recorded_at = 4000000000000 WHERE id = 'r1'", RowKind.AHEAD),
    ],
)
def test_a_row_that_somebody_changed(registry: Registry, sealed: Sealed, raw: Raw, sql: str, kind: RowKind) -> None:
    sealed("r1"), sealed("r2", call="c2")
    if kind is RowKind.LOST:
        raw("DELETE FROM recording_purposes WHERE recording_id = 'r1'")
    raw(sql)
    assert named(registry) == [(kind, "r1")]
    assert all("\n" not in one.what and "r1" in one.what for one in faults(registry))


def test_a_row_of_which_the_trail_tells_nothing(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1")
    columns = "call_id, state, recorded_at, truncated, marked, state_at, state_reason, eventful"
    raw(f"INSERT INTO recordings (id, part, {columns}) SELECT 'r0', 2, {columns} FROM recordings WHERE id = 'r1'")
    assert (RowKind.UNTOLD, "r0") in named(registry)


def test_a_hold_and_a_restriction_that_were_taken_away(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    one, two = sealed("r1"), sealed("r2", call="c2")
    registry.place_hold(T0, "anna", "because", [], recording_id=one)
    registry.restrict(two, T0, "disputed")
    assert faults(registry) == []
    raw("UPDATE legal_holds SET released_at = 1, released_by = 'x', release_reason = 'x'")
    raw("DELETE FROM restrictions")
    assert [kind for kind, _ in named(registry)] == [RowKind.CHANGED, RowKind.CHANGED]


@pytest.mark.parametrize("other_node", [False, True])
def test_a_clock_that_was_set_back_between_begin_and_end_changes_nothing(
    place: Path | Server, elsewhere: Path | Server, sealed: Sealed, raw: Raw, other_node: bool
) -> None:
    one, two = sealed("r1"), sealed("r2", call="c2")
    with Registry.open(place, clock=lambda: LATER) as early:
        hold = early.place_hold(LATER, "anna", "because", [], recording_id=one)
        early.restrict(two, LATER, "disputed")
    with Registry.open(elsewhere if other_node else place, clock=lambda: T0) as late:
        late.release_hold(hold.id, T0, "anna", "settled")
        late.lift_restriction(two, T0, "settled")
        assert faults(late) == []
        again = late.place_hold(T0, "anna", "again", [], recording_id=one)
        late.restrict(two, T0, "again")
        assert faults(late) == []
        raw("UPDATE legal_holds SET released_at = 1, released_by = 'x', release_reason = 'x'")
        raw("DELETE FROM restrictions")
        assert [subject for _, subject in named(late)] == [f"hold {again.id}", f"restriction {two}"]


def test_settled_it_is_told_no_more(registry: Registry, sealed: Sealed, raw: Raw) -> None:
    sealed("r1"), sealed("r2", call="c2"), sealed("r3", call="c3")
    raw("UPDATE recordings SET sha256 = 'ff', size = 3 WHERE id = 'r2'")
    raw("UPDATE recordings SET recorded_at = 4000000000000 WHERE id = 'r3'")
    registry.soundness.mend("r2", "ab" * 32, LATER)
    registry.soundness.date_today("r3", LATER)
    assert faults(registry) == []
    row = registry.recording("r2")
    assert row is not None and (row.sha256, row.size) == ("ab" * 32, 1000)
    assert registry.soundness.walk({}).faults == ()
