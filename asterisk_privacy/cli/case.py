"""`asterisk-privacy case`: complaints, escalations and court cases, the recordings that belong to them, and when they are over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from asterisk_privacy.access import cases
from asterisk_privacy.access.permission import Page
from asterisk_privacy.cli.acting import Acting, Reason, acting, reading, reason_option
from asterisk_privacy.cli.common import config_option, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.purge import Moment
from asterisk_privacy.cli.recordings import language_option, outlook
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.policy.cases import EVENTS, CaseKind, Step
from asterisk_privacy.registry.case_rows import CaseRow
from asterisk_privacy.retention.plan import Planned

P = ParamSpec("P")
R = TypeVar("R")

reference_argument = click.argument("reference", metavar="REFERENCE")
at_option = click.option("--at", type=Moment(), metavar="ISO-DATETIME", help="When it happened; without it: now.")
note_option = click.option("--note", default="", help="A few words, no name; they go with the last recording of the closed case.")


def common(command: Callable[P, R]) -> Callable[P, R]:
    return config_option(language_option(json_option(operator_errors(command))))


@click.group("case")
def case() -> None:
    """Cases: what recordings are kept for until the matter is over.

    A recording that waits for its case is kept until all its cases are closed, and a court case until it is final, appeal included:
    as long as each purpose promised, and never beyond its latest date. REFERENCE is the number in your own system, not a name.

    \b
    Example:
      asterisk-privacy case open 2026-17 --kind complaint --recording 0123456789abcdef
      asterisk-privacy case event 2026-17 discussed --note "called back"
      asterisk-privacy case close 2026-17

    \b
    Exit codes: 0 fine, 2 usage or configuration, 3 it does not fit the state of the case or recording.
    """


@case.command("open")
@reference_argument
@click.option("--kind", type=click.Choice([kind.value for kind in CaseKind]), required=True, help="What it is.")
@click.option("--recording", "ids", multiple=True, metavar="ID", help="A recording that belongs to it; may be said several times.")
@at_option
@note_option
@reason_option
@common
def open_(
    reference: str,
    kind: str,
    ids: tuple[str, ...],
    at: datetime | None,
    note: str,
    reason: str | None,
    config: Path,
    language: str | None,
    as_json: bool,
) -> None:
    """Open a case, and link recordings to it.

    \b
    Example:
      asterisk-privacy case open C-09-4711 --kind court --at 2026-03-02 --recording 0123456789abcdef
    """
    with acting(config, reason) as one:
        _tell(one, cases.open_case(one.desk, one.actor, kind, reference, ids, at, note), language, as_json)


@case.command("link")
@reference_argument
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@reason_option
@common
def link(reference: str, ids: tuple[str, ...], reason: str | None, config: Path, language: str | None, as_json: bool) -> None:
    """Say that recordings belong to an open case.

    \b
    Example:
      asterisk-privacy case link 2026-17 0123456789abcdef fedcba9876543210
    """
    with acting(config, reason) as one:
        _tell(one, cases.link(one.desk, one.actor, reference, ids), language, as_json)


@case.command("unlink")
@reference_argument
@click.argument("recording_id", metavar="ID")
@click.option("--reason", required=True, help="Why it does not belong to the case.")
@common
def unlink(reference: str, recording_id: str, reason: str, config: Path, language: str | None, as_json: bool) -> None:
    """Take a recording off a case to which it does not belong. It may be due at once then.

    \b
    Example:
      asterisk-privacy case unlink 2026-17 0123456789abcdef --reason "another customer"
    """
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        row = cases.unlink(one.desk, one.actor, reference, recording_id, reason)
        _tell(one, row, language, as_json, also=recording_id)


@case.command("event")
@reference_argument
@click.argument("event", type=click.Choice([step.value for step in EVENTS]))
@at_option
@note_option
@reason_option
@common
def event(
    reference: str, event: str, at: datetime | None, note: str, reason: str | None, config: Path, language: str | None, as_json: bool
) -> None:
    """Write down what happened in a case: discussed (with the customer); in court: lodged, judgment, appeal, final.

    A judgment against which nobody appeals becomes final by itself, after the appeal_days of the purpose. What is final stays final.

    \b
    Example:
      asterisk-privacy case event C-09-4711 judgment --at 2026-05-20
    """
    _step(Step(event), reference, at, note, reason, config, language, as_json)


@case.command("close")
@reference_argument
@at_option
@note_option
@reason_option
@common
def close(reference: str, at: datetime | None, note: str, reason: str | None, config: Path, language: str | None, as_json: bool) -> None:
    """The matter is over; of a court case: it was withdrawn or settled.

    \b
    Example:
      asterisk-privacy case close 2026-17 --note "refunded"
    """
    _step(Step.CLOSED, reference, at, note, reason, config, language, as_json)


@case.command("reopen")
@reference_argument
@at_option
@note_option
@reason_option
@common
def reopen(reference: str, at: datetime | None, note: str, reason: str | None, config: Path, language: str | None, as_json: bool) -> None:
    """It is not over after all. Recordings that are still there wait again; what is final in court cannot be reopened.

    \b
    Example:
      asterisk-privacy case reopen 2026-17 --note "the customer called again"
    """
    _step(Step.REOPENED, reference, at, note, reason, config, language, as_json)


@case.command("list")
@click.option("--all", "all_", is_flag=True, help="Also those that are closed.")
@config_option
@json_option
@operator_errors
def list_(all_: bool, config: Path, as_json: bool) -> None:
    """The open cases, the oldest first.

    \b
    Example:
      asterisk-privacy case list --all --json
    """
    with reading(config) as one:
        one.may_read(Page.CASES)
        rows = [row for row in one.registry.cases() if all_ or row.closed_at is None]
        told = [_as_json(row, cases.recordings_to_know(one.desk, one.actor, row)) for row in rows] if as_json else []
    if as_json:
        print_json(told)
        return
    lines = [
        (r.reference, r.kind.value, local(r.opened_at), local(r.reopened_at), local(r.closed_at), str(len(r.recordings))) for r in rows
    ]
    print_table(("case", "kind", "opened", "reopened", "closed", "recordings"), lines)


@case.command("show")
@reference_argument
@common
def show(reference: str, config: Path, language: str | None, as_json: bool) -> None:
    """One case: what happened in it, its recordings, and why and until when each of them is kept.

    \b
    Example:
      asterisk-privacy case show 2026-17 --language nl
    """
    with reading(config) as one:
        one.may_read(Page.CASES)
        row = cases.known(one.desk, reference)
        if not as_json:
            print_table(("what happened", "at", "by", "note"), [(n.step.value, local(n.at), n.by, n.note) for n in row.history])
        _tell(one, row, language, as_json)


def _step(
    step: Step, reference: str, at: datetime | None, note: str, reason: str | None, config: Path, language: str | None, as_json: bool
) -> None:
    with acting(config, reason) as one:
        row = cases.step(one.desk, one.actor, reference, step, at, note)
        _tell(one, row, language, as_json)


def _tell(one: Acting, row: CaseRow, language: str | None, as_json: bool, also: str | None = None) -> None:
    """The case, and what it means now for each of its recordings."""
    judged: list[tuple[str, Planned | None]] = []
    known = cases.recordings_to_know(one.desk, one.actor, row)
    for recording_id in (*known, *([also] if also else [])):
        recording = one.registry.recording(recording_id)
        meaning = None if recording is None else outlook(recording, one.desk.rules, language or one.settings.office.language)
        judged.append((recording_id, meaning))
    if as_json:
        told = [
            {"id": i, "due": None if p is None else p.delete, "ends_at": None if p is None else iso(p.due), "reason": p and p.reason}
            for i, p in judged
        ]
        print_json({**_as_json(row, known), "outlook": told})
        return
    state = "open" if row.closed_at is None else f"closed since {local(row.closed_at)}"
    echo(f"case {row.reference}: {row.kind}, {state}, {len(row.recordings)} recordings")
    for recording_id, planned in judged:
        echo(f"{recording_id}: " + ("gone" if planned is None else f"{'due' if planned.delete else 'kept'}: {planned.reason}"))


def _as_json(row: CaseRow, known: tuple[str, ...]) -> dict[str, object]:
    return {
        "reference": row.reference,
        "kind": row.kind.value,
        "opened_at": iso(row.opened_at),
        "reopened_at": iso(row.reopened_at),
        "closed_at": iso(row.closed_at),
        "history": [{"what": n.step.value, "at": iso(n.at), "by": n.by, "note": n.note} for n in row.history],
        "recordings": list(known),
        "others": len(row.recordings) - len(known),  # that are not for whoever asks
    }
