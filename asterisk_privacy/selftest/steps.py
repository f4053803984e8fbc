"""What was looked at, what was found, and the way out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Result(StrEnum):
    FINE = "fine"
    WRONG = "wrong"
    CANNOT = "cannot"  # neither right nor wrong: it could not be tried
    NOT_TRIED = "not tried"  # after something that it needs


STEPS = {
    "ari": "Asterisk's ARI lets us in",
    "release": "this release of Asterisk is new enough",
    "recorder": "the recorder runs and answers",
    "connected": "the recorder is connected to Asterisk",
    "modules": "Asterisk has the modules",
    "dialplan": "the dialplan has our contexts",
    "agi": "the dialplan gets the recorder's answer",
    "announcement": "the caller hears the announcement to its end",
    "talk": "caller and agent are connected",
    "key": "the agent's keep key saves the call",
    "sealed": "the recording is sealed, and its key opens it",
    "heard": "both voices are in it",
    "hold": "nothing of the hold is in it",
    "deleted": "the recording is deleted, with evidence",
    "room": "the agent's keys work in a conference",
}


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    result: Result
    told: str = ""  # what was seen, or the way out

    @property
    def title(self) -> str:
        return STEPS[self.name]


@dataclass(slots=True)
class Steps:
    """In the order of STEPS; `tell` is called with each as it is known."""

    tell: Callable[[Step], None] = lambda _step: None
    done: dict[str, Step] = field(default_factory=dict)

    def note(self, name: str, result: Result, told: str = "") -> None:
        if name not in self.done:
            self.done[name] = Step(name, result, told)
            self.tell(self.done[name])

    def fine(self, name: str, told: str = "") -> None:
        self.note(name, Result.FINE, told)

    def wrong(self, name: str, way_out: str) -> None:
        self.note(name, Result.WRONG, way_out)

    def cannot(self, name: str, way_out: str) -> None:
        self.note(name, Result.CANNOT, way_out)

    def close(self) -> None:
        for name in STEPS:
            self.note(name, Result.NOT_TRIED)

    @property
    def all(self) -> list[Step]:
        return [self.done[name] for name in STEPS if name in self.done]

    def good(self, name: str) -> bool:
        return name in self.done and self.done[name].result is Result.FINE

    @property
    def exit_code(self) -> int:
        """0 all fine, 1 something is wrong, 3 it could not be tried."""
        results = {step.result for step in self.all}
        return 1 if Result.WRONG in results else 0 if results == {Result.FINE} else 3
