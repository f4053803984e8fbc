"""The figures as a table, as JSON and as a picture."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rounds import Cost, Sample, cost, ratio
from variants import HELD, HELD_WITH, QUEUED, QUEUED_WITH, TWO

LEAST_CALLS_FOR_SLOPE = 2


def costs(samples: Sequence[Sample]) -> list[Cost]:
    """By number of calls, then in the order in which the variants were played."""
    groups: dict[tuple[int, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.calls, sample.variant), []).append(sample)
    return [cost(group) for _, group in sorted(groups.items(), key=lambda item: item[0][0])]


def table(samples: Sequence[Sample]) -> str:
    """A line for each variant and number of calls: % of a core a call, and how many times MixMonitor with two files that is."""
    head = (
        f"{'calls':>5}  {'variant':<44} {'Asterisk':>8} {'daemon':>7} {'both':>6} {'least..most':>13} {'ratio':>6} {'least..most':>12}"
        f" {'machine':>8}"
    )
    lines = ["% of a core a call, all calls talking; ratio: to MixMonitor with two WAV files in the same round", head, "-" * len(head)]
    has_base = {s.calls for s in samples if s.variant == TWO.name}
    for found in costs(samples):
        compared = f"{'':>6} {'':>12}"
        if found.calls in has_base:
            middle, least, most = ratio(samples, found.variant, TWO.name, found.calls)
            compared = f"{middle:6.2f} {f'{least:.2f}..{most:.2f}':>12}"
        spread = f"{100 * found.least:.2f}..{100 * found.most:.2f}"
        lines.append(
            f"{found.calls:5d}  {found.variant:<44} {100 * found.asterisk:8.3f} {100 * found.daemon:7.3f} {100 * found.both:6.3f}"
            f" {spread:>13} {compared} {100 * found.machine:6.0f} %"
        )
    return "\n".join([*lines, *_waits(samples), *_slopes(samples)])


def _waits(samples: Sequence[Sample]) -> list[str]:
    lines = []
    for variant, base in ((QUEUED_WITH, QUEUED), (HELD_WITH, HELD)):
        for calls in sorted({s.calls for s in samples if s.variant == variant.name}):
            middle, least, most = ratio(samples, variant.name, base.name, calls)
            lines.append(f"a call that {base.name}, {calls} at once: {middle:.2f} times what it costs without ({least:.2f}..{most:.2f})")
    return lines


def figures(more: Mapping[str, object]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in more.items())


def _slopes(samples: Sequence[Sample]) -> list[str]:
    """How a call's cost changes with the number of calls: flat is 1."""
    lines = []
    for variant in dict.fromkeys(s.variant for s in samples):
        found = [c for c in costs(samples) if c.variant == variant]
        if len(found) >= LEAST_CALLS_FOR_SLOPE:
            first, last = found[0], found[-1]
            lines.append(f"slope: {variant}: a call of {last.calls} costs {last.both / first.both:.2f} times a call of {first.calls}")
    return lines


def as_json(samples: Sequence[Sample], more: Mapping[str, object], asterisk: str) -> str:
    whole = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version(), "asterisk": asterisk},
        "costs": [c.as_json for c in costs(samples)],
        "samples": [asdict(s) for s in samples],
        **more,
    }
    return json.dumps(whole, indent=1) + "\n"


def draw(path: Path, samples: Sequence[Sample]) -> bool:
    """Bars for each number of calls: Asterisk's share and on top of it the daemon's. Whether matplotlib was there."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ImportError:
        return False
    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    found = costs(samples)
    sizes = sorted({c.calls for c in found})
    names = list(dict.fromkeys(c.variant for c in found))
    size = (2.5 + 3.6 * len(sizes), 0.8 + 0.5 * len(names))
    figure, grid = pyplot.subplots(1, len(sizes), sharey=True, squeeze=False, figsize=size, layout="constrained")
    for axis, calls in zip(grid[0], sizes, strict=True):
        bars = {c.variant: c for c in found if c.calls == calls}
        shown = [n for n in names if n in bars]
        at = [names.index(n) for n in shown]
        asterisk, daemon = [100 * bars[n].asterisk for n in shown], [100 * bars[n].daemon for n in shown]
        middle = [100 * bars[n].both for n in shown]
        reach = [[m - 100 * bars[n].least for n, m in zip(shown, middle, strict=True)]]
        reach.append([100 * bars[n].most - m for n, m in zip(shown, middle, strict=True)])
        axis.barh(at, asterisk, color="#4c6e91", label="Asterisk")
        axis.barh(at, daemon, left=asterisk, color="#d08b3c", label="daemon")
        axis.errorbar(middle, at, xerr=reach, fmt="none", ecolor="#333333", capsize=2)
        axis.set_yticks(range(len(names)), names)
        axis.set_title(f"{calls} calls at once")
        axis.set_xlabel("% of a core a call")
        axis.grid(axis="x", alpha=0.3)
    grid[0][0].invert_yaxis()
    grid[0][0].legend(loc="lower right")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True
