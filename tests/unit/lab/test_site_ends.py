"""What the lab starts it ends, also where it never becomes ready, or whoever waited for it gives up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab import site as sites
from asterisk_privacy.lab.pbx import Pbx
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Install

SLEEPS = (
    "-ISc",
    "import os, time; open('slept.pid', 'w').write(str(os.getpid())); print('nothing yet', flush=True); time.sleep(600)",
)
SHORT = 4.0


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Of an Asterisk that starts and says nothing."""
    return Install((sys.executable, *SLEEPS), (), (), None, tmp_path, tmp_path, "0")


def lives(folder: Path) -> bool:
    pid = int((folder / "slept.pid").read_text())
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def site(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Whose daemon sleeps. Its PBX is another site's, and is not started."""
    monkeypatch.chdir(tmp_path)
    made = Site(tmp_path / "two", install, "", beside=Site(tmp_path / "one", install, ""))
    made.program = SLEEPS
    return made


def test_a_daemon_that_does_not_become_ready_is_ended_and_its_log_named(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "READY_SECONDS", SHORT)
    with pytest.raises(OperatorError) as raised:
        site.start_daemon()
    assert not lives(tmp_path) and not site.daemon_runs
    assert str(site.log_path) in str(raised.value) and "nothing yet" in str(raised.value)


def test_a_daemon_for_which_nobody_waits_any_more_is_ended(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gives_up(*_: object) -> None:
        while not (tmp_path / "slept.pid").exists() or not (tmp_path / "slept.pid").read_text():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(site, "_await_connected", gives_up)
    with pytest.raises(KeyboardInterrupt), site:
        pass
    assert not lives(tmp_path) and not site.daemon_runs


def test_an_asterisk_for_which_nobody_waits_any_more_is_ended(tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    pbx = Pbx(tmp_path / "pbx", install)

    def gives_up(command: str, **_: object) -> tuple[int, str]:
        if command == "core stop now":
            return 1, ""
        while not (tmp_path / "pbx/slept.pid").exists() or not (tmp_path / "pbx/slept.pid").read_text():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(pbx, "_ask", gives_up)
    with pytest.raises(KeyboardInterrupt):
        pbx.start()
    assert pbx.pid is None and not lives(tmp_path / "pbx")
