"""What is not a share of a core: frames lost, an hour sealed, decisions, the gate, the start, idling."""

from __future__ import annotations

import os
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile as sf
from rounds import RATE, daemon_of, spent
from variants import KEPT, KEPT_WIRE, RING, TWO

from asterisk_privacy.audio.ring import BYTES_PER_SECOND, Ring, RingMemory
from asterisk_privacy.call.timeline import MarkKind
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.accounting import usage
from asterisk_privacy.lab.crowd import SETTLE_SECONDS, Crowd
from asterisk_privacy.lab.sipp import HangUp, Hold, SippCaller, Sound, Talk, WaitForBye
from asterisk_privacy.lab.site import Site
from asterisk_privacy.lab.timecode import TimeCode, missing

Figures = dict[str, object]
ALL = ("ring", "start", "decisions", "gate", "frames", "hour")
SEEDS = (0, 1)  # of the customer's and the agent's time code


def started(site: Site) -> Figures:
    """Three starts; then the last one idles."""
    ready = []
    for _ in range(3):
        site.start_daemon()
        ready.append(site.ready_seconds)
        site.stop_daemon()
    site.start_daemon()
    time.sleep(2.0)
    before, since = usage(site.daemon_pid), time.monotonic()
    time.sleep(8.0)
    after, took = usage(site.daemon_pid), time.monotonic() - since
    site.stop_daemon()
    return {
        "start to ready, s (each)": [round(r, 2) for r in ready],
        "idle, % of a core": round(100 * (after.cpu_seconds - before.cpu_seconds) / took, 2),
        "idle, MB resident": round(after.resident_bytes / 1e6, 1),
    }


def decisions(site: Site, rate: float = 50.0, seconds: float = 8.0) -> Figures:
    """Calls that come, are announced, and are over."""
    with daemon_of(site, KEPT):
        caller = SippCaller(
            "customer", site.workdir / "decisions", site.pbx.install, extension="808", server_port=site.pbx.sip_port,
            steps=[Talk(4.0), HangUp()], calls=round(rate * seconds), rate=rate, at_once=round(rate * seconds),
        )  # fmt: skip
        with caller:
            caller.wait(seconds + 40)
        told = _histogram(site, "agi_seconds")
    return {f"FastAGI decision at {rate:g} calls/s, s (at most)": {**_quantiles(told), "asked": told[-1][1]}}


def gate(site: Site, calls: int, agent_port: int, voices: tuple[Sound, Sound]) -> Figures:
    """Agents hold three times each."""
    holds = (Talk(2.0), Hold(1.0), Talk(1.0), Hold(1.0), Talk(1.0), Hold(1.0), WaitForBye())
    with daemon_of(site, RING):
        with Crowd(site.pbx, RING.extension, calls, 10.0, agent_port=agent_port, rate=RATE, voices=voices, agent_steps=holds) as crowd:
            crowd.until_over()
        told = _histogram(site, "gate_delay_seconds")
    return {f"event to gate shut, {calls} calls, s (at most)": {**_quantiles(told), "shut": told[-1][1]}}


def _histogram(site: Site, name: str) -> list[tuple[float, int]]:
    """(upper bound, how many up to it), from /metrics."""
    listen = re.search(r'^\[metrics\]\nlisten = "([^"]+)"', site.config.read_text(), re.MULTILINE)
    assert listen
    with urllib.request.urlopen(f"http://{listen[1]}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = re.findall(rf'^asterisk_privacy_{name}_bucket{{le="([^"]+)"}} (\S+)$', text, re.MULTILINE)
    return [(float(bound), round(float(count))) for bound, count in found]


def _quantiles(told: Sequence[tuple[float, int]]) -> dict[str, float]:
    whole = told[-1][1]
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: next((bound for bound, count in told if count >= share * whole), 0.0) for name, share in shares.items()}


def frames(site: Site, calls: int, seconds: float, agent_port: int, voices: tuple[Path, Path]) -> Iterator[tuple[str, Figures]]:
    """Each 20 ms of the calls names itself; those lacking in mid-recording and those that come twice are counted."""
    for variant in (TWO, KEPT, KEPT_WIRE):
        with daemon_of(site, variant):
            with Crowd(site.pbx, variant.extension, calls, seconds, agent_port=agent_port, rate=RATE, voices=voices) as crowd:
                crowd.until_all_talk()
                crowd.until_over()
            if variant.product:
                _wait_sealed(site, calls)
        yield f"frames, {calls} calls: {variant.name}", _counted(site, variant.product)
        _clear(site)


def _wait_sealed(site: Site, calls: int) -> None:
    deadline = time.monotonic() + 30
    while len(list((site.state / "recordings").rglob("*.flac.age"))) < calls and time.monotonic() < deadline:
        time.sleep(0.2)


