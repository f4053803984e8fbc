#!/usr/bin/env python3
"""Thousands of short calls, one wave after the other: what the daemon and Asterisk still hold between two waves must be what they held
before the first. make soak, or python tools/bench_calls/soak.py --help"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from variants import KEPT, RING, Variant, short_notice, the_site

from asterisk_privacy.lab.accounting import usage
from asterisk_privacy.lab.crowd import Crowd, speech
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.sipp import Hold, Step, Talk, WaitForBye
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Shown, locate

CALL_SECONDS = 4.0
AGENT: tuple[Step, ...] = (Talk(1.0), Hold(0.6), WaitForBye())
MOST_KIB_PER_1000 = 512.0
"""What the daemon may grow by over a thousand calls, once the first half has warmed it up."""
FEWEST_WAVES = 12
"""Fewer tell nothing of growth."""
QUIET_SECONDS = 30.0
IDLE_SECONDS = 20.0
"""After the last wave: what waits to be used again (connections to ARI, for 15 s) is no leak."""


@dataclass(frozen=True, slots=True)
class Left:
    """Between two waves: whatever belongs to a call should be zero, the rest as it was."""

    calls_so_far: int
    calls: int
    taps: int
    peers: int
    ring_bytes: int
    tasks: int
    descriptors: int
    threads: int
    asterisk_channels: int
    resident_kib: int
    asterisk_kib: int


FORGOTTEN = ("calls", "taps", "peers", "ring_bytes", "asterisk_channels")
STEADY = ("tasks", "descriptors", "threads")


def left(site: Site, calls_so_far: int) -> Left:
    told, process = site.status(), Path(f"/proc/{site.daemon_pid}")

    def number(*path: str) -> int:
        found: object = told
        for name in path:
            assert isinstance(found, Mapping)
            found = found[name]
        assert isinstance(found, int)
        return found

    return Left(
        calls_so_far, number("calls", "now"), number("capture", "taps"), number("capture", "peers"), number("ring", "bytes"),
        number("process", "tasks"), len(list((process / "fd").iterdir())), len(list((process / "task").iterdir())),
        int(site.pbx.cli("core show channels count").split()[0]), usage(site.daemon_pid).resident_bytes >> 10,
        usage(site.pbx.pid or 0).resident_bytes >> 10,
    )  # fmt: skip


def quiet(site: Site, calls_so_far: int) -> Left:
    """What is left once nothing changes any more, at most half a minute later."""
    deadline = time.monotonic() + QUIET_SECONDS
    while True:
        time.sleep(1.0)
        found = left(site, calls_so_far)
        if not any(getattr(found, name) for name in FORGOTTEN) or time.monotonic() > deadline:
            return found


def waves(site: Site, asked: argparse.Namespace, agent_port: int, voices: tuple[Path, Path]) -> Iterator[Left]:
    begun, so_far = time.monotonic(), 0
    ways: tuple[Variant, ...] = (KEPT, RING)
    while so_far < asked.calls or time.monotonic() - begun < 60 * asked.minutes:
        way = ways[(so_far // asked.wave) % len(ways)]
        with Crowd(
            site.pbx, way.extension, asked.wave, CALL_SECONDS, agent_port=agent_port, rate=asked.rate, voices=voices, agent_steps=AGENT
        ) as crowd:
            crowd.until_over()
        so_far += asked.wave
        yield quiet(site, so_far)
    time.sleep(IDLE_SECONDS)
    yield quiet(site, so_far)


def growth(seen: Sequence[Left], name: str) -> float:
    """By the straight line through the second half: per 1,000 calls. Each new height of calls at once leaves some megabytes with the
    allocator (a step of 7 MB after 5,000 calls, and none after it, on a machine that stood still now and then)."""
    late = seen[len(seen) // 2 :]
    return float(np.polyfit([s.calls_so_far / 1000 for s in late], [getattr(s, name) for s in late], 1)[0]) if len(late) > 1 else 0.0


def wrong(seen: Sequence[Left], rows: int) -> list[str]:
    """What did not come back to what it was."""
    last = seen[-1]
    found = [f"{name}: {getattr(last, name)} left" for name in FORGOTTEN if getattr(last, name)]
    # threads and tasks of the warm daemon: the first wave's are the base
    found += [
        f"{name}: {getattr(seen[0], name)} -> {getattr(last, name)}" for name in STEADY if getattr(last, name) > getattr(seen[0], name)
    ]
    if len(seen) >= FEWEST_WAVES and growth(seen, "resident_kib") > MOST_KIB_PER_1000:
        found.append(f"the daemon grows by {growth(seen, 'resident_kib'):.0f} KiB per 1,000 calls")
    if rows != last.calls_so_far:
        found.append(f"{rows} calls in the registry, not {last.calls_so_far}")
    return found


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="at least (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=30.0, help="at least (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=6.0, help="calls begun a second (default: %(default)s)")
    parser.add_argument("--wave", type=int, default=250, help="calls between two looks (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    return parser.parse_args()


def main() -> int:
    asked = options()
    ports = {name: free_port(socket.SOCK_DGRAM) for name in ("agent", "agent2")}
    seen: list[Left] = []
    with TemporaryDirectory(prefix="ap-soak-") as folder:
        work = Path(folder)
        voices = speech(work / "customer.ul", 0.0), speech(work / "agent.ul", 0.5)
        site = the_site(work / "site", locate(Shown()), ports, short_notice(work / "sounds"), {})
        with site:
            before = left(site, 0)
            names = [field.name for field in fields(Left)]
            say("  ".join(names))
            for found in waves(site, asked, ports["agent"], voices):
                seen.append(found)
                say("  ".join(f"{getattr(found, name):>{len(name)}}" for name in names))
            with site.registry() as registry:
                rows = len(registry.calls(limit=10 * asked.calls))
            bad = wrong(seen, rows)
            alarms = site.status()["alarms"]
    grown = {name: round(growth(seen, name), 1) for name in ("resident_kib", "asterisk_kib")}
    say(f"per 1,000 calls: {grown}; alarms: {alarms}; wrong: {bad or 'nothing'}")
    asked.out.mkdir(parents=True, exist_ok=True)
    written = {"before": asdict(before), "waves": [asdict(s) for s in seen], "per 1,000 calls": grown, "alarms": alarms, "wrong": bad}
    (asked.out / "soak.json").write_text(json.dumps(written, indent=1) + "\n")
    return 1 if bad else 0


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
