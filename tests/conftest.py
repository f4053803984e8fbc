"""For all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# where a run decides whether a change lands it must not depend on luck; everywhere else each run looks at new examples
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test measured, told with record_property("report", text), is shown at the end, also when it ran in another process."""
    reports = [text for report in terminalreporter.getreports("passed") for name, text in report.user_properties if name == "report"]
    for text in reports:
        terminalreporter.write_line("")
        terminalreporter.write_line(str(text))
