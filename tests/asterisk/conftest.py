"""A real Asterisk for these tests: one `install` per session, as many `pbx_factory()` as needed, stopped at the end."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from dialplan_lab import ari, line, longer, pbx, ports, sounds
from fault_lab import broken, fault, make
from fault_table import summary
from told_logs import search_logs

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.pbx import Pbx
from asterisk_privacy.lab.unpack import Install, Shown, locate

__all__ = ["ari", "broken", "fault", "line", "longer", "make", "pbx", "ports", "sounds"]

PbxFactory = Callable[..., Pbx]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The standing check on every log of the run. The letter in front is what tools/test_on_calls.sh looks for: not to be tried again."""
    runs: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
    for path, lines in search_logs(runs.getbasetemp()).items():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        for found in lines[:5]:
            print(f"\nE   private data in {path}: {found}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    summary(terminalreporter)


@pytest.fixture(autouse=True)
def undisturbed() -> Iterator[None]:
    """The phones live in this process: looking through all that earlier tests left would stop each for a tenth of a second."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def install() -> Install:
    """The system's Asterisk or the unpacked one. Fails, saying why, where there is neither and no way to fetch one."""
    try:
        return locate(Shown())
    except OperatorError as error:
        pytest.fail(f"no Asterisk: {error}", pytrace=False)  # never skipped: these are the tests that count


@pytest.fixture(scope="session")
def pbx_factory(install: Install, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PbxFactory]:
    """pbx_factory(**arguments of Pbx) -> a started Pbx; a directory of its own each."""
    with ExitStack() as stack:

        def make(workdir: Path | None = None, **arguments: Any) -> Pbx:
            return stack.enter_context(Pbx(workdir or tmp_path_factory.mktemp("pbx"), install, **arguments))

        yield make
