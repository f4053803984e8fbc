"""What waits for a person."""

from __future__ import annotations

from collections.abc import Callable

from registry_samples import COMPLAINT, LATER, PROOF, T0, TRAINING

from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.registry import Registry


def test_unreviewed(registry: Registry, sealed: Callable[..., str]) -> None:
    one, two = sealed("r1", "c1", (TRAINING,)), sealed("r2", "c2", (TRAINING, COMPLAINT))
    sealed("r3", "c3", (PROOF,))
    done, objected, gone = sealed("r4", "c4", (TRAINING,)), sealed("r5", "c5", (TRAINING,)), sealed("r6", "c6", (TRAINING,))
    registry.milestone(done, Milestone.REVIEWED, LATER, "x", "")
    registry.withdraw_purpose(objected, "training", LATER, "x")
    registry.mark_purging(gone, LATER, "x")
    registry.begin_call("c7", "sales", T0, None, None, "in")
    registry.begin_recording("r7", "c7", T0, (TRAINING,), 1)
    assert [row.id for row in registry.unreviewed({"training"})] == [one, two]
    assert [row.id for row in registry.unreviewed({"training", "proof"})] == [one, two, "r3"]
    assert registry.unreviewed(set()) == registry.unreviewed({"x') OR 1=1 --"}) == []


def test_without_case(registry: Registry, sealed: Callable[..., str]) -> None:
    linked, alone = sealed("r1", "c1"), sealed("r2", "c2")
    registry.open_case("complaint", "K-1", T0, "x")
    registry.link_case("K-1", linked, T0, "x")
    assert [row.id for row in registry.without_case({"complaint"})] == [alone]


def test_whose_name_stands_in_the_trail(registry: Registry) -> None:
    with registry.acting("review:anna"):
        registry.open_request("access", "number", "hash", "x", T0.date(), LATER.date())
    registry.open_request("access", "number", "hash", "x", T0.date(), LATER.date())
    assert [e.actor for e in registry.audit_entries(2)] == ["daemon", "review:anna"]
