"""What each fault cost, collected while the tests on real calls run and printed at their end: the promises of DESIGN.md as one table."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

COLUMNS = ("fault", "tried", "calls alive", "plaintext found", "recordings lost", "private frames kept", "recovered in")
PRIVATE = ("held", "music", "notice", "agent")
"""What is heard in the customer's column and is not his: words behind a hold, or another's."""


@dataclass
class Fault:
    """One kind of fault, in one test. Helpers of fault_lab add what they see."""

    name: str = ""
    tried: int = 0
    calls: int = 0
    alive: int = 0
    plaintext: int = 0
    lost: int = 0
    private: int = 0
    recovered: float | None = None
    """Seconds until the recorder could record again, at worst; None where it never stopped."""
    since: float | None = None

    def __call__(self, name: str = "") -> None:
        """It happens now."""
        self.name = name or self.name
        self.tried += 1
        self.since = time.monotonic()

    def over(self) -> None:
        """The recorder is well again."""
        if self.since is not None:
            took, self.since = time.monotonic() - self.since, None
            self.recovered = max(took, self.recovered or 0.0)


_present = [Fault()]


def now() -> Fault:
    """Of the test that runs."""
    return _present[0]


def begin() -> Fault:
    _present[0] = Fault()
    return _present[0]


def table(faults: Iterable[dict[str, Any]]) -> list[str]:
    """Lines; tests of one name are one row."""
    rows: dict[str, Fault] = {}
    for told in faults:
        row = rows.setdefault(told["name"], Fault(told["name"]))
        for name in ("tried", "calls", "alive", "plaintext", "lost", "private"):
            setattr(row, name, getattr(row, name) + told[name])
        if told["recovered"] is not None:
            row.recovered = max(told["recovered"], row.recovered or 0.0)
    cells = [COLUMNS, *(_cells(row) for row in rows.values())]
    widths = [max(len(line[n]) for line in cells) for n in range(len(COLUMNS))]
    first, *rest = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    return [f"| {first} |", "|" + "|".join("-" * (width + 2) for width in widths) + "|", *(f"| {line} |" for line in rest)]


def _cells(row: Fault) -> tuple[str, ...]:
    recovered = "never stopped" if row.recovered is None else f"{row.recovered:.1f} s"
    alive = f"{row.alive} of {row.calls}" if row.calls else "not looked at"
    return row.name, str(row.tried), alive, str(row.plaintext), str(row.lost), str(row.private), recovered


def summary(reporter: pytest.TerminalReporter) -> None:
    reports = [report for found in reporter.stats.values() for report in found if isinstance(report, pytest.TestReport)]
    told = [value for report in reports if report.when == "teardown" for name, value in report.user_properties if name == "fault"]
    if told:
        reporter.write_line("")
        for line in table(told):
            reporter.write_line(line)
