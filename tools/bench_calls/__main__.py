#!/usr/bin/env python3
"""What recording costs, side by side on a real Asterisk: make bench, make bench-long, or python tools/bench_calls --help"""

from __future__ import annotations

import argparse
import socket
import sys
import wave
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import report
from rounds import Sample, measured
from variants import VARIANTS, the_site

from asterisk_privacy.lab import tones
from asterisk_privacy.lab.crowd import speech
from asterisk_privacy.lab.pbx import DIALPLAN, free_port
from asterisk_privacy.lab.unpack import Shown, locate


def sounds(folder: Path) -> Path:
    """A notice of half a second, and the shipped tones: the notice is not what is compared."""
    (folder / "en").mkdir(parents=True)
    for name in ("short", "refused", "agreed"):
        with wave.open(str(folder / f"en/{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(tones.tone(tones.ANNOUNCEMENT, 0.5).astype("<i2").tobytes())
    (folder / "tones").symlink_to(DIALPLAN / "sounds" / "tones")
    return folder


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench_calls", description=__doc__)
    parser.add_argument("--calls", default="50", help="how many at once, such as 10,50,100 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--window", type=float, default=8.0, help="seconds of talk that are measured (default: %(default)s)")
    parser.add_argument("--only", default="", help="variants whose name has this in it")
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--work", type=Path, help="a directory to work in that stays (default: a temporary one)")
    asked = parser.parse_args(arguments)
    install = locate(Shown())
    asked.out.mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    with TemporaryDirectory(prefix="ap-bench-") as folder:
        work = asked.work or Path(folder)
        work.mkdir(exist_ok=True)
        ports = {"agent": free_port(socket.SOCK_DGRAM), "agent2": free_port(socket.SOCK_DGRAM)}
        site = the_site(work, install, ports, sounds(work / "sounds"), {})
        voices = (speech(work / "customer.ul", 0.0), speech(work / "agent.ul", 0.4))
        chosen = [v for v in VARIANTS if asked.only in v.name]
        with site.pbx:
            for calls in (int(n) for n in asked.calls.split(",")):
                for number in range(asked.rounds):
                    for variant in chosen:
                        found = measured(site, variant, calls, asked.window, ports["agent"], voices)
                        samples.append(found)
                        say(
                            f"{calls:4d} calls, round {number + 1}: {variant.name:<46} Asterisk {100 * found.asterisk:.3f} %, "
                            f"daemon {100 * found.daemon:.3f} % of a core a call; machine {100 * found.machine:.0f} %"
                        )
    text = report.table(samples)
    (asked.out / "calls.txt").write_text(text + "\n")
    (asked.out / "calls.json").write_text(report.as_json(samples, {}, install.version))
    drawn = report.draw(asked.out / "calls.png", samples)
    say(text + f"\nwritten: {asked.out}/calls.txt, calls.json{', calls.png' if drawn else ' (no picture: matplotlib is not there)'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
