#!/usr/bin/env python3
"""What recording costs, side by side on a real Asterisk: make bench, make bench-long, or python tools/bench_calls --help"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import extras
import report
from rounds import RATE, Sample, measured
from variants import VARIANTS, WAITS, short_notice, the_site

from asterisk_privacy.lab.crowd import speech, time_code
from asterisk_privacy.lab.pbx import free_port
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.unpack import Shown, locate


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench_calls", description=__doc__)
    parser.add_argument("--calls", default="50", help="how many at once, such as 10,50,100,200 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--window", type=float, default=8.0, help="seconds of talk that are measured (default: %(default)s)")
    parser.add_argument("--only", default="", help="variants whose name has one of these in it, such as 'two WAV|kept,'; - for none")
    parser.add_argument("--waits", action="store_true", help="also calls that only wait")
    parser.add_argument("--extras", default="", help="what else, such as start,decisions,gate,frames,hour,ring; all for all")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--work", type=Path, help="a directory to work in that stays (default: a temporary one)")
    return parser.parse_args(arguments)


def compared(asked: argparse.Namespace, site: Site, agent_port: int, voices: tuple[Path, Path]) -> list[Sample]:
    samples: list[Sample] = []
    chosen = [v for v in VARIANTS if any(word in v.name for word in asked.only.split("|"))] if asked.only != "-" else []
    chosen += WAITS if asked.waits else ()
    for calls in (int(n) for n in asked.calls.split(",")):
        for number in range(asked.rounds):
            for variant in chosen:
                found = measured(site, variant, calls, asked.window, agent_port, voices)
                samples.append(found)
                say(
                    f"{calls:4d} calls, round {number + 1}: {variant.name:<46} Asterisk {100 * found.asterisk:.3f} %, "
                    f"daemon {100 * found.daemon:.3f} % of a core a call; machine {100 * found.machine:.0f} %"
                )
    return samples


def more_figures(asked: argparse.Namespace, site: Site, ports: dict[str, int], work: Path) -> dict[str, object]:
    wanted = set(extras.ALL if asked.extras == "all" else asked.extras.split(",")) - {""}
    most = max(int(n) for n in asked.calls.split(","))
    speaking = work / "customer.ul", work / "agent.ul"
    coded = tuple(time_code(work / f"code-{seed}.ul", seed, 50.0) for seed in extras.SEEDS) if wanted & {"frames", "hour"} else speaking
    found: dict[str, object] = {}
    steps: dict[str, Callable[[], dict[str, object]]] = {
        "ring": extras.ring_memory,
        "start": lambda: extras.started(site),
        "decisions": lambda: extras.decisions(site),
        "gate": lambda: extras.gate(site, 50, ports["agent"], speaking),
        "frames": lambda: dict(extras.frames(site, most, 15.0 + most / RATE, ports["agent"], coded)),
        "hour": lambda: extras.an_hour_sealed(site, 50, ports, coded),
    }
    for name in extras.ALL:
        if name in wanted:
            figures = steps[name]()
            say(report.figures(figures))
            found |= figures
    return found


def main(arguments: Sequence[str]) -> int:
    asked = options(arguments)
    install = locate(Shown())
    asked.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="ap-bench-") as folder:
        work = asked.work or Path(folder)
        work.mkdir(exist_ok=True)
        ports = {"agent": free_port(socket.SOCK_DGRAM), "agent2": free_port(socket.SOCK_DGRAM)}
        voices = (speech(work / "customer.ul", 0.0), speech(work / "agent.ul", 0.4))
        site = the_site(work / "as-shipped", install, ports, short_notice(work / "sounds"), {})
        with site.pbx:
            samples = compared(asked, site, ports["agent"], voices)
        found: dict[str, object] = {}
        if asked.extras:
            # a code that tells the time sounds like music to whoever looks for holds that nobody tells of
            deaf = {"capture.silent_hold_seconds": "0", "capture.music_hold_seconds": "0"}
            site = the_site(work / "coded", install, ports, work / "sounds", deaf)
            with site.pbx:
                found = more_figures(asked, site, ports, work)
    text = "\n".join(part for part in (report.table(samples) if samples else "", report.figures(found)) if part)
    (asked.out / "calls.txt").write_text(text + "\n")
    (asked.out / "calls.json").write_text(report.as_json(samples, found, install.version))
    drawn = bool(samples) and report.draw(asked.out / "calls.png", samples)
    say(text + f"\nwritten: {asked.out}/calls.txt, calls.json{', calls.png' if drawn else ' (no picture)'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
