"""`asterisk-privacy recordings`: what is kept, why and until when; what happened to it."""

from __future__ import annotations

from pathlib import Path

import click

from asterisk_privacy.cli.common import (
    actor,
    clock,
    config_option,
    configured,
    iso,
    json_option,
    local,
    operator_errors,
    print_json,
    print_table,
)
from asterisk_privacy.cli.export import export
from asterisk_privacy.cli.timeline_bar import bar, legend, ruler
from asterisk_privacy.daemon.purging import to_item
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.retention import Facts, Milestone, criterion_to_mapping
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State, open_cases
from asterisk_privacy.registry.subjects import ListenRow
from asterisk_privacy.retention.plan import Planned, judge


@click.group("recordings")
def recordings() -> None:
    """The recordings that exist, and those that are gone."""


recordings.add_command(export)


@recordings.command("list")
@config_option
@click.option("--state", type=click.Choice([s.value for s in State]), help="Only those in this state.")
@json_option
@operator_errors
def list_(config: Path, state: str | None, as_json: bool) -> None:
    """All recordings, the oldest first."""
    with configured(config) as (_, registry):
        rows = registry.recordings(state=state)
    if as_json:
        print_json([_as_json(row) for row in rows])
        return
    headings = ("recording", "recorded", "line", "agent", "state", "length", "purposes", "at the latest until")
    print_table(headings, [_line(row) for row in rows])


def _line(row: RecordingRow) -> tuple[str, ...]:
    return (
        row.id,
        local(row.recorded_at),
        row.profile,
        row.agent or "",
        row.state.value,
        "" if row.duration_ms is None else clock(row.duration_ms),
        ", ".join(p.name for p in row.purposes),
        local(judged.due) if (judged := outlook(row)) else "",
    )


@recordings.command("show")
@click.argument("recording_id", metavar="ID")
@config_option
@json_option
@operator_errors
def show(recording_id: str, config: Path, as_json: bool) -> None:
    """One recording: its timeline with every gap, its purposes, and why and until when each keeps it."""
    with configured(config) as (_, registry):
        row = wanted(registry, recording_id)
        heard = registry.listens(recording_id)
    if as_json:
        print_json({**_as_json(row), "listened": [_heard_json(one) for one in heard]})
        return
    facts = [
        ("recording", row.id),
        ("call", f"{row.call_id}, part {row.part}, line {row.profile}, agent {row.agent or 'unknown'}"),
        ("recorded", local(row.recorded_at)),
        ("state", row.state.value + (f" since {local(row.state_at)}: {row.state_reason}" if row.state_reason else "")),
    ]
    if row.duration_ms is not None:
        facts.append(("length", clock(row.duration_ms) + (" (truncated: a crash cut it off)" if row.truncated else "")))
    judged = outlook(row)
    if judged is not None:
        facts.append(("due" if judged.delete else "kept until", f"{local(judged.due)}{'' if judged.delete else ' at the latest'}"))
    if row.restriction is not None:
        excepted = ", ".join(row.restriction.except_for) or "nothing"
        facts.append(("restricted", f"since {local(row.restriction.at)}: {row.restriction.reason}; except for {excepted}"))
    if row.evidence:
        facts.append(("evidence", row.evidence))
    for name, value in facts:
        click.echo(f"{name:<11}{value}")
    _show_timeline(row)
    _show_purposes(row)
    if row.history:
        print_table(("what happened", "at", "by", "note"), [(m.kind.value, local(m.at), m.by, m.note) for m in row.history])
    if heard:
        print_table(("who listened", "at", "what", "purpose", "reason"), [(h.by, local(h.at), h.what, h.purpose, h.reason) for h in heard])
    else:
        click.echo("nobody has listened to it")


def _heard_json(one: ListenRow) -> dict[str, object]:
    return {"at": iso(one.at), "by": one.by, "what": one.what, "purpose": one.purpose, "reason": one.reason}


def _show_timeline(row: RecordingRow) -> None:
    if not row.spans:
        return
    end = max(span.end_ms for span in row.spans)
    click.echo(f"\n0:00 {bar(row.spans)} {clock(end)}")
    if row.marks:
        click.echo("     " + ruler(row.marks, row.spans))
    click.echo("     " + legend(row.spans))
    click.echo("     " + ", ".join(f"{s.kind.value} {clock(s.start_ms)}-{clock(s.end_ms)}" for s in row.spans))
    if row.marks:
        click.echo("     ^ " + ", ".join(f"{m.kind.value} {clock(m.at_ms)}" for m in row.marks))


