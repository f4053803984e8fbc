"""`asterisk-privacy audit`: who did what, and whether the trail was tampered with."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from asterisk_privacy.access.permission import Page
from asterisk_privacy.cli.acting import reading
from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, configured, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.vouching import sign_trail
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.chains import called
from asterisk_privacy.registry.checkpoint import read_file
from asterisk_privacy.registry.rows import AuditReport
from asterisk_privacy.registry.signing import Verifier
from asterisk_privacy.registry.verify import Copy


@click.group("audit")
def audit() -> None:
    """The audit trail: every change, listen and deletion, in a chain of hashes; where nodes share a registry, each has its own."""


_FILE = click.Path(dir_okay=False, path_type=Path)


@audit.command("verify")
@click.option("--checkpoint", "files", type=_FILE, multiple=True, metavar="FILE", help="A copy kept elsewhere; may be said again.")
@click.option("--public-key", "public_key", type=_FILE, help="A copy kept elsewhere; else that of the configuration.")
@config_option
@json_option
@operator_errors
def verify(files: tuple[Path, ...], public_key: Path | None, config: Path, as_json: bool) -> None:
    """Check every chain whole, and the checkpoints signed over it: nothing changed, removed, inserted, moved or cut off, no chain gone.

    Who can write all of this machine can forge the chain, the checkpoints here and the public key. Therefore keep the public key and
    copies of the checkpoints elsewhere (the file [registry] checkpoints, or the journal's lines), and name them: then a cut or
    rewritten trail is found, whoever did it.

    Who sees one company's rows only ([registry] tenant) is told of those: that nothing is missing only the whole trail tells.

    \b
    Example:
      asterisk-privacy audit verify --checkpoint /mnt/elsewhere/checkpoints.jsonl --public-key /mnt/elsewhere/checkpoint.pub

    \b
    Exit codes: 0 the trail is sound, 1 it is not, 2 configuration, 3 cannot work now.
    """
    with configured(config) as (settings, registry):
        keys = Verifier.load(public_key) if public_key is not None else _own_key(settings.registry.checkpoint_public_key)
        own = _own_copy(settings.registry.checkpoints, alone=not settings.registry.url)
        report = registry.verify_audit([*own, *map(_copy, files)], keys)
        whose = registry.tenants.bound
    if as_json:
        print_json({**_as_json(report, keys is not None), **({} if whose is None else {"only_tenant": whose})})
    else:
        echo(f"{'sound' if report.ok else 'NOT SOUND'}: {report.why}")
        for fault in report.faults[1:]:
            echo(f"and: {fault}")
        if len(report.chains) > 1:
            rows = [(called(c.chain), str(c.entries), "" if c.ok else "NOT SOUND", c.head) for c in report.chains]
            print_table(("", "entries", "", "head"), rows)
        if not whose:
            echo(_about_checkpoints(report, keys is not None))
    if not report.ok:
        sys.exit(FOUND_SOMETHING)


@audit.command("checkpoint")
@config_option
@json_option
@operator_errors
def checkpoint(config: Path, as_json: bool) -> None:
    """Sign the trail as it stands, now. The recorder does so each night.

    The checkpoint goes to the registry and to the end of the file [registry] checkpoints. A trail that is not sound is not signed.
    Where nodes share a registry one checkpoint vouches for the chains of all, as its entry in the first chain tells; what it says of
    other nodes may be up to twelve hours old, if their own have named them since.

    \b
    Example:
      sudo -u asterisk-privacy asterisk-privacy audit checkpoint

    \b
    Exit codes: 0 fine, 2 configuration, 3 no key, a broken trail, or a file that cannot be written.
    """
    with configured(config) as (settings, registry):
        made = sign_trail(registry, settings.registry)
    if as_json:
        print_json(asdict(made))
    else:
        where = settings.registry.checkpoints
        what = "entries of the first chain, which tells of the others" if settings.registry.url else "entries"
        echo(f"checkpoint {made.number} at {made.at}: {made.entries} {what}, signed by key {made.key}; ship {where}")


def _own_key(path: Path) -> Verifier | None:
    return Verifier.load(path) if path.exists() else None


def _own_copy(path: Path, alone: bool) -> list[Copy]:
    """The file beside the registry. That it is not there is a fault as soon as the registry knows of a checkpoint; but where nodes share
    the registry, another may have signed since this one's file was written."""
    try:
        return [Copy(str(path), *read_file(path), own=alone)]
    except FileNotFoundError:
        return [Copy(str(path), (), own=alone)]


def _copy(path: Path) -> Copy:
    try:
        checkpoints, faults = read_file(path)
    except FileNotFoundError:
        raise OperatorError(f"checkpoints {path}: no such file; name a copy of the file [registry] checkpoints") from None
    if not checkpoints:
        raise OperatorError(f"checkpoints {path}: holds no checkpoint; name a copy of the file [registry] checkpoints")
    return Copy(str(path), checkpoints, faults)


def _about_checkpoints(report: AuditReport, checked: bool) -> str:
    last = report.last_checkpoint
    if last is None:
        return (
            "no checkpoint yet: a tail that was cut off, and the head with it, would not be seen; "
            "see: asterisk-privacy keys generate-checkpoint-key --help"
        )
    signed = f"signed by key {last.key}" if checked else "SIGNATURES NOT CHECKED: no public key here, name it with --public-key"
    return f"last checkpoint: {last.number} at {last.at}, {report.counted} entries; {report.since} since; {signed}"


def _as_json(report: AuditReport, checked: bool) -> dict[str, object]:
    return {
        "entries": report.entries,
        "ok": report.ok,
        "first_bad": report.first_bad,
        "first_bad_chain": report.first_bad_chain,
        "why": report.why,
        "faults": list(report.faults),
        "checkpoints": report.checkpoints,
        "last_checkpoint": None if report.last_checkpoint is None else asdict(report.last_checkpoint),
        "since": report.since,
        "chains": [asdict(chain) for chain in report.chains],
        "signatures_checked": checked and report.last_checkpoint is not None,
    }


@audit.command("list")
@config_option
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, counted from the newest.")
@click.option("--subject", metavar="ID", help="Only of this call or recording.")
@json_option
@operator_errors
def list_(config: Path, limit: int, subject: str | None, as_json: bool) -> None:
    """The newest entries, the newest last. Where nodes share a registry each counts its own, and they are put together by their clocks."""
    with reading(config) as one:
        one.may_read(Page.AUDIT)
        entries = one.registry.audit_entries(limit, subject)[::-1]
    if as_json:
        print_json(
            [
                {"chain": e.chain, "seq": e.seq, "at": iso(e.at), "actor": e.actor, "action": e.action, "subject": e.subject}
                | {"detail": dict(e.detail)}
                for e in entries
            ]
        )
        return
    rows = [
        (e.chain or "(first)", str(e.seq), local(e.at), e.actor, e.action, e.subject, ", ".join(f"{k}={v}" for k, v in e.detail.items()))
        for e in entries
    ]
    columns = ("chain", "", "at", "who", "what", "of", "details")
    shown = slice(None if any(e.chain for e in entries) else 1, None)
    print_table(columns[shown], [row[shown] for row in rows])