def _counted(site: Site, kept: bool) -> Figures:
    codes = [TimeCode(seed) for seed in SEEDS]
    heard = lacking = twice = tracks = 0
    for code, samples in _tracks(site, kept, codes):
        runs = code.runs(samples)
        tracks += 1
        heard += sum(run.last - run.first + 1 for run in runs)
        lacking += sum(last - first + 1 for first, last in missing(runs))
        twice += sum(max(0, a.last - b.first + 1) for a, b in pairwise(runs))
    return {"tracks": tracks, "frames heard": heard, "lost": lacking, "doubled": twice}


def _tracks(site: Site, kept: bool, codes: list[TimeCode]) -> Iterator[tuple[TimeCode, object]]:
    if not kept:
        for path in sorted((site.workdir / "mixmonitor").glob("*.wav")):
            yield codes[path.stem.endswith("-t")], sf.read(path, dtype="int16")[0]
        return
    for path in sorted((site.state / "recordings").rglob("*.flac.age")):
        audio = site.listen(path.name.removesuffix(".flac.age"))
        for column, code in enumerate(codes):
            yield code, audio[:, column]


def _clear(site: Site) -> None:
    for path in [*(site.workdir / "mixmonitor").glob("*.wav"), *(site.state / "recordings").rglob("*.age")]:
        path.unlink()


def an_hour_sealed(site: Site, calls: int, ports: Mapping[str, int], voices: tuple[Path, Path]) -> Figures:
    """A call of an hour that nobody kept is kept by a key on the idle phone, while `calls` others are streamed."""
    wanted = site.workdir / "fill"
    os.environ["ASTERISK_PRIVACY_BENCH_FILL"] = str(wanted)
    site.program = (str(Path(__file__).with_name("filled_daemon.py")),)
    site.start_daemon()
    try:
        wanted.touch()
        known = {row.id for row in site.calls()}
        with Crowd(site.pbx, "809", 1, 8.0, agent_port=ports["agent2"], agent="agent2", voices=voices) as long_one:
            time.sleep(5.0)
            if wanted.exists():
                raise OperatorError(f"the hour was not put into the ring; see {site.log_path}")
            seconds = calls / RATE + 2 * SETTLE_SECONDS + 16.0
            with Crowd(site.pbx, KEPT.extension, calls, seconds, agent_port=ports["agent"], rate=RATE, voices=voices) as others:
                others.until_all_talk()
                long_one.until_over()
                before, since = spent(site), time.monotonic()
                _press_when_idle(site)
                found = _sealed(site, known)
                cost = spent(site)[1] - before[1], time.monotonic() - since
                others.until_over()
        _wait_sealed(site, calls + 1)
        for row in site.recordings():
            if row.id == found["id"]:
                (site.state / "recordings" / row.id[:2] / f"{row.id}.flac.age").unlink()
        lost = _counted(site, True)
    finally:
        site.stop_daemon()
        site.program = ("-m", "asterisk_privacy")
        _clear(site)
    del found["id"]
    return {f"an hour kept by key, {calls} others going on": {**found, "daemon CPU s meanwhile": round(cost[0], 2), "others": lost}}


def _press_when_idle(site: Site) -> None:
    phone = SippCaller(
        "agent2", site.workdir / "idle-key", site.pbx.install, extension="*1", server_port=site.pbx.sip_port, steps=[Talk(1.0), HangUp()]
    )
    with phone:
        if phone.wait(20) != 0:
            raise OperatorError(f"the key on the idle phone was not taken: {phone.errors}")


def _sealed(site: Site, known: set[str]) -> Figures:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for row in site.recordings():
            if row.call_id not in known and row.sealed_at is not None and (row.duration_ms or 0) > 3_000_000:
                call = next(c for c in site.calls() if c.id == row.call_id)
                pressed = [m.at_ms for m in call.marks if m.kind is MarkKind.KEEP]
                if pressed:
                    took = row.sealed_at - (call.begun_at + timedelta(milliseconds=pressed[0]))
                    minutes = round((row.duration_ms or 0) / 60_000, 1)
                    return {"id": row.id, "minutes": minutes, "key to sealed, s": round(took.total_seconds(), 2)}
        time.sleep(0.2)
    raise OperatorError(f"the call of an hour was not sealed; see {site.log_path}")


def ring_memory() -> Figures:
    """An hour of one call in a ring: what the process grows by."""
    memory = RingMemory(1 << 30)
    minute = np.random.default_rng(1).integers(-3000, 3000, (60 * 8000, 2), dtype=np.int16)
    ring = Ring(7200, memory)
    ring.append(minute)  # what encoding takes for a moment is not the ring's
    ring.wipe()
    before = usage(os.getpid()).resident_bytes
    for _ in range(60):
        ring.append(minute)
    grown = usage(os.getpid()).resident_bytes - before
    ring.wipe()
    return {"ring, MB a call-minute": round(grown / 60 / 1e6, 3), "G.711 stereo, MB a minute": BYTES_PER_SECOND * 60 / 1e6}
