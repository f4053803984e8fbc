"""For all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from asterisk_privacy import file_access

os.umask(0o077)  # as the units have it: what a test writes for the recorder is nobody else's to read

# where a run decides whether a change lands it must not depend on luck; everywhere else each run looks at new examples
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session", autouse=True)
def _above_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Who may write to the directories above all tests is the machine's matter: check-config would tell it."""
    above, real = set(tmp_path_factory.getbasetemp().resolve().parents), file_access._wrong_with_folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_access, "_wrong_with_folder", lambda folder: iter(()) if folder in above else real(folder))
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test measured, told with record_property("report", text), is shown at the end, also when it ran in another process."""
    reports = [text for report in terminalreporter.getreports("passed") for name, text in report.user_properties if name == "report"]
    for text in reports:
        terminalreporter.write_line("")
        terminalreporter.write_line(str(text))
