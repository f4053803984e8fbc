"""Debian's PostgreSQL, started by the tests: a server of their own on a socket in a temporary directory, gone with them."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.registry import Registry

TEMPLATE = "template_registry"
# what a crash would lose is lost with the directory anyway
_QUICK = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "shared_buffers=16MB",
)


def programs() -> Path | None:
    """The newest PostgreSQL of this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


def _end_orphans() -> None:
    """Servers of tests that were killed before they could end them."""
    for owner in Path("/tmp").glob("apg-*/owner"):
        with suppress(OSError, ValueError):
            if not Path(f"/proc/{int(owner.read_text())}").exists():
                with suppress(FileNotFoundError, ProcessLookupError):
                    server = int((owner.parent / "data" / "postmaster.pid").read_text().split()[0])
                    os.kill(server, signal.SIGQUIT)
                    deadline = time.monotonic() + 5
                    while Path(f"/proc/{server}").exists() and time.monotonic() < deadline:
                        time.sleep(0.01)
                shutil.rmtree(owner.parent)


class PostgresServer:
    """`url` of the first database is for its superuser, tester. Other users are let in by password or not at all."""

    def __init__(self, settings: Sequence[str] = _QUICK) -> None:
        self._settings = settings
        bin_ = programs()
        assert bin_ is not None
        self._bin = bin_
        _end_orphans()
        self.folder = Path(tempfile.mkdtemp(prefix="apg-", dir="/tmp"))  # a socket's path has 107 bytes at most
        (self.folder / "owner").write_text(str(os.getpid()))
        self._user: dict[str, int | Sequence[int]] = {}
        if os.geteuid() == 0:  # initdb refuses root
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._numbers = itertools.count(1)
        locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en"]  # other order than Python's
        self._run("initdb", "-D", "data", "-U", "tester", "-A", "trust", "--no-sync", *locale)
        self.let_in("local all tester trust", "local all all scram-sha-256")
        self.start()
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {TEMPLATE}")
        Registry.open(self.place(TEMPLATE)).close()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([self._bin / program, *arguments], cwd=self.folder, check=True, capture_output=True, **self._user)  # type: ignore[call-overload]

    def let_in(self, *rules: str) -> None:
        (self.folder / "data" / "pg_hba.conf").write_text("\n".join(rules) + "\n")

    def start(self) -> None:
        given = (*self._settings, "listen_addresses=", f"unix_socket_directories={self.folder}", "deadlock_timeout=100ms")
        command = [self._bin / "postgres", "-D", "data", *(word for setting in given for word in ("-c", setting))]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **self._user)  # type: ignore[call-overload]
        deadline = time.monotonic() + 30
        try:
            while True:
                try:
                    psycopg.connect(self.url("postgres")).close()
                    return
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline and self.process.poll() is None, (self.folder / "log").read_text()
                    time.sleep(0.02)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """At once; sessions are cut off."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def kill(self) -> None:
        """As the kernel would for want of memory: what was committed is in its logs, and the next start reads them."""
        sessions = self._signal(signal.SIGKILL)
        self.process.wait(30)
        deadline = time.monotonic() + 30
        while any(Path(f"/proc/{session}/exe").exists() for session in sessions) and time.monotonic() < deadline:
            time.sleep(0.01)  # they hold the shared memory that the next one wants

    def freeze(self) -> None:
        """It takes connections and answers none, as a machine behind a network that is gone."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> list[int]:
        """To each of its processes: every session has one, in a group of its own."""
        sessions = [int(one) for one in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]
        for process in (self.process.pid, *sessions):
            with suppress(ProcessLookupError):
                os.kill(process, number)
        return sessions

    def remove(self) -> None:
        self.thaw()
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, database: str, user: str = "tester") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def place(self, database: str, node: str = "pbx-1") -> Server:
        return Server(self.url(database), node)

    def new_database(self, template: str = TEMPLATE) -> str:
        name = f"registry_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            db.execute(statement.encode())


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if programs() is None:
        pytest.skip("no PostgreSQL on this machine: apt install postgresql")
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[Server]:
    """A registry on PostgreSQL with nothing in it: such a test is about PostgreSQL."""
    database = postgres.new_database()
    yield postgres.place(database)
    postgres.drop(database)
