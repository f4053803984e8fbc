"""`review account`: the file that it writes, and what the page makes of it; `review serve` as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result
from review_site import CONFIG, PASSWORD, ReviewSite

from asterisk_privacy.access.accounts import Account, AccountBook, save
from asterisk_privacy.cli.review import review
from asterisk_privacy.daemon.health import Health
from asterisk_privacy.daemon.page_desk import PageDesk
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.review.passwords import password_fits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path, review=""))
    return tmp_path


def run(folder: Path, *arguments: str, password: str | None = None) -> Result:
    result = CliRunner().invoke(review, ["account", *arguments, "--config", str(folder / "config.toml")], input=password)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def listed(folder: Path) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(run(folder, "list", "--json").stdout)}


def test_an_account_from_its_making_to_its_end(folder: Path) -> None:
    twice = f"{PASSWORD}\n{PASSWORD}\n"
    made = run(folder, "add", "anna", "--role", "reviewer", "--agent", "PJSIP/anna", "--language", "nl", password=twice)
    assert made.exit_code == 0 and PASSWORD not in made.stdout
    path = folder / "accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and PASSWORD not in path.read_text() and "$argon2id$" in path.read_text()
    book = AccountBook(path)
    anna = book.find("anna")
    assert anna is not None and anna.roles == {Role.REVIEWER} and anna.agents == {"PJSIP/anna"} and anna.language == "nl"
    assert password_fits(anna, PASSWORD) and book.find("Anna") is None
    assert run(folder, "password", "anna", "--password-file", "-", password="another long password\nrest").exit_code == 0
    again = book.find("anna")
    assert again is not None and password_fits(again, "another long password") and not password_fits(again, PASSWORD)
    assert run(folder, "role", "anna", "--role", "auditor", "--role", "reviewer").exit_code == 0
    assert listed(folder)["anna"]["roles"] == ["auditor", "reviewer"] and listed(folder)["anna"]["agents"] == ["PJSIP/anna"]
    assert run(folder, "disable", "anna").exit_code == 0 and listed(folder)["anna"]["disabled"]
    assert not password_fits(book.find("anna"), "another long password")
    assert run(folder, "disable", "anna", "--enable").exit_code == 0 and not listed(folder)["anna"]["disabled"]
    assert "anna" in run(folder, "list").stdout and "$argon2" not in run(folder, "list", "--json").stdout
    assert [p.name for p in folder.iterdir() if "accounts" in p.name] == ["accounts.json"]


@pytest.mark.parametrize(
    ("arguments", "password", "code", "words"),
    [
        (("add", "bert"), None, 2, "--role"),
        (("add", "bert", "--role", "boss"), None, 2, "boss"),
        (("add", "b t", "--role", "reviewer"), None, 2, "letters"),
        (("add", "", "--role", "reviewer"), None, 2, "letters"),
        (("add", "bert", "--role", "reviewer", "--password-file", "-"), "short", 3, "12 to 1024"),
        (("add", "rita", "--role", "reviewer", "--no-password"), None, 3, "exists already"),
        (("password", "bert", "--password-file", "-"), PASSWORD, 3, "does not exist"),
        (("disable", "bert"), None, 3, "does not exist"),
        (("role", "rita"), None, 2, "--role"),
    ],
)
def test_what_does_not_fit_changes_nothing(folder: Path, arguments: tuple[str, ...], password: str | None, code: int, words: str) -> None:
    assert run(folder, "add", "rita", "--role", "reviewer", "--no-password").exit_code == 0
    before = (folder / "accounts.json").read_text()
    result = run(folder, *arguments, password=password)
    assert result.exit_code == code and words in result.stderr
    assert (folder / "accounts.json").read_text() == before


def test_an_account_without_a_password_is_for_the_proxy(folder: Path) -> None:
    run(folder, "add", "rita", "--role", "reviewer", "--no-password")
    assert not password_fits(AccountBook(folder / "accounts.json").find("rita"), "")


def test_changes_are_in_the_audit_trail_without_passwords(tmp_path: Path) -> None:
    with ReviewSite(tmp_path) as site:
        assert run(tmp_path, "role", "rita", "--role", "auditor").exit_code == 0
        assert run(tmp_path, "password", "rita", "--password-file", "-", password=PASSWORD).exit_code == 0
        entries = site.registry.audit_entries(2)
        assert [(e.action, e.subject) for e in entries] == [("review.account-password", "rita"), ("review.account-role", "rita")]
        assert entries[0].actor.startswith("cli:") and "argon2" not in str([e.detail for e in entries])


ODD = ("", "[]", '{"accounts": {"a": {"roles": ["boss"]}}}', '{"accounts": {"a": {"roles": [], "admin": true}}}')


@pytest.mark.parametrize("text", ODD)
def test_a_file_that_is_none_lets_nobody_in(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    with pytest.raises(OperatorError, match="is not a file of accounts"):
        AccountBook(path).all()


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be written"):
        save(tmp_path / "nowhere" / "accounts.json", {"a": Account("a", frozenset())})


# ---- the process


def start(folder: Path, **environ: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "asterisk_privacy", "review", "serve", "--config", str(folder / "config.toml")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ})


@contextmanager
def recorder(folder: Path) -> Iterator[None]:
    """As much of it as the page asks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    desk = PageDesk(folder / "desk.sock", folder / "config.toml", Health())
    asyncio.run_coroutine_threadsafe(desk.start(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(desk.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_the_process_from_its_credential_to_its_end(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = ReviewSite(tmp_path, review=f'listen = "127.0.0.1:{port}"\nrecorder_socket = "{tmp_path}/desk.sock"\n')
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "identity").write_text(site.identity.secret + "\n")
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(60)
    process = start(tmp_path, CREDENTIALS_DIRECTORY=str(credentials), NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="900000")
    try:
        assert told.recv(100) == b"READY=1" and told.recv(100) == b"WATCHDOG=1" and told.recv(100) == b"WATCHDOG=1"
        with pytest.raises(HTTPError, match="503"):
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60)
        with recorder(tmp_path), urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
            assert answer.read() == b"ok\n"
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "Traceback" not in (process.stderr.read() if process.stderr else "")
    finally:
        process.kill()
        told.close()
        site.registry.close()


@pytest.mark.parametrize("wrong", ["no key", "not a key", "port in use"])
def test_what_only_a_person_can_mend_is_one_line(tmp_path: Path, wrong: str) -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    key = f'identity = "{tmp_path}/identity.txt"\n' if wrong != "no key" else ""
    site = ReviewSite(tmp_path, review=f'{key}listen = "127.0.0.1:{taken.getsockname()[1]}"')
    site.registry.close()
    (tmp_path / "identity.txt").write_text("AGE-SECRET-KEY-1NONSENSE\n" if wrong == "not a key" else site.identity.secret + "\n")
    process = start(tmp_path, CREDENTIALS_DIRECTORY="")
    assert process.wait(90) == 3
    taken.close()
    said = process.stderr.read() if process.stderr else ""
    expected = {
        "no key": "has no secret key",
        "not a key": "not a secret key",
        "port in use": "is another one running?",
    }
    assert said.count("\n") == 1 and expected[wrong] in said and not re.search("NONSENSE", said)
