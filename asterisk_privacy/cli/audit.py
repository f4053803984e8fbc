"""`asterisk-privacy audit`: who did what, and whether the trail was tampered with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from asterisk_privacy.cli.common import (
    FOUND_SOMETHING,
    config_option,
    configured,
    iso,
    json_option,
    local,
    operator_errors,
    print_json,
    print_table,
)


@click.group("audit")
def audit() -> None:
    """The audit trail: every change, listen and deletion, in a chain of hashes."""


@audit.command("verify")
@config_option
@json_option
@operator_errors
def verify(config: Path, as_json: bool) -> None:
    """Check the whole chain: nothing changed, removed, inserted, moved or cut off.

    Who can write the whole registry file can also forge the whole chain. Keep the head that this prints somewhere else: a later
    chain that does not contain it is a forged one.

    \b
    Exit codes: 0 the trail is sound, 1 it is not, 2 configuration, 3 cannot work now.
    """
    with configured(config) as (_, registry):
        report = registry.verify_audit()
    if as_json:
        print_json({"entries": report.entries, "ok": report.ok, "first_bad": report.first_bad, "why": report.why})
    else:
        click.echo(f"{'sound' if report.ok else 'NOT SOUND'}: {report.why}")
    if not report.ok:
        sys.exit(FOUND_SOMETHING)


@audit.command("list")
@config_option
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many, counted from the newest.")
@click.option("--subject", metavar="ID", help="Only of this call or recording.")
@json_option
@operator_errors
def list_(config: Path, limit: int, subject: str | None, as_json: bool) -> None:
    """The newest entries, the newest last."""
    with configured(config) as (_, registry):
        entries = registry.audit_entries(limit, subject)[::-1]
    if as_json:
        print_json(
            [
                {"seq": e.seq, "at": iso(e.at), "actor": e.actor, "action": e.action, "subject": e.subject, "detail": dict(e.detail)}
                for e in entries
            ]
        )
        return
    rows = [(str(e.seq), local(e.at), e.actor, e.action, e.subject, ", ".join(f"{k}={v}" for k, v in e.detail.items())) for e in entries]
    print_table(("", "at", "who", "what", "of", "details"), rows)
