"""`asterisk-privacy drain` on a real daemon, a process of its own; without an Asterisk, so that no call goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from daemon_process import LONG, Daemon, Host, host, start

__all__ = ["host", "start"]  # fixtures

Start = Callable[..., Daemon]


def draining(host: Host) -> dict[str, object]:
    told = json.loads(host.run("status", "--json").stdout)["draining"]
    assert isinstance(told, dict)
    return told


def test_drained_and_back(host: Host, start: Start) -> None:
    start()
    assert draining(host)["on"] is False
    told = host.run("drain", "--wait")
    assert (told.code, told.stdout.splitlines()[-1]) == (0, "Drained: nothing left.")
    assert draining(host)["empty"] is True
    assert "no new calls are taken: nothing left" in " ".join(host.run("status").stdout.split())
    assert "it was told to drain" in host.run("status", "--nagios").stdout
    assert host.run("drain", "--undo").stdout == "New calls are taken again.\n"
    assert draining(host)["on"] is False


def test_told_to_stop_it_ends_well_and_is_not_started_again(host: Host, start: Start) -> None:
    daemon = start()
    assert host.run("drain", "--stop", "--wait", "--timeout", str(LONG)).code == 0
    assert daemon.told("STATUS=dr") and daemon.command.ended().code == 0  # Restart=on-failure
    start()
    assert draining(host)["on"] is False


def test_a_timeout_that_is_too_short(host: Host, start: Start) -> None:
    start()
    told = host.run("drain", "--timeout", "0", "--json")
    assert told.code == 1 and json.loads(told.stdout)["on"] is True


@pytest.mark.parametrize(("words", "code", "said"), [(("--undo", "--wait"), 2, "goes with no other option"), ((), 3, "is it running?")])
def test_nobody_there_or_nonsense(host: Host, words: tuple[str, ...], code: int, said: str) -> None:
    told = host.run("drain", *words)
    assert told.code == code and said in told.stderr
