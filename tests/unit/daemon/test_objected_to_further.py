"""The customer says "do not use this for training" in a call that is kept for something else, with which training is compatible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stage import Stage

from asterisk_privacy.policy.purpose import Basis, Compatible, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.rows import State

SAMPLED = Purpose("training", "t", Basis.LEGITIMATE_INTEREST, "r", Trigger.SAMPLE, Days(35), one_in=20)
COMPLAINT = Purpose("complaint", "c", Basis.LEGITIMATE_INTEREST, "r", Trigger.FLAG, Days(30))
LISTING = replace(COMPLAINT, compatible=(Compatible("training", "Calls that went wrong are to learn from."),))


@pytest.fixture
async def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(autouse=True)
def closed(stage: Stage) -> Iterator[None]:
    yield
    stage.ledger.close()


@pytest.mark.parametrize("purposes", [(LISTING,), (LISTING, SAMPLED)], ids=["not of this line", "of this line, not drawn"])
@pytest.mark.parametrize("at", [60, 180], ids=["in the call", "after it"])
async def test_the_objection_is_known_with_the_recording_which_stays(stage: Stage, purposes: tuple[Purpose, ...], at: int) -> None:
    runner = await stage.call(purposes, {40: "keep", at: "object"})
    [row] = stage.rows(runner).values()
    assert (row.state, [p.name for p in row.purposes], row.objected) == (State.SEALED, ["complaint"], {"training"})
    assert len(stage.heard(row)) >= 148 and stage.tones == ["keep", "object"]


@pytest.mark.parametrize("at", [60, 180], ids=["in the call", "after it"])
async def test_also_where_no_key_keeps_anything(stage: Stage, at: int) -> None:
    runner = await stage.call((replace(LISTING, name="proof", trigger=Trigger.ALWAYS),), {at: "object"})
    [row] = stage.rows(runner).values()
    assert (row.state, [p.name for p in row.purposes], row.objected) == (State.SEALED, ["proof"], {"training"})


async def test_where_nothing_is_listed_the_key_does_what_it_did(stage: Stage) -> None:
    runner = await stage.call((COMPLAINT,), {40: "keep", 60: "object"})
    [row] = stage.rows(runner).values()
    assert row.objected == frozenset() and stage.tones == ["keep", "refused"]
