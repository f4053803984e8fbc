"""`asterisk-privacy recordings`: what is kept, why and until when; what happened to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import click

from asterisk_privacy.access.acts import give_date, note_reviewed
from asterisk_privacy.call.participants import PartyRole
from asterisk_privacy.cli.acting import Reason, acting, reading, reason_option
from asterisk_privacy.cli.common import clock, config_option, iso, json_option, local, operator_errors, print_json
from asterisk_privacy.cli.export import export
from asterisk_privacy.cli.lesson import lesson
from asterisk_privacy.cli.listens import heard_for, heard_json
from asterisk_privacy.cli.place_words import in_words
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.purge import Moment
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.cli.timeline_bar import bar, legend, ruler
from asterisk_privacy.daemon.config import Config
from asterisk_privacy.daemon.purging import AS_PROMISED, Rules, to_item
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.book import LANGUAGES
from asterisk_privacy.policy.retention import criterion_to_mapping
from asterisk_privacy.policy.words import say
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import LIVING, RecordingRow, State
from asterisk_privacy.retention.plan import Planned, judge

language_option = click.option("--language", type=click.Choice(LANGUAGES), help="Of the reasons; without it that of [office].")


@click.group("recordings")
def recordings() -> None:
    """The recordings that exist, and those that are gone."""


recordings.add_command(export)
recordings.add_command(lesson)


@recordings.command("list")
@config_option
@click.option("--state", type=click.Choice([s.value for s in State]), help="Only those in this state.")
@json_option
@operator_errors
def list_(config: Path, state: str | None, as_json: bool) -> None:
    """All recordings, the oldest first. With an account: those of which the review page would let you know."""
    with reading(config) as one:
        settings, rows = one.settings, [row for row in one.registry.recordings(state=state) if one.knows(row)]
    judged = {row.id: _judged(row, settings, None) for row in rows}
    if as_json:
        print_json([_as_json(row, judged[row.id]) for row in rows])
        return
    headings: tuple[str, ...] = ("recording", "recorded", "line", "agent", "state", "length", "purposes", "at the latest until")
    lines = [_line(row, judged[row.id]) for row in rows]
    if any(row.node is not None for row in rows):  # several machines
        headings, lines = (*headings, "where"), [(*line, _where(row)) for line, row in zip(lines, rows, strict=True)]
    print_table(headings, lines)


def _where(row: RecordingRow) -> str:
    return in_words(row.node, row.place) if row.state in LIVING else row.node or ""


def _line(row: RecordingRow, judged: Planned | None) -> tuple[str, ...]:
    return (
        row.id,
        local(row.recorded_at),
        row.profile,
        ", ".join(row.agents),
        row.state.value,
        "" if row.duration_ms is None else clock(row.duration_ms),
        ", ".join(p.name for p in row.purposes),
        _until(judged),
    )


def _until(judged: Planned | None) -> str:
    if judged is None:
        return ""
    return "held" if judged.blocked else local(judged.due)


@recordings.command("show")
@click.argument("recording_id", metavar="ID")
@config_option
@language_option
@json_option
@operator_errors
def show(recording_id: str, config: Path, language: str | None, as_json: bool) -> None:
    """One recording: its timeline with every gap, its purposes, and why and until when each keeps it."""
    with reading(config) as one:
        settings, row = one.settings, wanted(one.registry, recording_id)
        if not one.knows(row):
            raise unknown(recording_id)
        heard = one.registry.listens(recording_id)
    judged = _judged(row, settings, language)
    if as_json:
        print_json({**_as_json(row, judged), "listened": [heard_json(one) for one in heard]})
        return
    facts = [
        ("recording", row.id),
        ("call", f"{row.call_id}, part {row.part}, line {row.profile}, {_spoke(row)}"),
        ("recorded", local(row.recorded_at)),
        ("state", row.state.value + (f" since {local(row.state_at)}: {row.state_reason}" if row.state_reason else "")),
    ]
    if _where(row):
        facts.append(("where", _where(row)))
    if row.duration_ms is not None:
        facts.append(("length", clock(row.duration_ms) + (" (truncated: a crash cut it off)" if row.truncated else "")))
    if row.deidentified is not None:
        facts.append(("de-identified", row.deidentified))
    facts += _around(row)
    if judged is not None and not judged.blocked:
        facts.append(("due" if judged.delete else "kept until", f"{local(judged.due)}{'' if judged.delete else ' at the latest'}"))
    if row.restriction is not None:
        excepted = ", ".join(row.restriction.except_for) or "nothing"
        facts.append(("restricted", f"since {local(row.restriction.at)}: {row.restriction.reason}; except for {excepted}"))
    if row.evidence:
        facts.append(("evidence", row.evidence))
    for name, value in facts:
        echo(f"{name:<11}{value}")
    _show_timeline(row)
    _show_purposes(row, judged)
    if row.history:
        print_table(("what happened", "at", "by", "note"), [(m.kind.value, local(m.at), m.by, m.note) for m in row.history])
    if heard:
        print_table(
            ("who listened", "at", "what", "purpose", "reason"), [(h.by, local(h.at), h.what, heard_for(h), h.reason) for h in heard]
        )
    else:
        echo("nobody has listened to it")


def _spoke(row: RecordingRow) -> str:
    """The agents, each with the stretches of the call in which they were; without, where those were not written down."""
    told = [" ".join((agent, *stretches_of(row, agent))) for agent in row.agents]
    return f"{'agents' if len(told) > 1 else 'agent'} {', '.join(told) or 'unknown'}"


def stretches_of(row: RecordingRow, agent: str) -> Iterator[str]:
    for one in row.participants:
        if one.person.endpoint == agent and one.from_ms is not None:
            yield f"{clock(one.from_ms)}-{'' if one.to_ms is None else clock(one.to_ms)}"


def _show_timeline(row: RecordingRow) -> None:
    if not row.spans:
        return
    end = max(span.end_ms for span in row.spans)
    echo()
    echo(f"0:00 {bar(row.spans)} {clock(end)}")
    if row.marks:
        echo("     " + ruler(row.marks, row.spans))
    echo("     " + legend(row.spans))
    echo("     " + ", ".join(f"{s.kind.value} {clock(s.start_ms)}-{clock(s.end_ms)}" for s in row.spans))
    if row.marks:
        echo("     ^ " + ", ".join(f"{m.kind.value} {clock(m.at_ms)}" for m in row.marks))


def _around(row: RecordingRow) -> list[tuple[str, str]]:
    """Its cases, legal holds, and whether it is a lesson."""
    around = row.circumstances
    facts = [("cases", ", ".join(around.cases))] if around.cases else []
    for hold in around.holds:
        what = f"legal hold {hold.id} since {local(hold.placed_at)} by {hold.placed_by}: {hold.reason}"
        facts.append(("held", f"{what}; may listen: {', '.join(hold.listeners)}"))
    if around.lesson is not None:
        facts.append(("lesson", f"until {local(around.lesson.until)}, decided by {around.lesson.by}: {around.lesson.reason}"))
    return facts


def _show_purposes(row: RecordingRow, judged: Planned | None) -> None:
    if judged is None or not row.purposes:
        kept = [purpose.criterion.in_words() for purpose in row.purposes]
    else:  # what blocks the deletion stands in front
        kept = [say(clause, judged.language) for _, clause in judged.clauses[-len(row.purposes) :]]
    rows = [(p.name, p.title, p.basis.value, p.reasoning, words) for p, words in zip(row.purposes, kept, strict=True)]
    print_table(("purpose", "in words", "legal basis", "because", "kept"), rows)


@recordings.command("reviewed")
@click.argument("recording_id", metavar="ID")
@click.option("--outcome", required=True, help="What the review led to, in a few words; it goes when the recording goes.")
@reason_option
@config_option
@json_option
@operator_errors
def reviewed(recording_id: str, outcome: str, reason: str | None, config: Path, as_json: bool) -> None:
    """Write down that a recording was reviewed; purposes that waited for it end.

    For who may do so on the review page: a reviewer, and no call of yours. Root without an account may too; root is asked why, and the
    answer stands in the audit trail.
    """
    with acting(config, reason) as one:
        note_reviewed(one.desk, one.actor, wanted(one.registry, recording_id), outcome)
        row = wanted(one.registry, recording_id)
    _tell(row, _judged(row, one.settings, None), as_json)


@recordings.command("date")
@click.argument("recording_id", metavar="ID")
@click.option("--until", type=Moment(), required=True, metavar="DATE", help="The date, such as the end of a warranty.")
@click.option("--reason", required=True, help="Whose date it is, in a few words and no name; it goes when the recording goes.")
@config_option
@json_option
@operator_errors
def date(recording_id: str, until: datetime, reason: str, config: Path, as_json: bool) -> None:
    """Give a recording a date of its own. A purpose with `until = "given-date"` ends then.

    The date that you give last counts, also where it is an earlier one. No date goes beyond the purpose's latest date.

    \b
    Example:
      asterisk-privacy recordings date 0123456789abcdef --until 2027-03-01 --reason "warranty of order 4711"
    """
    if not reason.strip():
        raise click.UsageError("--reason: say why")
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        give_date(one.desk, one.actor, wanted(one.registry, recording_id), until, reason)
        row = wanted(one.registry, recording_id)
    _tell(row, _judged(row, one.settings, None), as_json)


def _tell(row: RecordingRow, judged: Planned | None, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(row, judged))
    elif judged is not None:
        echo(f"{row.id}: {'due' if judged.delete else 'kept'}: {judged.reason}")


def wanted(registry: Registry, recording_id: str) -> RecordingRow:
    row = registry.recording(recording_id)
    if row is None:
        raise unknown(recording_id)
    return row


def unknown(recording_id: str) -> OperatorError:
    """Also where there is one that is not for who asks."""
    return OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")


def outlook(row: RecordingRow, rules: Rules = AS_PROMISED, language: str = "en") -> Planned | None:
    """As the purger would judge it now; None when there is nothing left to judge."""
    return judge(to_item(row, rules), utc_now(), language) if row.state in (State.WRITING, State.SEALED) else None


def _judged(row: RecordingRow, settings: Config, language: str | None) -> Planned | None:
    return outlook(row, Rules.of(settings), language or settings.office.language)


def _as_json(row: RecordingRow, judged: Planned | None) -> dict[str, object]:
    around = row.circumstances
    return {
        "id": row.id,
        "call_id": row.call_id,
        "part": row.part,
        "profile": row.profile,
        "agent": next(iter(row.agents), None),
        "agents": [
            {"endpoint": one.person.endpoint, "from_ms": one.from_ms, "to_ms": one.to_ms}
            for one in row.participants
            if one.person.role is PartyRole.AGENT
        ],
        "state": row.state.value,
        "state_at": iso(row.state_at),
        "state_reason": row.state_reason,
        "recorded_at": iso(row.recorded_at),
        "sealed_at": iso(row.sealed_at),
        "duration_ms": row.duration_ms,
        "size": row.size,
        "sha256": row.sha256,
        "truncated": row.truncated,
        "deidentified": row.deidentified,
        "node": row.node,
        "place": row.place if row.state in LIVING else None,
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
        "cases": list(around.cases),
        "holds": [{"id": h.id, "placed_at": iso(h.placed_at), "by": h.placed_by, "listeners": list(h.listeners)} for h in around.holds],
        "lesson_until": None if around.lesson is None else iso(around.lesson.until),
        "milestones": [{"kind": m.kind.value, "at": iso(m.at), "by": m.by, "note": m.note} for m in row.history],
        "spans": [{"kind": s.kind.value, "start_ms": s.start_ms, "end_ms": s.end_ms} for s in row.spans],
        "marks": [{"kind": m.kind.value, "at_ms": m.at_ms} for m in row.marks],
        "evidence": row.evidence,
    }
