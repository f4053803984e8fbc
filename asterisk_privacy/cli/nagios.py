"""The daemon's report as a Nagios plugin tells it: one line, performance data behind a bar, and the codes 0 OK, 1 WARNING, 2 CRITICAL,
3 UNKNOWN (Monitoring Plugins Development Guidelines)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from asterisk_privacy.daemon.control import Report

WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
NAME = "ASTERISK-PRIVACY"
LEAST_FREE_BYTES = 64 << 20  # as daemon/assembly.py: below it no new call is announced


@dataclass(frozen=True, slots=True)
class Verdict:
    code: int
    line: str


def verdict(report: Report) -> Verdict:
    """The worst of what is wrong, all of it in words."""
    found = list(_faults(report))
    code = max((worth for worth, _ in found), default=0)
    words = ", ".join(what for _, what in sorted(found, key=lambda fault: -fault[0]))
    return Verdict(code, f"{NAME} {WORDS[code]} - {words or _fine(report)} | {_performance(report)}")


def no_daemon(why: str) -> Verdict:
    return Verdict(2, f"{NAME} {WORDS[2]} - {why}")


def unknown(why: str) -> Verdict:
    return Verdict(3, f"{NAME} {WORDS[3]} - {why}")


def _faults(report: Report) -> Iterator[tuple[int, str]]:
    if not part(report, "ari").get("connected"):
        yield 2, "Asterisk is not connected, calls go on unrecorded"
    overdue = number(report, "purge", "overdue")
    if overdue:
        yield 2, f"{overdue} deletions overdue"
    disk = part(report, "disk")
    if disk and number(report, "disk", "free") < LEAST_FREE_BYTES:
        yield 2, "the disk is full, no call is recorded"
    late = number(report, "requests", "overdue")
    if late:
        yield 1, f"{late} requests of persons overdue"
    if part(report, "config").get("refused"):
        yield 1, "the configuration has mistakes, an older one holds"
    nodes = part(report, "nodes")
    silent = nodes.get("silent")
    if isinstance(silent, list) and silent:
        yield 1, f"nodes silent: {' '.join(map(str, silent))}"
    if off := part(nodes, "clock").get("off"):
        yield 1, str(off)
    if doubted := part(report, "clock").get("doubted"):
        yield 2, str(doubted)
    if gone := part(report, "registry").get("gone"):
        yield 2, str(gone)
    if astray := number(report, "astray", "total"):
        yield 2, f"{astray} files, rows or audit entries astray, see status"
    if part(report, "draining").get("on"):
        yield 1, "no new call is taken, it was told to drain"
    alarms = part(report, "alarms")
    if alarms:
        yield 1, "alarms since the start: " + " ".join(f"{name} {count}" for name, count in alarms.items())
    advice = report.get("advice")
    if isinstance(advice, list) and advice:
        yield 1, f"{len(advice)} faults in how Asterisk and the network are set up, see status"


def _fine(report: Report) -> str:
    return f"connected, {number(report, 'calls', 'now')} calls"


def _performance(report: Report) -> str:
    """'label'=value[unit];warning;critical;minimum;maximum, with blanks between."""
    alarms = sum(count for count in part(report, "alarms").values() if isinstance(count, int))
    return " ".join(
        (
            f"calls={number(report, 'calls', 'now')};;;0",
            f"begun={number(report, 'calls', 'begun')}c",
            f"ring={number(report, 'ring', 'bytes')}B;;;0;{number(report, 'ring', 'limit')}",
            f"disk_free={number(report, 'disk', 'free')}B;;{LEAST_FREE_BYTES}:;0;{number(report, 'disk', 'size')}",
            f"purge_overdue={number(report, 'purge', 'overdue')};;0;0",
            f"astray={number(report, 'astray', 'total')};;0;0",
            f"requests_open={number(report, 'requests', 'open')};;;0",
            f"requests_overdue={number(report, 'requests', 'overdue')};0;;0",
            f"alarms={alarms}c;0",
        )
    )


def part(report: Report, name: str) -> dict[str, object]:
    found = report.get(name)
    return found if isinstance(found, dict) else {}


def number(report: Report, name: str, key: str) -> int:
    value = part(report, name).get(key)
    return value if isinstance(value, int) else 0
