"""`asterisk-privacy simulate`: years of calls in minutes, to see what the policy stores and that the purger keeps its promises."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from asterisk_privacy.cli.common import FOUND_SOMETHING, json_option, operator_errors, print_json, print_table
from asterisk_privacy.daemon.config import load
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.lab.timemachine.picture import draw
from asterisk_privacy.lab.timemachine.run import Outcome, days, simulate
from asterisk_privacy.lab.timemachine.sample import BOOK
from asterisk_privacy.policy.book import Book


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
    """Run years of calls, reviews, cases, court cases, legal holds, restrictions and objections on a virtual clock.

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
            draw(outcome.watch.samples, limits, folder / "simulation.png")
    if as_json:
        print_json(_as_json(outcome, limits))
    else:
        _show(outcome, limits)
        if output:
            click.echo(f"picture: {folder / 'simulation.png'}")
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
    columns = (TextColumn("{task.completed} of {task.total} nights"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=days(years))
        return simulate(book, path, years, calls, seed, tick=lambda: progress.advance(task))


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


def _as_json(outcome: Outcome, limits: dict[str, int]) -> dict[str, object]:
    keys = ("purpose", "kept", "most_at_once", "at_the_end", "oldest_days", "limit_days")
    return {
        "calls": outcome.calls,
        "nights": outcome.nights,
        "refused": outcome.refused,
        "deleted": outcome.watch.deleted,
        "stored": len(outcome.watch.living),
        "broken": outcome.watch.broken,
        "told": outcome.watch.told,
        "audit_ok": outcome.audit_ok,
        "seconds": round(outcome.seconds, 1),
        "purposes": [dict(zip(keys, row, strict=True)) for row in _purposes(outcome, limits)],
    }


def _show(outcome: Outcome, limits: dict[str, int]) -> None:
    watch = outcome.watch
    rows = [tuple(str(cell) for cell in row) for row in _purposes(outcome, limits)]
    title = f"{outcome.calls} calls in {outcome.nights} days, simulated in {outcome.seconds:.0f} s"
    print_table(("purpose", "kept in all", "most at once", "at the end", "oldest (days)*", "limit (days)"), rows, title)
    click.echo("* at a week's end, of those that no other purpose, legal hold or restriction keeps")
    kept = watch.deleted + len(watch.living)
    click.echo(f"{kept} recordings kept ({outcome.calls - kept} calls left nothing behind, {outcome.refused} of them refused)")
    click.echo(f"{watch.deleted} deleted, {len(watch.living)} stored, {watch.samples[-1].kept_back} of them held or restricted")
    for what in watch.told:
        click.echo(f"BROKEN: {what}", err=True)
    if not outcome.audit_ok:
        click.echo("BROKEN: the audit trail is not sound", err=True)
    if watch.broken:
        click.echo(f"{watch.broken} promises broken", err=True)
    else:
        click.echo("Every promise was kept: nothing outlived its latest date, nothing went under legal hold or while it was needed.")
