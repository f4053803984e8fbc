"""`asterisk-privacy simulate`: years of calls in minutes, to see what the policy stores and that the purger keeps its promises."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from asterisk_privacy.cli.common import FOUND_SOMETHING, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.config import load
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.timemachine.picture import draw
from asterisk_privacy.lab.timemachine.run import Outcome, days, simulate
from asterisk_privacy.lab.timemachine.sample import BOOK
from asterisk_privacy.policy.book import Book

EVERY_SECONDS = 30.0


@click.command("simulate")
@click.option("--config", type=click.Path(path_type=Path), help="Simulate this policy; else one with a purpose of each kind.")
@click.option("--years", type=click.FloatRange(0.01, 20), default=2.0, show_default=True, help="How long.")
@click.option("--calls", type=click.IntRange(1, 10_000_000), default=20_000, show_default=True, help="How many calls in all.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same years.")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Keep simulation.png and the registry there."
)
@json_option
@operator_errors
def simulate_(config: Path | None, years: float, calls: int, seed: int, output: Path | None, as_json: bool) -> None:
    """Run years of calls, reviews, lessons, cases, court cases, legal holds and persons' requests (access, erasure, restriction,
    objection) on a virtual clock.

    Policy, registry and purger are the real ones; there is no audio. A call that nothing keeps leaves no row, as on a real PBX. After
    each night it is checked, by other rules than the purger's, that nothing outlived its latest date, that nothing was deleted under
    legal hold or restriction, and that nothing went while it was needed.

    \b
    Examples:
      asterisk-privacy simulate
      asterisk-privacy simulate --years 5 --calls 1000000 --output simulation
      asterisk-privacy simulate --config /etc/asterisk-privacy/config.toml --years 3

    \b
    Exit codes: 0 every promise was kept, 1 one was broken, 2 usage or configuration, 3 cannot work now.
    """
    book = load(config).book if config else BOOK
    with TemporaryDirectory(prefix="simulation-") as scratch:
        folder = _folder(output) if output else Path(scratch)
        outcome = _run(book, folder / "simulation.sqlite", years, calls, seed)
        limits = _limits(book)
        if output:
            draw(outcome.watch.samples, limits, _in_a_line(outcome), folder / "simulation.png")
    if as_json:
        print_json(_as_json(outcome, limits))
    else:
        _show(outcome, limits)
        if output:
            echo(f"picture: {folder / 'simulation.png'}")
    if outcome.watch.broken or not outcome.audit_ok:
        sys.exit(FOUND_SOMETHING)


def _folder(output: Path) -> Path:
    try:
        output.mkdir(parents=True, exist_ok=True)
        for old in output.glob("simulation.sqlite*"):
            old.unlink()
    except OSError as error:
        raise OperatorError(f"{output}: cannot write there ({error.strerror}); name another directory with --output") from error
    return output


def _run(book: Book, path: Path, years: float, calls: int, seed: int) -> Outcome:
    if not sys.stderr.isatty():
        return simulate(book, path, years, calls, seed, tick=_Lines(days(years)))
    columns = (TextColumn("{task.completed} of {task.total} nights"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=days(years))
        return simulate(book, path, years, calls, seed, tick=lambda: progress.advance(task))


class _Lines:
    """For a log: a line each half minute."""

    def __init__(self, nights: int) -> None:
        self._nights, self._done = nights, 0
        self._began = self._told = time.monotonic()

    def __call__(self) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._told >= EVERY_SECONDS:
            self._told = now
            left = (now - self._began) / self._done * (self._nights - self._done)
            echo(f"{self._done} of {self._nights} nights, {left / 60:.0f} min left", err=True)


def _limits(book: Book) -> dict[str, int]:
    """Days, a lesson included."""
    return {
        name: max(purpose.retention.latest_days, getattr(purpose.retention, "lesson_days", 0)) for name, purpose in book.purposes.items()
    }


def _purposes(outcome: Outcome, limits: dict[str, int]) -> list[tuple[str, int, int, int, float, int]]:
    """(name, kept in all, most at once, at the end, oldest in days, limit in days)"""
    samples = outcome.watch.samples
    return [
        (
            name,
            outcome.watch.kept.get(name, 0),
            max(sample.stored.get(name, 0) for sample in samples),
            samples[-1].stored.get(name, 0),
            round(max(sample.oldest.get(name, 0.0) for sample in samples), 1),
            limit,
        )
        for name, limit in limits.items()
    ]


def _in_a_line(outcome: Outcome) -> str:
    watch = outcome.watch
    return (
        f"{outcome.calls:,} calls: {outcome.recorded:,} recorded, {outcome.calls - outcome.recorded:,} left nothing behind. "
        f"Of the recordings {watch.deleted:,} deleted when due, {watch.erased_on_request:,} erased at a person's request, "
        f"{len(watch.living):,} stored; {watch.broken:,} promises broken."
    )


def _as_json(outcome: Outcome, limits: dict[str, int]) -> dict[str, object]:
    keys = ("purpose", "kept", "most_at_once", "at_the_end", "oldest_days", "limit_days")
    return {
        "calls": outcome.calls,
        "nights": outcome.nights,
        "refused": outcome.refused,
        "recorded": outcome.recorded,
        "happened": dict(outcome.happened),
        "deleted": outcome.watch.deleted,
        "erased_on_request": outcome.watch.erased_on_request,
        "stored": len(outcome.watch.living),
        "promises_checked": outcome.watch.checked,
        "broken": outcome.watch.broken,
        "told": outcome.watch.told,
        "audit_ok": outcome.audit_ok,
        "audit_entries": outcome.audit_entries,
        "seconds": round(outcome.seconds, 1),
        "cpu_seconds": round(outcome.cpu_seconds, 1),
        "peak_mib": outcome.peak_mib,
        "purposes": [dict(zip(keys, row, strict=True)) for row in _purposes(outcome, limits)],
    }


def _show(outcome: Outcome, limits: dict[str, int]) -> None:
    watch = outcome.watch
    rows = [(name, *(f"{number:,}" for number in numbers)) for name, *numbers in _purposes(outcome, limits)]
    title = f"{outcome.calls:,} calls in {outcome.nights:,} days"
    headings = ("purpose", "recordings kept in all", "most at once", "at the end", "oldest (days)*", "limit (days)")
    print_table(headings, rows, title)
    echo("* at a week's end, of those that no other purpose, legal hold or restriction keeps")
    print_table(("what happened", "times"), [(what, f"{times:,}") for what, times in outcome.happened.items()], "To these recordings")
    echo(_in_a_line(outcome))
    echo(f"{outcome.refused:,} callers refused. At the end {watch.samples[-1].kept_back:,} recordings are held or restricted.")
    echo(
        f"{outcome.seconds:,.0f} s ({outcome.cpu_seconds:,.0f} s of CPU), at most {outcome.peak_mib or '?'} MiB of memory; "
        f"{outcome.audit_entries:,} entries in the audit trail, checked"
    )
    for what in watch.told:
        echo(f"BROKEN: {what}", err=True)
    if not outcome.audit_ok:
        echo("BROKEN: the audit trail is not sound", err=True)
    if watch.broken:
        echo(f"{watch.broken} promises broken", err=True)
    else:
        what = "nothing outlived its latest date, nothing went under legal hold or while it was needed"
        echo(f"Every promise was kept ({watch.checked:,} looks at one recording in one night): {what}.")
