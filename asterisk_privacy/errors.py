"""Errors that an operator sees: one line each, naming the thing, the place and the way out."""

from __future__ import annotations

from collections.abc import Sequence


class OperatorError(Exception):
    """Cannot work now; the message is for a person and ends the command with exit code 3."""


class ConfigError(OperatorError):
    """The configuration is wrong. `problems` holds every mistake found, one line each; exit code 2."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class NotAsRecorded(OperatorError):
    """What lies in a recording's place is not what was recorded.

    Changed, swapped, forged, or wrongly restored. Nobody hears it, and nothing copies it.
    """
