#!/usr/bin/env python3
"""How long the purger plans over a registry of many recordings: make bench-long, or python tools/bench.py [ROWS]

Makes the registry first (a minute for a million), in memory where there is a /dev/shm: the disk is not what is measured.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from asterisk_privacy.daemon.purging import RegistryRows
from asterisk_privacy.lab.timemachine.bulk import Clock, Kept, insert, registry_of_a_simulation
from asterisk_privacy.lab.timemachine.sample import COMPLAINT, EVALUATION, PROOF, TRAINING
from asterisk_privacy.policy.retention import Criterion, Milestone
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.retention.plan import plan

NOW = datetime(2026, 7, 1, 3, 30, tzinfo=UTC)
OUTAGE = timedelta(days=5)  # so long the purger did not run: some 200,000 of a million are due
BATCH = 10_000
ALLOWED = 60.0  # seconds: a machine may be slow and busy; 5 s at a million is what is aimed at
# purpose, and how old its recordings are at most in an office that deletes each night (days; some are due)
KINDS = ((PROOF, 90.5), (TRAINING, 35.3), (COMPLAINT, 30.3), (EVALUATION, 91.0))


def kept(rows: int, chance: Random) -> list[Kept]:
    made = []
    for number in range(rows):
        purpose, oldest = chance.choice(KINDS)
        at = NOW - timedelta(milliseconds=chance.randrange(int(oldest * 86_400_000)))
        made.append(Kept(f"{number:032x}", "sales", f"PJSIP/agent{number % 50}", f"customer{number % 9999}", at, (purpose,)))
    return made


def main(rows: int) -> int:
    chance = Random(1)
    with TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        file, registry = registry_of_a_simulation(Path(folder, "bench.sqlite"), Clock(NOW))
        texts: dict[Criterion, str] = {}
        began = time.monotonic()
        calls = kept(rows, chance)
        for start in range(0, rows, BATCH):
            insert(file, calls[start : start + BATCH], texts)
        with file.change():  # things happened to one in a hundred, and the purger must look at each of these
            for number, call in enumerate(itertools.islice(calls, 0, rows, 100)):
                if number % 2 and call.purposes[0] is COMPLAINT:
                    registry.open_case("complaint", f"C-{number}", call.at, "office")
                    registry.link_case(f"C-{number}", call.id, call.at, "office")
                else:
                    registry.milestone(call.id, Milestone.REVIEWED, NOW - timedelta(hours=1), "reviewer")
        del calls
        sys.stdout.write(f"{rows:,} recordings written in {time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
        file.close()
        nights = (NOW, NOW + OUTAGE)
        return max(
            subprocess.run([sys.executable, __file__, "--plan", str(file.path), now.isoformat()], check=False).returncode for now in nights
        )


def planned(path: Path, now: datetime) -> int:
    """In a process of its own, so that its memory is its own."""
    before = peak_mib()
    took, busy = [], []
    with Registry.open(path) as registry:
        for _ in range(3):
            began, worked = time.monotonic(), time.process_time()
            rows = RegistryRows(registry)
            made = plan(rows.maybe_due(now), now, 25, 20, total=rows.count())
            took.append(time.monotonic() - began)
            busy.append(time.process_time() - worked)
            due = len(made.deletions)
            total = made.total
            del made
    sys.stdout.write(
        f"{now:%Y-%m-%d}: {due:,} of {total:,} are due; planned in {min(took):.2f} s at best, {max(took):.2f} s at worst "
        f"({min(busy):.2f} s of CPU); memory grew by at most {peak_mib() - before} MiB\n"
    )
    return 0 if min(took) < ALLOWED else 1


def peak_mib() -> int:
    """The most that this process ever had in memory. Not ru_maxrss: that one remembers the process that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) // 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plan"]:
        sys.exit(planned(Path(sys.argv[2]), datetime.fromisoformat(sys.argv[3])))
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
