"""`asterisk-privacy ARGUMENTS` as real processes: a machine on which the recorder was installed, and a daemon as systemd starts it."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from policies import SALES

from asterisk_privacy.cli.main import main
from asterisk_privacy.store.identity import Identity

LONG = 20  # seconds; a bound for a busy machine, not a measure

# Real processes, forked from one that has read the package already: a second of importing less for each
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["asterisk_privacy.cli.serve", "asterisk_privacy.cli.status", "pytest", __name__])

CONFIG = """
[asterisk]
ari_url = "http://127.0.0.1:{ari}"
ari_password_file = "{folder}/ari.secret"
[fastagi]
listen = "127.0.0.1:{agi}"
[capture]
listen = "127.0.0.1:{audio}"
[store]
directory = "{folder}/recordings"
recipients = "{folder}/recipients.txt"
[registry]
path = "{folder}/registry.sqlite"
number_key = "{folder}/number.key"
[control]
socket = "{folder}/run/control.sock"
[dialplan]
sounds = "{sounds}"
"""
SOUNDS = Path(__file__).resolve().parents[3] / "dialplan/sounds"


def run_main(arguments: list[str], environment: Mapping[str, str], out: str, err: str) -> None:
    """In the new process: what the shell does, then the command."""
    for path, descriptor in ((out, 1), (err, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    os.environ.update(environment)
    main(arguments, prog_name="asterisk-privacy")


@dataclass
class Ended:
    code: int | None
    stdout: str
    stderr: str


class Command:
    """`asterisk-privacy ARGUMENTS` in a process of its own."""

    def __init__(self, folder: Path, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.out, self.err = folder / f"out-{secrets.token_hex(4)}", folder / f"err-{secrets.token_hex(4)}"
        self.process = FORKED.Process(target=run_main, args=(arguments, environment, str(self.out), str(self.err)))
        self.process.start()

    def ended(self, within: float = LONG) -> Ended:
        self.process.join(within)
        return Ended(self.process.exitcode, self.out.read_text(), self.err.read_text())

    def close(self) -> None:
        self.process.kill()
        self.process.join(LONG)


def free_ports(count: int) -> list[int]:
    """All different: held at once, then let go."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in held]


class Host:
    """A machine on which the recorder was installed, and no Asterisk answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ari, self.agi, self.audio = free_ports(3)
        (folder / "ari.secret").write_text("secret\n")
        (folder / "number.key").write_text(secrets.token_hex(32) + "\n")
        (folder / "number.key").chmod(0o600)
        (folder / "recipients.txt").write_text(Identity.generate().public + "\n")
        self.config = folder / "config.toml"
        self.write()

    def write(self) -> None:
        self.config.write_text(CONFIG.format(folder=self.folder, sounds=SOUNDS, ari=self.ari, agi=self.agi, audio=self.audio) + SALES)

    def run(self, *arguments: str) -> Ended:
        command = Command(self.folder, [*arguments, "--config", str(self.config)], {})
        try:
            return command.ended()
        finally:
            command.close()

    def refused(self, *arguments: str, code: int) -> str:
        """The one line with which it ended."""
        ended = self.run(*arguments)
        assert ended.code == code, ended.stderr
        assert "Traceback" not in ended.stderr
        said = [line for line in ended.stderr.splitlines() if line]
        assert len(said) == 1, ended.stderr
        return said[0]


class Daemon:
    """`asterisk-privacy serve` as systemd starts it; `told` is what it says on $NOTIFY_SOCKET."""

    def __init__(self, host: Host, **environment: str) -> None:
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.settimeout(LONG)
        name = f"asterisk-privacy-test-{secrets.token_hex(8)}"
        self.notify.bind("\0" + name)
        self.command = Command(host.folder, ["serve", "--config", str(host.config)], {**environment, "NOTIFY_SOCKET": "@" + name})
        self.pid = self.command.process.pid
        assert self.pid is not None

    def told(self, wanted: str) -> str:
        """Waits for a message that contains it."""
        while True:
            try:
                message = self.notify.recv(4096).decode()
            except TimeoutError:
                pytest.fail(f"never said {wanted}; it wrote: {self.command.err.read_text()}")
            if wanted in message:
                return message

    def end(self, number: int, within: float = LONG) -> Ended:
        os.kill(self.pid or 0, number)
        return self.command.ended(within)

    def close(self) -> None:
        self.command.close()
        self.notify.close()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def start(host: Host) -> Iterator[Callable[..., Daemon]]:
    """start(**environment) -> a daemon that is ready."""
    with ExitStack() as stack:

        def ready(**environment: str) -> Daemon:
            daemon = Daemon(host, **environment)
            stack.callback(daemon.close)
            assert "waiting for Asterisk" in daemon.told("READY=1")
            return daemon

        yield ready
