"""A changed configuration in a running daemon: a real process, told by the command, by SIGHUP, and by systemd's protocol."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import pytest
from daemon_process import Daemon, Host, host, start

from asterisk_privacy.store.identity import Identity

__all__ = ["host", "start"]  # fixtures

Start = Callable[..., Daemon]


def change(host: Host, old: str, new: str) -> None:
    text = host.config.read_text()
    assert text.count(old) == 1
    host.config.write_text(text.replace(old, new))


def report(host: Host) -> dict[str, dict[str, object]]:
    asked = host.run("status", "--json")
    assert asked.code == 1, asked.stderr  # no Asterisk
    found = json.loads(asked.stdout)
    assert isinstance(found, dict)
    return found


def test_what_changed_is_named_and_what_waits_for_a_restart(host: Host, start: Start) -> None:
    start()
    change(host, 'title = "handling your complaint"', 'title = "handling complaints"')
    change(host, f'listen = "127.0.0.1:{host.agi}"', 'listen = "127.0.0.1:1"')
    change(host, "[control]", "[keys]\ngrace_seconds = 5\n[control]")
    (host.folder / "recipients.txt").write_text(Identity.generate().public + "\n")
    told = host.run("reload")
    assert (told.code, told.stderr) == (0, "")
    assert told.stdout.splitlines() == [
        "Changed for new calls: purposes.complaint, keys.grace_seconds, store.recipients",
        "Restart for: fastagi.listen",
    ]
    now = report(host)
    assert now["keys"] == [(host.folder / "recipients.txt").read_text().strip()]
    assert now["config"]["restart"] == ["fastagi.listen"] and now["config"]["refused"] is False
    assert now["alarms"] == {}


def test_nothing_new_is_said_so(host: Host, start: Start) -> None:
    start()
    assert host.run("reload").stdout == "Nothing changed at run time.\n"


def test_a_wrong_configuration_changes_nothing_and_says_every_mistake(host: Host, start: Start) -> None:
    daemon = start()
    keys = report(host)["keys"]
    change(host, 'trigger = "flag"', 'trigger = "flagg"')
    change(host, "[profiles.sales]", "[keys]\ngrace_seconds = -1\n[profiles.sales]")
    (host.folder / "recipients.txt").write_text(Identity.generate().public + "\n")
    told = host.run("reload")
    assert told.code == 3 and told.stdout == ""
    first, second, last = told.stderr.splitlines()
    assert {line.partition(":")[0] for line in (first, second)} == {"[keys] grace_seconds", "[purposes.complaint] trigger"}
    assert "nothing was changed" in last
    now = report(host)  # the command finds the daemon although its file is wrong
    assert now["keys"] == keys and now["config"]["refused"] is True and now["alarms"] == {"config_refused": 1}
    log = daemon.command.err.read_text()
    assert first in log and second in log and "Traceback" not in log


@pytest.mark.parametrize("text", ["no TOML at all [", ""])
def test_a_broken_file_or_none(host: Host, start: Start, text: str) -> None:
    daemon = start()
    host.config.write_text(text)
    os.kill(daemon.pid or 0, signal.SIGHUP)
    assert "mistakes" in daemon.told("READY=1")
    assert daemon.command.process.is_alive()
    host.config.unlink()
    os.kill(daemon.pid or 0, signal.SIGHUP)
    assert "mistakes" in daemon.told("READY=1")
    host.write()
    assert report(host)["alarms"] == {"config_refused": 2}


def test_recipients_that_cannot_be_used_are_refused_too(host: Host, start: Start) -> None:
    start()
    keys = report(host)["keys"]
    (host.folder / "recipients.txt").write_text(Identity.generate().secret + "\n")
    assert "a secret key stands here" in host.run("reload").stderr
    assert report(host)["keys"] == keys


def test_systemd_is_told_when_it_begins_and_when_it_is_done(host: Host, start: Start) -> None:
    """sd_notify(3): RELOADING=1 with the monotonic clock's microseconds, at or after the signal; then READY=1."""
    daemon = start()
    before = time.monotonic_ns() // 1000
    os.kill(daemon.pid or 0, signal.SIGHUP)
    begun = dict(line.split("=", 1) for line in daemon.told("RELOADING=1").splitlines())
    assert before <= int(begun["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert "configuration read again" in daemon.told("READY=1")


def test_reload_without_a_daemon(host: Host) -> None:
    assert "no daemon answers" in host.refused("reload", code=3)


# ---- log level


def test_the_level_is_shown_changed_and_read_again(host: Host, start: Start) -> None:
    start()
    assert host.run("log-level").stdout == "info\n"
    assert host.run("log-level", "debug").stdout == "debug (was info)\n"
    assert host.run("log-level").stdout == "debug\n"
    change(host, "[control]", '[log]\nlevel = "warning"\n[control]')
    assert "log.level" in host.run("reload").stdout
    assert host.run("log-level").stdout == "warning\n"
    assert host.run("log-level", "loud").code == 2
