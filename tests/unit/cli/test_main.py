"""The command as a shell and systemd meet it: every family answers --help, and `serve` begins, refuses and ends as the unit expects."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from agi_lines import environment
from click.testing import CliRunner
from daemon_process import LONG, Daemon, Host, free_ports, host, start

from asterisk_privacy.cli.main import COMMANDS, main

__all__ = ["host", "start"]  # fixtures

# ---- the families


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0, result.output or result.exception
    assert f"Usage: main {name}" in result.output


def test_the_list_of_commands_names_each_with_a_line() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    listed = {line.split()[0]: line.split()[1:] for line in result.output.partition("Commands:")[2].splitlines() if line.strip()}
    assert set(COMMANDS) <= set(listed)
    assert all(listed[name] for name in COMMANDS)


@pytest.mark.parametrize("arguments", [["no-such-command"], ["status", "--no-such-option"], ["purge", "--at", "tomorrowish"]])
def test_usage_ends_with_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_the_command_as_a_shell_starts_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "asterisk_privacy", "status", "--config", str(tmp_path / "none.toml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LONG, check=False)
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1), ended.stderr


def test_a_command_without_a_configuration_ends_in_one_line_too(tmp_path: Path) -> None:
    """Through the whole command: `keys` by itself raises."""
    files = ["--identity", str(tmp_path / "identity.txt"), "--recipients", str(tmp_path / "recipients.txt")]
    assert CliRunner().invoke(main, ["keys", "generate", *files]).exit_code == 0
    again = CliRunner().invoke(main, ["keys", "generate", *files])
    assert again.exit_code == 3
    assert again.stderr == f"Error: {tmp_path / 'identity.txt'}: exists already and a key is never overwritten; name another file\n"


# ---- serve refuses, in one line


def test_serve_without_a_configuration(host: Host) -> None:
    host.config.unlink()
    said = host.refused("serve", code=2)
    assert str(host.config) in said and "no such file" in said


@pytest.mark.parametrize("missing", ["ari.secret", "recipients.txt", "number.key"])
def test_serve_without_a_file_that_it_needs(host: Host, missing: str) -> None:
    (host.folder / missing).unlink()
    assert str(host.folder / missing) in host.refused("serve", code=3)


@pytest.mark.parametrize("empty", ["ari.secret", "recipients.txt", "number.key"])
def test_serve_with_a_file_that_is_empty(host: Host, empty: str) -> None:
    (host.folder / empty).write_text("\n")
    assert str(host.folder / empty) in host.refused("serve", code=3)


@pytest.mark.parametrize("port", ["agi", "audio"])
def test_serve_with_a_port_in_use(host: Host, port: str) -> None:
    with socket.create_server(("127.0.0.1", getattr(host, port))):
        said = host.refused("serve", code=3)
    assert f"127.0.0.1:{getattr(host, port)}" in said
    assert {"agi": "fastagi.listen", "audio": "capture.listen"}[port] in said


def test_serve_where_the_control_socket_cannot_be(host: Host) -> None:
    (host.folder / "run" / "control.sock").mkdir(parents=True)
    assert str(host.folder / "run" / "control.sock") in host.refused("serve", code=3)


def test_two_daemons_on_one_run_directory(host: Host, start: Callable[..., Daemon]) -> None:
    first = start()
    host.ari, host.agi, host.audio = free_ports(3)
    host.write()
    said = host.refused("serve", code=3)
    assert str(host.folder / "run" / "lock") in said
    assert first.command.process.is_alive()


def test_a_lock_that_a_dead_daemon_left_stops_nobody(host: Host, start: Callable[..., Daemon]) -> None:
    first = start()
    assert first.end(signal.SIGKILL).code == -signal.SIGKILL
    assert (host.folder / "run" / "lock").exists()
    start()


# ---- serve lives


def test_ready_without_asterisk_and_status_says_so(host: Host, start: Callable[..., Daemon]) -> None:
    start()
    asked = host.run("status", "--json")
    assert asked.code == 1, asked.stderr
    assert json.loads(asked.stdout)["ari"]["connected"] is False


def test_calls_get_an_answer_without_asterisk(host: Host, start: Callable[..., Daemon]) -> None:
    """READY=1 means that: the dialplan is told to go on unrecorded."""
    start()
    with socket.create_connection(("127.0.0.1", host.agi), timeout=LONG) as client:
        client.sendall(environment())
        assert client.recv(4096) == b'SET VARIABLE PRIVACY_PLAN "none"\n'
        client.sendall(b"200 result=1\n")
        assert client.recv(4096) == b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0(host: Host, start: Callable[..., Daemon], number: signal.Signals) -> None:
    daemon = start()
    ended = daemon.end(number, within=5)
    assert ended.code == 0, ended.stderr
    daemon.told("STOPPING=1")
    assert not (host.folder / "run" / "control.sock").exists()
    assert "Traceback" not in ended.stderr


def test_the_watchdog_is_fed(start: Callable[..., Daemon]) -> None:
    start(WATCHDOG_USEC="1000000").told("WATCHDOG=1")


def test_a_crash_would_write_no_memory_to_the_disk(start: Callable[..., Daemon]) -> None:
    pid = start().pid
    limit = next(line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core file size"))
    assert limit.split()[4:6] == ["0", "0"]
    if os.geteuid():  # not dumpable: the kernel then gives its /proc files to root (prctl(2)), for root itself there is nothing to see
        assert Path(f"/proc/{pid}/mem").stat().st_uid == 0


def test_status_without_a_daemon(host: Host) -> None:
    said = host.refused("status", code=3)
    assert str(host.folder / "run" / "control.sock") in said
