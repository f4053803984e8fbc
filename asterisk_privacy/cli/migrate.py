"""`asterisk-privacy migrate`: from a registry in a file and recordings on a disk to the shared ones, and the end of the old copies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from asterisk_privacy.cli.common import FOUND_SOMETHING, actor, config_option, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon import old_place
from asterisk_privacy.daemon.config import Config, load
from asterisk_privacy.errors import OperatorError

if TYPE_CHECKING:
    from asterisk_privacy.daemon.moving import Old, Report
    from asterisk_privacy.daemon.moving_files import Finding
    from asterisk_privacy.daemon.removing_old import Removed

MOST_LISTED = 1000
_PATH = click.Path(path_type=Path)


@click.command("migrate")
@click.option("--from-registry", type=_PATH, metavar="FILE", help="The old registry; else [registry] path.")
@click.option("--from-store", type=_PATH, metavar="DIRECTORY", help="The old recordings; else [store] directory.")
@click.option("--dry-run", is_flag=True, help="Check both sides and compare each file with its row; move nothing.")
@click.option("--remove-old", is_flag=True, help="After a finished move: destroy what it left behind.")
@config_option
@json_option
@operator_errors
def migrate(from_registry: Path | None, from_store: Path | None, dry_run: bool, remove_old: bool, config: Path, as_json: bool) -> None:
    """Move this machine's registry to PostgreSQL, and its recordings to a bucket.

    The configuration says where to: [registry] url and node, and [s3] if recordings are to go to a bucket; the old registry is the file
    [registry] path, the old recordings those in [store] directory. Stop the daemon first, and start it when this has ended. The database
    must be empty, and this user its owner.

    Files go first: each is compared with its row, uploaded, and read back. Then all rows go in one transaction, with the audit trail entry
    by entry, and are read back and compared before it counts. Cut off anywhere, run it again: it goes on. Run once more after its end, it
    changes nothing.

    The old copies stay until you say --remove-old. A deletion in the new place does not reach them, so do not wait long: the evidence of
    each deletion names them meanwhile, and status and check-config warn. In a directory that stays [store] directory, files are no old
    copies: the daemon removes each after it has compared it with the bucket.

    \b
    Example:
      systemctl stop asterisk-privacy asterisk-privacy-review
      sudo -u asterisk-privacy asterisk-privacy migrate --dry-run
      sudo -u asterisk-privacy asterisk-privacy migrate
      systemctl start asterisk-privacy asterisk-privacy-review
      sudo -u asterisk-privacy asterisk-privacy migrate --remove-old

    \b
    Exit codes: 0 fine; 1 moved (or removed), but for files that are missing or not as their rows say; 2 usage or configuration;
    3 cannot work now, and nothing was moved.
    """
    if dry_run and remove_old:
        raise click.UsageError("--remove-old has no dry run; what would go is in: check-config")
    settings = load(config)
    if not settings.registry.url:
        raise OperatorError("[registry] url is empty, so there is nowhere to move to; write the address of the PostgreSQL database")
    try:
        import psycopg  # noqa: F401, PLC0415  # an extra; who has a file needs none
    except ImportError as error:
        raise OperatorError(
            f"needs the library psycopg ({error}); apt install asterisk-privacy-postgres, or pip install 'asterisk-privacy[postgres]'"
        ) from error
    from asterisk_privacy.daemon import moving, removing_old  # noqa: PLC0415

    old = _old(settings, from_registry, from_store)
    with _shown() as progress:
        if remove_old:
            removed = removing_old.remove_old(settings, old, actor(), progress)
            findings: Sequence[Finding] = removed.findings
        else:
            report = moving.move(settings, old, actor(), dry_run, progress)
            findings = report.findings
    if remove_old:
        _tell_removed(removed, old, as_json)
    elif as_json:
        print_json(_as_json(report, old, dry_run))
    else:
        _tell(report, old, settings, dry_run)
    if findings:
        sys.exit(FOUND_SOMETHING)


def _old(settings: Config, registry: Path | None, store: Path | None) -> Old:
    """What was said, what an earlier run was told, what the configuration says."""
    from asterisk_privacy.daemon.moving import Old  # noqa: PLC0415

    known = old_place.read(settings)
    known_registry = Path(known.registry) if known is not None else settings.registry.path
    known_store = Path(known.store) if known is not None and known.store else settings.store.directory
    return Old((registry or known_registry).absolute(), (store or known_store).absolute())


@contextmanager
def _shown() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each kind of thing that is carried, where somebody is looking."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def tell(what: str, more: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.advance(bars[what], more)

        yield tell


def _tell(report: Report, old: Old, settings: Config, dry_run: bool) -> None:
    if report.before is not None:
        before = report.before
        echo(f"{old.registry}: was moved on {local(before.at)} by {before.actor} (audit entry {before.seq}); nothing was changed now")
        _tell_old_copies(settings)
        return
    print_table(
        ("table", "rows", "SHA-256, both sides"), [(name, f"{rows:,}", (sha or "")[:16]) for name, (rows, sha) in report.tables.items()]
    )
    _tell_findings(report.findings)
    files = f"{report.files.sound:,} recordings ({report.files.size >> 20:,} MiB) are as their rows say"
    echo(f"{files}, {len(report.findings)} are not")
    if dry_run:
        echo(f"a dry run: nothing was moved to {report.to}")
    elif report.made is not None:
        echo(f"moved to {report.to}: counts and hashes agree, the audit trail is sound; audit entry {report.made.seq} has the evidence")
        _tell_old_copies(settings)


def _tell_old_copies(settings: Config) -> None:
    for line in old_place.warnings(settings):
        echo(line, err=True)


def _tell_removed(removed: Removed, old: Old, as_json: bool) -> None:
    if as_json:
        files = [{"name": gone.name, "size": gone.size, "sha256": gone.sha256} for gone in removed.registry]
        told = {"recordings": removed.recordings, "bytes": removed.size, "registry": files, "findings": _listed(removed.findings)}
        print_json(told)
        return
    _tell_findings(removed.findings)
    echo(f"{removed.recordings:,} old recordings destroyed ({removed.size >> 20:,} MiB)")
    if removed.findings:
        echo(f"{old.registry}: stays until nothing is left of its recordings; settle the above, then run this again", err=True)
    else:
        echo(", ".join(f"{gone.name} destroyed" for gone in removed.registry) or f"{old.registry}: is gone already")


def _tell_findings(findings: Sequence[Finding]) -> None:
    for finding in findings[:MOST_LISTED]:
        echo(finding.what, err=True)
    if len(findings) > MOST_LISTED:
        echo(f"and {len(findings) - MOST_LISTED} more", err=True)


def _listed(findings: Sequence[Finding]) -> list[dict[str, str]]:
    return [{"id": finding.recording_id, "what": finding.what} for finding in findings]


def _as_json(report: Report, old: Old, dry_run: bool) -> dict[str, object]:
    made = report.made or report.before
    return {
        "from": {"registry": str(old.registry), "store": str(old.store)},
        "to": report.to,
        "dry_run": dry_run,
        "moved_before": report.before is not None,
        "tables": {name: {"rows": rows, "sha256": sha} for name, (rows, sha) in report.tables.items()},
        "recordings": report.files.sound,
        "bytes": report.files.size,
        "findings": _listed(report.findings),
        "audit_entry": None if made is None else made.seq,
        "moved_at": None if made is None else iso(made.at),
    }
