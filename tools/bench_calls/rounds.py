"""Rounds of the same calls in each variant, one after the other, and what they cost Asterisk and the daemon."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median

from variants import Variant

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.accounting import machine_busy_seconds, usage
from asterisk_privacy.lab.crowd import SETTLE_SECONDS, Crowd
from asterisk_privacy.lab.sipp import Sound
from asterisk_privacy.lab.site import Site

RATE = 25.0
"""Calls begun a second."""
QUIET_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One variant in one round. Shares of one core, per call, while all calls talk."""

    variant: str
    calls: int
    asterisk: float
    daemon: float
    whole: float
    """CPU seconds of a call from INVITE to sealed."""
    machine: float
    """How busy the machine was meanwhile, of all its cores: 1.0 is saturated."""


@contextlib.contextmanager
def daemon_of(site: Site, variant: Variant) -> Iterator[None]:
    """The daemon, where the variant has one."""
    if variant.product:
        site.config.write_text(re.sub('^how = "[a-z]+"$', f'how = "{variant.capture}"', site.config.read_text(), flags=re.MULTILINE))
        site.start_daemon()
    try:
        yield
    finally:
        site.stop_daemon()


def measured(site: Site, variant: Variant, calls: int, window: float, agent_port: int, voices: tuple[Sound, Sound]) -> Sample:
    """`window`: seconds in which all calls are up and nothing else happens."""
    seconds = calls / RATE + 2 * SETTLE_SECONDS + window + (4.0 if variant.key else 0.0)
    customer, agent = variant.steps(seconds)
    with daemon_of(site, variant):
        before = spent(site)
        crowd = Crowd(
            site.pbx, variant.extension, calls, seconds, agent_port=agent_port if variant.answered else 0, rate=RATE, voices=voices,
            customer_steps=customer, agent_steps=agent,
        )  # fmt: skip
        with crowd:
            crowd.until_all_talk()
            begun, first, busy = time.monotonic(), spent(site), machine_busy_seconds()
            time.sleep(window)
            last, busy, took = spent(site), machine_busy_seconds() - busy, time.monotonic() - begun
            crowd.until_over()
        if variant.product:
            _until_quiet(site)
        after = spent(site)
    share = [(b - a) / took / calls for a, b in zip(first, last, strict=True)]
    whole = sum(b - a for a, b in zip(before, after, strict=True)) / calls
    _forget(site)
    return Sample(variant.name, calls, share[0], share[1], whole, busy / took / (os.cpu_count() or 1))


def spent(site: Site) -> tuple[float, float]:
    """CPU seconds of Asterisk and of the daemon so far."""
    return usage(site.pbx.pid or 0).cpu_seconds, usage(site.daemon_pid).cpu_seconds if site.daemon_runs else 0.0


def _until_quiet(site: Site) -> None:
    deadline = time.monotonic() + QUIET_SECONDS
    while time.monotonic() < deadline:
        calls = site.status()["calls"]
        assert isinstance(calls, dict)
        if not calls["now"]:
            return
        time.sleep(0.25)
    raise OperatorError(f"calls did not end; see {site.log_path}")


def _forget(site: Site) -> None:
    """The files of this round: a small disk would fill."""
    for path in [*(site.workdir / "mixmonitor").glob("*.wav"), *(site.state / "recordings").rglob("*.age")]:
        path.unlink()


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the rounds, and the spread (smallest and largest) of Asterisk and daemon together."""

    variant: str
    calls: int
    rounds: int
    asterisk: float
    daemon: float
    both: float
    least: float
    most: float
    whole: float
    machine: float

    @property
    def as_json(self) -> dict[str, object]:
        return asdict(self)


def cost(samples: Sequence[Sample]) -> Cost:
    """Of samples of one variant and one number of calls."""
    both = [s.asterisk + s.daemon for s in samples]
    return Cost(
        samples[0].variant, samples[0].calls, len(samples), median(s.asterisk for s in samples), median(s.daemon for s in samples),
        median(both), min(both), max(both), median(s.whole for s in samples), median(s.machine for s in samples),
    )  # fmt: skip


def ratio(samples: Sequence[Sample], variant: str, base: str, calls: int) -> tuple[float, float, float]:
    """Median, least and most over the rounds of what `variant` costs against `base` in the same round."""

    def of(name: str) -> list[float]:
        return [s.asterisk + s.daemon for s in samples if s.variant == name and s.calls == calls]

    found = sorted(a / b for a, b in zip(of(variant), of(base), strict=True))
    return median(found), found[0], found[-1]
