"""What a process costs, as the kernel counts it (proc(5)): its processor time is its own whatever else the machine does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of user and system time of all threads since the process began, and bytes in memory now."""

    cpu_seconds: float
    resident_bytes: int


def usage(pid: int) -> Usage:
    """ProcessLookupError if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError as error:
        raise ProcessLookupError(f"no process {pid}") from error
    user, system, pages = int(fields[11]), int(fields[12]), int(fields[21])
    return Usage((user + system) / _TICKS, pages * os.sysconf("SC_PAGE_SIZE"))


def machine_busy_seconds() -> float:
    """Of all processors together, since the machine began: user, nice, system, irq, softirq, steal."""
    first = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in first[:8])
    return (user + nice + system + irq + softirq + steal) / _TICKS
