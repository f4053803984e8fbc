"""In a user namespace, as PrivateUsers= of the units makes one: all whom it has no number for look alike, so none of them is trusted."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from as_user import STRANGER, as_user, let_pass
from policies import SALES

from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.exposed import exposed, refuse_open_registry
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.file_access import Exposed
from asterisk_privacy.registry.numbers import load_key

CLONE_NEWUSER = 0x10000000  # linux/sched.h
OTHER, NOBODY = 64_010, 65_534
HIDDEN = "belongs to a user whom this process cannot name.*PrivateUsers"


def _can() -> bool:
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        return False
    return subprocess.run([unshare, "-U", "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _can(), reason="needs root, and a kernel that gives namespaces of users")
UNIT = f"0 0 1\n{STRANGER} {STRANGER} 1\n"
"""What systemd writes for PrivateUsers=yes: root and the unit's own user."""
OWN = f"{STRANGER} {STRANGER} 1\n"
"""A user's own manager, which may not name root."""


def in_a_namespace(numbers: str, user: int, work: Callable[[], object]) -> None:
    """`work` as `user`, where `numbers` are all the users and groups that there are."""
    apart, mapped = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert ctypes.CDLL(None).unshare(CLONE_NEWUSER) == 0
            os.write(apart[1], b"x")
            os.read(mapped[0], 1)
            as_user(user, user, work)
            code = 0
        finally:
            os._exit(code)
    try:
        os.read(apart[0], 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{child}/{name}").write_text(numbers)
        os.write(mapped[1], b"x")
    finally:
        status = os.waitpid(child, 0)[1]
        for descriptor in (*apart, *mapped):
            os.close(descriptor)
    assert status == 0


@pytest.fixture
def files(tmp_path: Path) -> Path:
    let_pass(tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o755)
    os.chown(folder, STRANGER, STRANGER)
    for name, owner in {"roots": 0, "ours": STRANGER, "theirs": OTHER, "nobodys": NOBODY}.items():
        (folder / name).write_text("ab" * 32)
        os.chown(folder / name, owner, STRANGER)
        (folder / name).chmod(0o640)
    return folder


def refused(path: Path) -> str:
    with pytest.raises(Exposed, match=HIDDEN) as error:
        load_key(path)
    assert str(error.value).startswith(f"number key {path}: ") and "\n" not in str(error.value)
    return str(error.value)


def test_under_the_units_whoever_has_no_name_is_not_trusted(files: Path) -> None:
    def look() -> None:
        for name in ("roots", "ours"):
            load_key(files / name)
        for name in ("theirs", "nobodys"):
            assert f"chown root {files / name}" in refused(files / name)

    in_a_namespace(UNIT, STRANGER, look)


def test_where_root_has_no_name_either_it_becomes_the_readers(files: Path) -> None:
    def look() -> None:
        load_key(files / "ours")
        for name in ("roots", "theirs"):
            assert f"chown {STRANGER} {files / name}" in refused(files / name)

    in_a_namespace(OWN, STRANGER, look)


def test_root_of_a_namespace_trusts_those_only_whom_it_can_name(files: Path) -> None:
    def look() -> None:
        load_key(files / "ours")
        refused(files / "theirs")

    os.chown(files / "theirs", OTHER, 0)
    in_a_namespace(UNIT, 0, look)


def test_the_directory_of_somebody_without_a_name_is_not_trusted(files: Path) -> None:
    os.chown(files, OTHER, STRANGER)

    def look() -> None:
        assert f"{files} belongs to" in refused(files / "ours")

    in_a_namespace(UNIT, STRANGER, look)


def test_a_group_without_a_name_may_have_anybody_in_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(files / "ours", STRANGER, OTHER)
    (files / "ours").chmod(0o660)

    def look() -> None:
        with pytest.raises(Exposed, match="others can change it"):
            load_key(files / "ours")

    monkeypatch.setattr("grp.getgrgid", _no_list_of_groups)  # as in a container
    in_a_namespace(UNIT, STRANGER, look)


def _no_list_of_groups(gid: int) -> object:
    raise KeyError(gid)


def test_nobody_himself_is_who_he_is_where_no_user_is_hidden(files: Path) -> None:
    """A container that runs as nobody, without a namespace of users."""
    os.chown(files, NOBODY, NOBODY)
    as_user(NOBODY, STRANGER, lambda: load_key(files / "nobodys"))
    in_a_namespace(f"0 0 {2**32 - 1}\n", NOBODY, lambda: load_key(files / "nobodys"))


def test_check_config_names_the_setting(files: Path) -> None:
    path = files / "config.toml"
    path.write_text(f'[registry]\npath = "{files}/registry.sqlite"\n[review]\naccounts = "{files}/theirs"\n{SALES}')
    config = load(path)

    def look() -> None:
        (line,) = [line for line in exposed(config, None) if "cannot name" in line]
        assert line.startswith(f"[review] accounts {files}/theirs: belongs to")

    in_a_namespace(UNIT, STRANGER, look)


def test_what_a_hidden_user_put_beside_the_registry_is_refused(files: Path) -> None:
    path = files / "config.toml"
    path.write_text(f'[registry]\npath = "{files}/registry.sqlite"\n{SALES}')
    config = load(path)
    os.rename(files / "theirs", files / "registry.sqlite-wal")

    def look() -> None:
        with pytest.raises(OperatorError, match=f"^.registry. path .*sqlite-wal {HIDDEN}"):
            refuse_open_registry(config)

    in_a_namespace(UNIT, STRANGER, look)
