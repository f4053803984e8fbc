"""Draws what is stored over time, and how near its oldest came to the limit. Needs the extra `pictures`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.timemachine.watch import Sample

BLUE, GREY, RED = "#0072B2", "#777777", "#D00000"  # told apart also by who sees no red and green


def draw(samples: Sequence[Sample], limits: dict[str, int], title: str, path: Path) -> None:
    """`limits`: days, by purpose. OperatorError when matplotlib is not installed or the picture cannot be written."""
    try:
        import matplotlib as mpl  # noqa: PLC0415

        mpl.use("Agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise OperatorError("matplotlib is not installed; run pip install 'asterisk-privacy[pictures]'") from error
    rows = [*limits, ""]
    figure, panels = plt.subplots(len(rows), 2, figsize=(13, 1.0 + 1.5 * len(rows)), sharex=True, layout="constrained", squeeze=False)
    times = [sample.at for sample in samples]
    figure.suptitle(textwrap.fill(title, 130), fontsize=11, x=0.01, ha="left")
    for (left, right), (name, limit) in zip(panels, limits.items(), strict=False):
        stored, oldest = ([getattr(sample, what).get(name, 0) for sample in samples] for what in ("stored", "oldest"))
        left.fill_between(times, stored, color=BLUE, alpha=0.35, linewidth=0)
        left.plot(times, stored, color=BLUE, linewidth=1)
        _dress(left, f"{name}: at most {max(stored):,} at once", "recordings", max(stored, default=0))
        right.plot(times, oldest, color=BLUE, linewidth=1)
        right.axhline(limit, color=RED, linewidth=1.5, zorder=1)  # the blue line is seen before it
        _dress(right, f"{name}: oldest {max(oldest):,.1f} days, latest date after {limit:,} days (red)", "age in days", limit)
    left, right = panels[-1]
    kept_back = [sample.kept_back for sample in samples]
    left.fill_between(times, kept_back, color=GREY, alpha=0.5, linewidth=0)
    _dress(left, f"under legal hold or restricted: at most {max(kept_back):,} at once", "recordings", max(kept_back))
    right.axis("off")
    words = (
        "Left: recordings stored for each purpose; one that serves several stands in each.\n"
        "Right: the age of the oldest, without those under legal hold or restricted, which\n"
        "nothing may delete, and those that a purpose with a later date still keeps.\n"
        "One point a week. A line that crossed the red one would be a broken promise."
    )
    right.text(0.0, 0.5, words, fontsize=9, va="center", transform=right.transAxes)
    left.set_xlabel("date in the simulation")
    panels[-2][1].tick_params(labelbottom=True)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise OperatorError(f"{path}: cannot write it ({error.strerror}); name another directory with --output") from error
    finally:
        plt.close(figure)


def _dress(axes: Any, title: str, unit: str, top: float) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_ylabel(unit, fontsize=9)
    axes.set_ylim(0, max(top, 1) * 1.12)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.margins(x=0.01)
