"""To which purposes the people in a recording objected, wherever it is read from."""

from __future__ import annotations

from collections.abc import Callable

from registry_samples import COMPLAINT, LATER, PROOF, T0, TRAINING

from asterisk_privacy.registry.registry import Registry


def test_what_was_taken_from_it_and_what_was_said_in_its_call(registry: Registry, sealed: Callable[..., str]) -> None:
    sealed("r1", "c1", (COMPLAINT, TRAINING))
    sealed("r2", "c2", (COMPLAINT, PROOF))
    sealed("r3", "c2", (PROOF,), part=2)
    sealed("r4", "c4")
    registry.withdraw_purpose("r1", "training", LATER, "asked")
    registry.withdraw_purpose("r2", "proof", LATER, "asked")
    registry.note_consent("c2", T0, "objected", None, "quality, training")
    registry.note_consent("c2", T0, "agreed", "1", "research")  # no objection, whatever stands in it
    registry.note_consent("c4", T0, "notice-heard", None, "training")
    expected = {"r1": {"training"}, "r2": {"proof", "quality", "training"}, "r3": {"quality", "training"}, "r4": set()}
    assert {row.id: row.objected for row in registry.recordings()} == expected
    assert {row.id: row.objected for row in registry.recordings(state="sealed")} == expected
    assert {row.id: row.objected for row in registry.recordings(call_id="c2")} == {"r2": expected["r2"], "r3": expected["r3"]}
    assert {row.id: row.objected for row in registry.recordings_among(["r1", "r4"])} == {"r1": {"training"}, "r4": set()}
    one = registry.recording("r3")
    assert one is not None and one.objected == expected["r3"]
