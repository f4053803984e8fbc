"""check-config and `serve` refuse the same things on this machine: each way to spoil an installation is walked in both."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from as_user import STRANGER, as_user, let_pass, unprivileged
from click.testing import CliRunner
from whole_daemon import installed, whole_daemon

from asterisk_privacy.cli.main import main
from asterisk_privacy.daemon.config import load
from asterisk_privacy.daemon.startup_check import refused_by_serve
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.store.identity import Identity

SOUNDS = Path(__file__).resolve().parents[3] / "dialplan/sounds"


def here(folder: Path, more: str = "") -> Path:
    return installed(folder, more=f'[dialplan]\nsounds = "{SOUNDS}"\n{more}')


def replaced(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def taken(folder: Path, setting: str) -> None:
    """The port stays open as long as the test runs."""
    config = load(folder / "config.toml")
    address = {"fastagi": config.fastagi.listen, "capture": config.capture.listen, "metrics": config.metrics.listen}[setting]
    assert address is not None
    _OPEN.append(socket.create_server((address.host, address.port)))


_OPEN: list[socket.socket] = []


@pytest.fixture(autouse=True)
def closed_again() -> object:
    yield
    while _OPEN:
        _OPEN.pop().close()


def elsewhere(folder: Path) -> None:
    replaced(folder / "config.toml", '[metrics]\nlisten = "127.0.0.1', '[metrics]\nlisten = "192.0.2.7')


def database(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "registry.sqlite")) as db, db:
        for statement in statements:
            db.execute(statement)


SPOILT: dict[str, Callable[[Path], object]] = {
    "recipients missing": lambda f: (f / "recipients.txt").unlink(),
    "recipients with a secret key": lambda f: (f / "recipients.txt").write_text(Identity.generate().secret + "\n"),
    "recipients nonsense": lambda f: (f / "recipients.txt").write_text("age1nonsense\n"),
    "recipients empty": lambda f: (f / "recipients.txt").write_text("# none yet\n"),
    "recipients a directory": lambda f: ((f / "recipients.txt").unlink(), (f / "recipients.txt").mkdir()),
    "number key missing": lambda f: (f / "number.key").unlink(),
    "number key short": lambda f: (f / "number.key").write_text(secrets.token_hex(16)),
    "number key of others": lambda f: (f / "number.key").chmod(0o644),
    "ARI's password missing": lambda f: (f / "ari.secret").unlink(),
    "ARI's password empty": lambda f: (f / "ari.secret").write_text("\n"),
    "tap secret missing": lambda f: replaced(f / "config.toml", "[capture]\n", f'[capture]\nsecret_file = "{f}/tap.secret"\n'),
    "store a file": lambda f: ((f / "recordings").write_text(""), (f / "recordings").chmod(0o644)),
    "store of everybody": lambda f: ((f / "recordings").mkdir(), (f / "recordings").chmod(0o755)),
    "registry's directory a file": lambda f: replaced(f / "config.toml", f"{f}/registry.sqlite", f"{f}/number.key/registry.sqlite"),
    "registry a directory": lambda f: (f / "registry.sqlite").mkdir(),
    "registry of another program": lambda f: database(f, "CREATE TABLE theirs (x)"),
    "registry newer": lambda f: database(
        f, "CREATE TABLE schema_version (version BIGINT, applied_at BIGINT)", "INSERT INTO schema_version VALUES (9999, 0)"
    ),
    "registry no database": lambda f: (f / "registry.sqlite").write_bytes(b"SQLite format 4\0" * 100),
    "FastAGI's port taken": lambda f: taken(f, "fastagi"),
    "the taps' port taken": lambda f: taken(f, "capture"),
    "the metrics' port taken": lambda f: taken(f, "metrics"),
    "an address of another machine": elsewhere,
    "run directory a file": lambda f: (f / "run").write_text(""),
    "bucket without its key": lambda f: replaced(
        f / "config.toml", "[control]", f'[s3]\nbucket = "recordings"\nendpoint = "http://127.0.0.1:1"\naccess_key = "{f}/none"\n[control]'
    ),
}  # fmt: skip


async def refused(path: Path) -> str:
    with pytest.raises(OperatorError) as told:
        async with whole_daemon(path):
            pass
    return str(told.value)


def below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def checked(path: Path) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, ["check-config", "--config", str(path), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, json.loads(result.stdout)["here"]


async def test_an_installation_that_is_whole(tmp_path: Path) -> None:
    path = here(tmp_path)
    before = below(tmp_path)
    assert checked(path) == (0, [])
    assert below(tmp_path) == before  # nothing was made
    async with whole_daemon(path):
        assert await asyncio.to_thread(checked, path) == (0, [])  # its own ports are not taken by somebody else


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_what_serve_refuses_check_config_tells(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = here(tmp_path)
    spoil(tmp_path)
    code, told = checked(path)
    assert code == 1 and len(told) == 1, told
    assert "Traceback" not in told[0] and len(told[0].splitlines()) == 1
    place = told[0].partition(": ")[0].partition(" =")[0]
    assert place.split()[-1].rpartition("/")[2] in await refused(path)


def test_all_of_it_at_once(tmp_path: Path) -> None:
    path = here(tmp_path)
    for name in ("recipients.txt", "number.key", "ari.secret"):
        (tmp_path / name).unlink()
    code, told = checked(path)
    assert code == 1 and len(told) == 3


def test_the_file_alone(tmp_path: Path) -> None:
    """As on the machine of who writes it."""
    path = here(tmp_path)
    (tmp_path / "recipients.txt").unlink()
    result = CliRunner().invoke(main, ["check-config", "--config", str(path), "--file-only"])
    assert result.exit_code == 0 and "Error" not in result.stderr


def test_directories_of_others(tmp_path: Path) -> None:
    """As the recorder's user, who is not root."""
    path = here(tmp_path)
    (tmp_path / "recordings").mkdir(mode=0o700)
    told = tmp_path / "told"
    told.touch(mode=0o666)

    def looked() -> None:
        told.write_text("\n".join(refused_by_serve(load(path))))

    unprivileged(tmp_path, looked)
    assert told.read_text() == ""
    if os.geteuid() == 0:
        (tmp_path / "config.toml").chmod(0o644)
        os.chown(tmp_path / "recordings", 0, 0)
        os.chown(tmp_path, 0, 0)
        tmp_path.chmod(0o755)
        os.chown(tmp_path / "number.key", 0, 0)
        as_user(STRANGER, STRANGER, looked)
        lines = told.read_text().splitlines()
        assert any("number.key: cannot be read" in line for line in lines)
        assert any(line.startswith(f"{tmp_path}/recordings: belongs to user 0") for line in lines)
        assert any(line.startswith("registry.path") for line in lines)


def test_what_cannot_be_entered_is_one_line(tmp_path: Path) -> None:
    """As whoever is not of the recorder's group: its directory is 0710."""
    path = here(tmp_path)
    (tmp_path / "shut").mkdir()
    for name in ("recordings", "registry.sqlite"):
        replaced(path, f'"{tmp_path}/{name}"', f'"{tmp_path}/shut/{name}"')

    def looked() -> None:
        (tmp_path / "shut").chmod(0)
        told = refused_by_serve(load(path))
        (tmp_path / "shut").chmod(0o700)
        for setting in ("store.directory", "registry.path"):
            assert sum(line.startswith(f"{setting}: {tmp_path}/shut is no directory") for line in told) == 1, told

    unprivileged(tmp_path, looked)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look as another user")
def test_root_judges_for_the_recorders_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    path = here(tmp_path)
    real = pwd.getpwnam("nobody")
    monkeypatch.setattr("asterisk_privacy.daemon.startup_check.SERVICE_USER", real.pw_name)
    let_pass(tmp_path)
    told = refused_by_serve(load(path))
    assert any("number.key: cannot be read" in line for line in told)
    assert any(line.startswith("store.directory") for line in told)