def _show_purposes(row: RecordingRow) -> None:
    facts, now = Facts(row.recorded_at, row.milestones), utc_now()
    kept = row.state in (State.WRITING, State.SEALED)
    rows = [
        (p.name, p.title, p.basis.value, p.reasoning, p.criterion.verdict(facts, now).reason if kept else p.criterion.in_words())
        for p in row.purposes
    ]
    print_table(("purpose", "in words", "legal basis", "because", "kept"), rows)


@recordings.command("reviewed")
@click.argument("recording_id", metavar="ID")
@click.option("--outcome", required=True, help="What the review led to, in a few words; it goes when the recording goes.")
@config_option
@json_option
@operator_errors
def reviewed(recording_id: str, outcome: str, config: Path, as_json: bool) -> None:
    """Write down that a recording was reviewed; purposes that waited for it end."""
    with configured(config) as (_, registry):
        registry.milestone(recording_id, Milestone.REVIEWED, utc_now(), actor(), outcome)
        row = wanted(registry, recording_id)
    _tell(row, as_json)


@recordings.command("case")
@click.argument("recording_id", metavar="ID")
@click.option("--opened", "happened", flag_value=Milestone.CASE_OPENED.value, help="The recording belongs to this case.")
@click.option("--closed", "happened", flag_value=Milestone.CASE_CLOSED.value, help="The case is over.")
@click.option("--reference", required=True, help="Which case: the number in your own system, not a name.")
@config_option
@json_option
@operator_errors
def case(recording_id: str, happened: str | None, reference: str, config: Path, as_json: bool) -> None:
    """Link a recording to a case that is open, or say that the case is closed. With several cases the last one counts."""
    if happened is None:
        raise click.UsageError("say --opened or --closed")
    kind = Milestone(happened)
    with configured(config) as (_, registry):
        known = open_cases(wanted(registry, recording_id).history)
        if kind is Milestone.CASE_CLOSED and reference not in known:
            names = ", ".join(sorted(known)) or "none"
            raise OperatorError(f"recording {recording_id}: no open case {reference!r}; open cases: {names}")
        registry.milestone(recording_id, kind, utc_now(), actor(), reference)
        row = wanted(registry, recording_id)
    _tell(row, as_json)


def _tell(row: RecordingRow, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(row))
    elif (judged := outlook(row)) is not None:
        click.echo(f"{row.id}: {'due' if judged.delete else 'kept'}: {judged.reason}")


def wanted(registry: Registry, recording_id: str) -> RecordingRow:
    row = registry.recording(recording_id)
    if row is None:
        raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
    return row


def outlook(row: RecordingRow) -> Planned | None:
    """As the purger would judge it now; None when there is nothing left to judge."""
    return judge(to_item(row), utc_now()) if row.state in (State.WRITING, State.SEALED) else None


def _as_json(row: RecordingRow) -> dict[str, object]:
    judged = outlook(row)
    return {
        "id": row.id,
        "call_id": row.call_id,
        "part": row.part,
        "profile": row.profile,
        "agent": row.agent,
        "state": row.state.value,
        "state_at": iso(row.state_at),
        "state_reason": row.state_reason,
        "recorded_at": iso(row.recorded_at),
        "sealed_at": iso(row.sealed_at),
        "duration_ms": row.duration_ms,
        "size": row.size,
        "sha256": row.sha256,
        "truncated": row.truncated,
        "due": None if judged is None else judged.delete,
        "ends_at": None if judged is None else iso(judged.due),
        "reason": None if judged is None else judged.reason,
        "purposes": [
            {
                "name": p.name,
                "title": p.title,
                "basis": p.basis.value,
                "reasoning": p.reasoning,
                "retention": criterion_to_mapping(p.criterion),
                "added_at": iso(p.added_at),
            }
            for p in row.purposes
        ],
        "milestones": [{"kind": m.kind.value, "at": iso(m.at), "by": m.by, "note": m.note} for m in row.history],
        "spans": [{"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms} for s in row.spans],
        "marks": [{"kind": m.kind.value, "at_ms": m.at_ms} for m in row.marks],
        "evidence": row.evidence,
    }
