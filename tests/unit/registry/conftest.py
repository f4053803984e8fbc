from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from registry_samples import COMPLAINT, T0

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.registry.registry import Registry


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.sqlite"


@pytest.fixture
def registry(path: Path) -> Iterator[Registry]:
    with Registry.open(path, clock=Clock()) as opened:
        yield opened


@pytest.fixture
def sealed(registry: Registry) -> Callable[..., str]:
    """sealed("r1", call="c1", purposes=(...)) -> id of a sealed recording of a call that has ended."""

    def make(recording_id: str = "r1", call: str = "c1", purposes: tuple[Purpose, ...] = (COMPLAINT,), part: int = 1) -> str:
        if registry.call(call) is None:
            registry.begin_call(call, "sales", T0, "hash-of-" + call, b"sealed number", "in")
        registry.begin_recording(recording_id, call, T0 + timedelta(seconds=5), purposes, part)
        registry.seal_recording(recording_id, T0 + timedelta(minutes=3), 1000, "ab" * 32, 120_000, False)
        row = registry.call(call)
        if row is not None and row.ended_at is None:
            registry.end_call(call, T0 + timedelta(minutes=3), "kept", "PJSIP/agent", (), ())
        return recording_id

    return make


@pytest.fixture
def raw(path: Path) -> Callable[..., list[tuple[object, ...]]]:
    """Somebody with the sqlite3 command at hand; `unguarded` drops the triggers around the statement."""

    def run(statement: str, *values: object, unguarded: bool = False) -> list[tuple[object, ...]]:
        db = sqlite3.connect(path, isolation_level=None)
        try:
            guards = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall() if unguarded else []
            for name, _ in guards:
                db.execute(f"DROP TRIGGER {name}")
            result = db.execute(statement, values).fetchall()
            for _, text in guards:
                db.execute(text)
            return result
        finally:
            db.close()

    return run


@pytest.fixture
def says() -> Callable[..., None]:
    """says(action, "words", ...): the action ends with an OperatorError of one line that has all these words."""

    def check(action: Callable[[], object], *words: str) -> None:
        with pytest.raises(OperatorError) as error:
            action()
        text = str(error.value)
        assert "\n" not in text and all(word in text for word in words), text

    return check
