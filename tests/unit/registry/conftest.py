from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from raw_database import Raw
from registry_samples import COMPLAINT, T0, Clock

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.purpose import Purpose
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of a registry runs on both engines, but for those that look into the file (`path`)."""
    if "engine" in metafunc.fixturenames:
        both = [] if "path" in metafunc.fixturenames else ["postgresql"]
        metafunc.parametrize("engine", ["sqlite", *both])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the registry's file: such a test is about SQLite."""
    return tmp_path / "registry.sqlite"


@pytest.fixture
def place(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Path | Server:
    """Where the registry of this test is."""
    found = tmp_path / "registry.sqlite" if engine == "sqlite" else request.getfixturevalue("server")
    assert isinstance(found, Path | Server)
    return found


@pytest.fixture
def elsewhere(place: Path | Server) -> Path | Server:
    """The same registry as another process opens it: on PostgreSQL another node."""
    return replace(place, node="pbx-2") if isinstance(place, Server) else place


@pytest.fixture
def registry(place: Path | Server) -> Iterator[Registry]:
    with Registry.open(place, clock=Clock()) as opened:
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
            registry.end_call(call, T0 + timedelta(minutes=3), "kept", [Participant.agent("PJSIP/agent")], (), ())
        return recording_id

    return make


@pytest.fixture
def raw(place: Path | Server) -> Raw:
    return Raw(place)


@pytest.fixture
def says() -> Callable[..., None]:
    """says(action, "words", ...): the action ends with an OperatorError of one line that has all these words."""

    def check(action: Callable[[], object], *words: str) -> None:
        with pytest.raises(OperatorError) as error:
            action()
        text = str(error.value)
        assert "\n" not in text and all(word in text for word in words), text

    return check
