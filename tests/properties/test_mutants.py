"""Each planted bug must turn a story or a random call red; else neither proves anything about it."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from functools import cache

import pytest
from scenarios import exchange, story, world

from properties.checks import faults
from properties.mutants import MUTANTS
from properties.schedule import Call, crowd_plan, office_plan, random_plan
from properties.tables import table_faults

MODULES = (
    "call.events", "call.situation", "call.hindsight", "call.switchboard", "call.recorder", "call.news", "audio.quarantine", "audio.ring",
    "call.wishes", "call.marking", "call.conversation", "audio.marked", "call.read_holds", "daemon.boards", "asterisk.ari",
)  # fmt: skip
SEEDS = 700
RARE = (2288, 4181, 6356, 6797, 7158)
"""Of some 8,000, the calls in which news of a bridge comes that is gone already. After a change of the dice, find others."""
OFFICE_SEEDS = 300


@cache
def _stories() -> tuple[story.Story, ...]:
    return tuple(story.parse(path.read_text()) for path in story.stories())


@pytest.fixture
def planted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The module's changed source is run, and what it defines put wherever the module's own was imported."""
    _, name, text, instead = request.param
    module = importlib.import_module(name)
    source = inspect.getsource(module)
    assert source.count(text) == 1, f"the text to change occurs {source.count(text)} times"
    original, changed = dict(vars(module)), dict(vars(module))
    exec(compile(source.replace(text, instead), str(module.__file__), "exec"), changed)
    for key, value in changed.items():
        if key.startswith("__"):
            continue
        for holder in _holders():
            if key in vars(holder) and vars(holder)[key] is original.get(key):
                monkeypatch.setattr(holder, key, value)
    yield


def _holders() -> list[object]:
    return [sys.modules[f"asterisk_privacy.{m}"] for m in MODULES] + [world, exchange]


@pytest.mark.parametrize("planted", MUTANTS, ids=lambda m: m[0], indirect=True)
@pytest.mark.usefixtures("planted")
def test_is_seen() -> None:
    assert _red(), "no story and no random call noticed"


def _red() -> bool:
    if table_faults():
        return True
    if any(story.faults(s, story.play(s)) for s in _stories()):
        return True
    if any(faults(Call(random_plan(seed))) for seed in (*range(SEEDS), *RARE)):
        return True
    return any(faults(Call(plan(seed))) for plan in (office_plan, crowd_plan) for seed in range(OFFICE_SEEDS))


def test_without_a_bug_all_is_green() -> None:
    assert not any(story.faults(s, story.play(s)) for s in _stories())


def test_enough_are_planted() -> None:
    assert len(MUTANTS) >= 14
