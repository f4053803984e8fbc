"""`status`: one screen for people, JSON for programs, one line for Nagios; exit codes that monitoring can rely on."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable

import pytest
from daemon_process import Daemon, Host, host, start

from asterisk_privacy.cli.nagios import Verdict, verdict
from asterisk_privacy.cli.status import rows
from asterisk_privacy.daemon.control import Report

__all__ = ["host", "start"]  # fixtures

FINE: Report = {
    "version": "1",
    "ari": {"connected": True, "app": "asterisk-privacy"},
    "calls": {"now": 3, "begun": 40, "by_life": {"live": 3}, "outcomes": {"kept": 2}},
    "ring": {"bytes": 1000, "limit": 2000},
    "purge": {"last": None, "next": None, "overdue": 0},
    "requests": {"open": 2, "due_soon": 1, "overdue": 0},
    "registry": {"gone": None},
    "astray": {"total": 0, "kinds": {}, "since": None, "lines": []},
    "disk": {"free": 1 << 30, "size": 1 << 40},
    "config": {"read": "2026-11-22T09:00:00+00:00", "refused": False, "restart": []},
    "alarms": {},
    "advice": [],
}
ROWS = ("Asterisk", "Dialplan", "Calls now", "Taps", "Memory of rings", "Purge", "Requests", "Disk", "Configuration", "Alarms")
PLUGIN_LINE = re.compile(r"^ASTERISK-PRIVACY (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+( \| ([a-z_]+=\d+[Bc]?(;[\d:]*){0,4} ?)+)?$")


def with_(**parts: object) -> Verdict:
    report = copy.deepcopy(FINE)
    for name, change in parts.items():
        known = report[name]
        report[name] = {**known, **change} if isinstance(known, dict) and isinstance(change, dict) else change
    return verdict(report)


def test_all_well_is_ok_with_performance_data() -> None:
    found = verdict(FINE)
    assert found.code == 0 and PLUGIN_LINE.match(found.line), found.line
    assert found.line.startswith("ASTERISK-PRIVACY OK - connected, 3 calls | calls=3;;;0 begun=40c ring=1000B;;;0;2000 ")


@pytest.mark.parametrize(
    ("parts", "code", "words"),
    [
        ({"ari": {"connected": False}}, 2, "Asterisk is not connected"),
        ({"purge": {"overdue": 2}}, 2, "2 deletions overdue"),
        ({"disk": {"free": (64 << 20) - 1}}, 2, "the disk is full"),
        ({"registry": {"gone": "registry x: its file is gone"}}, 2, "its file is gone"),
        ({"astray": {"total": 3}}, 2, "3 files, rows or audit entries astray"),
        ({"requests": {"overdue": 1}}, 1, "1 requests of persons overdue"),
        ({"config": {"refused": True}}, 1, "the configuration has mistakes"),
        ({"alarms": {"tap_failed": 4}}, 1, "tap_failed 4"),
        ({"advice": ["x", "y"]}, 1, "2 faults"),
    ],
)
def test_each_fault_has_its_code_and_its_words(parts: dict[str, object], code: int, words: str) -> None:
    found = with_(**parts)
    assert found.code == code and words in found.line and PLUGIN_LINE.match(found.line), found.line


def test_the_worst_counts_and_stands_first_and_the_rest_is_said_too() -> None:
    found = with_(alarms={"tap_failed": 1}, ari={"connected": False})
    assert found.code == 2
    assert found.line.index("not connected") < found.line.index("tap_failed 1")


# ---- the table


def test_the_wire_has_a_row_where_there_is_one() -> None:
    taps = {"taps": 4, "attached": 9, "failed": 0}
    assert "Through the wire" not in dict(rows({**FINE, "capture": taps}))
    wire = {"wire": 3, "wire_heard": 7, "wire_unfit": 2, "wire_lost": 0}
    found = dict(rows({**FINE, "capture": {**taps, **wire}}))
    assert found["Through the wire"] == "3 of them now, 7 in all, 2 put on a snoop instead, no packet lost"
    told = dict(rows({**FINE, "capture": {**taps, **wire, "wire_unfit_enciphered": 1, "wire_unfit_too_long": 1}}))
    assert "2 put on a snoop instead (enciphered 1, too-long 1), no packet" in told["Through the wire"]
    lossy = dict(rows({**FINE, "capture": {**taps, **wire, "wire_lost": 5}}))
    assert lossy["Through the wire"].endswith("[red]5 packets lost: voices are missing[/red]")


def test_phones_that_are_silent_between_words_are_named_with_what_that_means() -> None:
    assert "Silent between words" not in dict(rows({**FINE, "capture": {"silent_between_words": {}}}))
    words = dict(rows({**FINE, "capture": {"silent_between_words": {"PJSIP/anna": 3}}}))["Silent between words"]
    assert "PJSIP/anna" in words and "signal each hold" in words


def test_each_reason_for_silence_has_its_row_with_the_phones() -> None:
    found = dict(rows({**FINE, "capture": {"silent_legs": {"muted": {"PJSIP/anna": 3}, "gone": {"PJSIP/bert": 1}}}}))
    assert (found["Silent: muted"], found["Silent: gone"]) == ("PJSIP/anna 3", "PJSIP/bert 1")


def test_talk_that_is_missing_has_a_row_where_some_is() -> None:
    quiet = dict(rows({**FINE, "capture": {"missing_seconds": 0.0, "renewed": 0}}))
    assert not {"Talk missing", "Late taps"} & quiet.keys()
    assert dict(rows({**FINE, "capture": {"renewed": 3}}))["Late taps"].startswith("3 replaced")
    assert dict(rows({**FINE, "capture": {"missing_seconds": 0.48}}))["Talk missing"].startswith("[red]0.48 s of single voices")


# ---- the command


def test_of_a_running_daemon(host: Host, start: Callable[..., Daemon]) -> None:
    start()
    plugin = host.run("status", "--nagios")
    assert plugin.code == 2 and PLUGIN_LINE.match(plugin.stdout.rstrip("\n")) and plugin.stderr == "", plugin
    screen = host.run("status")
    assert screen.code == 1
    for row in ROWS:
        assert row in screen.stdout, row
    public = (host.folder / "recipients.txt").read_text().strip()
    assert f"{public[:16]}...{public[-8:]}" in screen.stdout
    assert len(screen.stdout.splitlines()) <= 24  # one screen
    told = json.loads(host.run("status", "--json").stdout)
    assert told["keys"] == [public] and told["disk"]["free"] > 0 and told["purge"]["next"]


def test_without_a_daemon_nagios_hears_critical(host: Host) -> None:
    ended = host.run("status", "--nagios")
    assert ended.code == 2 and "CRITICAL - no daemon answers" in ended.stdout and len(ended.stdout.splitlines()) == 1


def test_without_a_configuration_nagios_hears_unknown(host: Host) -> None:
    host.config.unlink()
    ended = host.run("status", "--nagios")
    assert ended.code == 3 and "UNKNOWN - " in ended.stdout and "no such file" in ended.stdout


def test_a_daemon_is_found_though_its_file_has_mistakes_by_now(host: Host, start: Callable[..., Daemon]) -> None:
    start()
    for text in (host.config.read_text() + "\n[ring]\nmax_minutes = 0\n", host.config.read_text() + "\n[purposes.x]\n"):
        host.config.write_text(text)
        assert host.run("status", "--json").code == 1
