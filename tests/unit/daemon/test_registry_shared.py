"""A registry elsewhere than in the state directory: nobody but the recorder puts files beside it, for SQLite takes them for its own."""

from __future__ import annotations

import os
import stat
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from as_user import STRANGER, as_user, let_pass
from policies import SALES

from asterisk_privacy.daemon.assembly import _own_registry
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.exposed import exposed
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.errors import OperatorError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming other users takes root")
GROUP, OTHER = 2, 64_011
"""A group in which there is somebody else (bin), and a user of nobody's."""


def here(tmp_path: Path, mode: int, owner: int = STRANGER, group: int = GROUP) -> tuple[Path, Config]:
    let_pass(tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    os.chown(folder, owner, group)
    folder.chmod(mode)
    config = tmp_path / "config.toml"
    config.write_text(f'[registry]\npath = "{folder}/registry.sqlite"\n[store]\ndirectory = "{folder}/recordings"\n{SALES}')
    config.chmod(0o644)
    return folder, load(config)


def opened(config: Config) -> None:
    """As `serve` does."""
    _own_registry(config, AsyncExitStack()).close()


def refused(config: Config) -> str:
    with pytest.raises(OperatorError) as error:
        opened(config)
    return str(error.value)


@pytest.mark.parametrize("mode", [0o1770, 0o2770, 0o3770, 0o0730])
def test_what_earlier_versions_shared_with_the_group_is_closed(tmp_path: Path, mode: int) -> None:
    folder, config = here(tmp_path, mode)

    def plant() -> None:
        with pytest.raises(PermissionError):
            (folder / "registry.sqlite-journal").write_bytes(b"x")

    as_user(STRANGER, GROUP, lambda: opened(config))
    assert stat.S_IMODE(folder.stat().st_mode) & ~0o050 == 0o700
    as_user(OTHER, GROUP, plant)


@pytest.mark.parametrize(("mode", "owner"), [(0o1777, STRANGER), (0o777, STRANGER), (0o1777, 0), (0o1770, 0), (0o2775, STRANGER)])
def test_a_directory_that_others_write_to_is_refused_with_the_command(tmp_path: Path, mode: int, owner: int) -> None:
    folder, config = here(tmp_path, mode, owner)

    def look() -> None:
        line, command = refused(config), f"chmod go-w {folder}"
        if owner != STRANGER:
            command = f"chown {STRANGER} {folder} && {command}"
        assert line.startswith(f"[registry] path {folder}/registry.sqlite: others can put files") and line.endswith(f"run: {command}")
        assert line in list(exposed(config, None))

    as_user(STRANGER, GROUP, look)
    os.chown(folder, STRANGER, GROUP)
    folder.chmod(mode & ~0o022)
    as_user(STRANGER, GROUP, lambda: opened(config))


def test_a_directory_of_roots_in_which_the_recorder_alone_writes_is_no_fault(tmp_path: Path) -> None:
    _, config = here(tmp_path, 0o770, owner=0, group=STRANGER)
    as_user(STRANGER, STRANGER, lambda: opened(config))


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_what_a_stranger_planted_before_is_refused(tmp_path: Path, end: str) -> None:
    folder, config = here(tmp_path, 0o1770)
    planted = folder / f"registry.sqlite{end}"
    as_user(OTHER, GROUP, lambda: planted.write_bytes(b"x"))

    def look() -> None:
        line = refused(config)
        assert line.endswith(f"{planted} belongs to user {OTHER}; stop what uses it, and run: chown --reference={folder} {planted}")

    as_user(STRANGER, GROUP, look)
    planted.unlink()
    as_user(STRANGER, GROUP, lambda: opened(config))


def test_the_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    folder, config = here(tmp_path, 0o770, owner=OTHER)

    def look() -> None:
        assert f"chown {STRANGER} {folder}" in refused(config)

    as_user(STRANGER, GROUP, look)
