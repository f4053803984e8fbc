"""Draws what is stored over time, and how near its oldest came to the limit. Needs the extra `pictures`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.timemachine.watch import Sample


def draw(samples: Sequence[Sample], limits: dict[str, int], path: Path) -> None:
    """`limits`: days, by purpose. OperatorError when matplotlib is not installed or the picture cannot be written."""
    try:
        import matplotlib as mpl  # noqa: PLC0415

        mpl.use("Agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415
    except ImportError as error:
        raise OperatorError("matplotlib is not installed; run pip install 'asterisk-privacy[pictures]'") from error
    figure, (above, below) = plt.subplots(2, 1, figsize=(11, 7), sharex=True, height_ratios=(3, 2), layout="constrained")
    times = [sample.at for sample in samples]
    for name, limit in limits.items():
        (line,) = above.plot(times, [sample.stored.get(name, 0) for sample in samples], label=f"{name} (at the latest {limit} days)")
        below.plot(times, [sample.oldest.get(name, 0.0) / limit * 100 for sample in samples], color=line.get_color())
    above.plot(times, [sample.kept_back for sample in samples], "k:", label="kept back by legal hold or restriction")
    above.set_title("Recordings stored, by purpose", loc="left")
    above.legend(fontsize=8, loc="upper left")
    above.set_ylim(bottom=0)
    below.axhline(100, color="red", linewidth=1)
    below.set_title("The oldest of each purpose, in % of its latest date (of those that nothing else keeps)", loc="left")
    below.set_ylim(0, 110)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise OperatorError(f"{path}: cannot write it ({error.strerror}); name another directory with --output") from error
    finally:
        plt.close(figure)
