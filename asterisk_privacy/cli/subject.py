"""`asterisk-privacy subject`: what is kept of one person, and a copy for him or her."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import NoReturn

import click

from asterisk_privacy.access import persons
from asterisk_privacy.access.acts import Refused
from asterisk_privacy.access.permission import Refusal
from asterisk_privacy.cli.acting import Acting, acting, reason_option
from asterisk_privacy.cli.common import (
    FOUND_SOMETHING,
    clock,
    config_option,
    iso,
    json_option,
    local,
    operator_errors,
    print_json,
)
from asterisk_privacy.cli.listens import heard_for, heard_json
from asterisk_privacy.cli.persons import period_options, person, person_options
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.subject_acts import erase, object_, restrict
from asterisk_privacy.cli.subject_request import request
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon.rights import flac_of, held, outlook, told
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.requests import About, RequestKind, RequestRow
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.registry.subjects import ListenRow
from asterisk_privacy.retention.plan import Planned
from asterisk_privacy.rights import bundle
from asterisk_privacy.rights.bundle import Side, Wish
from asterisk_privacy.rights.delivery import deliver_to
from asterisk_privacy.rights.words import WORDS
from asterisk_privacy.store.identity import Identity


@click.group("subject")
def subject() -> None:
    """A person's rights: find, copy, erase, restrict, object, and the deadline of each request (GDPR art. 12 to 21)."""


subject.add_command(erase)
subject.add_command(restrict)
subject.add_command(object_)
subject.add_command(request)


@subject.command("find")
@person_options
@period_options
@reason_option
@config_option
@json_option
@operator_errors
def find(
    number: str | None, agent: str | None, since: date | None, until: date | None, reason: str | None, config: Path, as_json: bool
) -> None:
    """Which recordings of a person exist, what for, until when, and who listened.

    A caller is found by number, an employee by his endpoint. What was deleted is not found: nobody knows any more whose it was.

    \b
    Examples:
      asterisk-privacy subject find --number "+31 6 12345678" --from 2026-01-01
      asterisk-privacy subject find --agent PJSIP/anna
    """
    with acting(config, reason) as one:
        settings, registry = one.settings, one.registry
        who = person(settings, number, agent)
        who.not_named_in(reason=one.actor.why)
        found = who.recordings(registry, since, until)
        rows = persons.look_up(one.desk, one.actor, who.about.value, found)
        heard = {row.id: registry.listens(row.id) for row in rows}
        judged = {row.id: outlook(row, settings, settings.office.language, utc_now()) for row in rows}
    if as_json:
        print_json([_as_json(row, heard[row.id], judged[row.id]) for row in rows])
        return
    if len(found) > len(rows):
        echo(f"{len(found) - len(rows)} more are calls of yours; another privacy officer answers for them", err=True)
    if not found:
        echo("No recording is kept of this person in this period.")
    if not rows:
        return
    headings = ("recording", "recorded", "line", "state", "length", "what for", "at the latest until", "heard")
    print_table(headings, [_line(row, heard[row.id], judged[row.id]) for row in rows])
    listened = [(h.recording_id, local(h.at), h.by, h.what, heard_for(h), h.reason) for row in rows for h in heard[row.id]]
    if listened:
        print_table(("recording", "at", "who", "what", "purpose", "reason"), listened, title="Who listened")


def _state(row: RecordingRow) -> str:
    marks = [row.state.value, *(["restricted"] if row.restriction else []), *(["held"] if held(row) else [])]
    return ", ".join(marks)


def _line(row: RecordingRow, heard: list[ListenRow], judged: Planned | None) -> tuple[str, ...]:
    return (
        row.id,
        local(row.recorded_at),
        row.profile,
        _state(row),
        "" if row.duration_ms is None else clock(row.duration_ms),
        ", ".join(p.title for p in row.purposes),
        "" if judged is None else "open" if judged.blocked else local(judged.due),
        str(len(heard)),
    )


def _as_json(row: RecordingRow, heard: list[ListenRow], judged: Planned | None) -> dict[str, object]:
    return {
        "id": row.id,
        "recorded_at": iso(row.recorded_at),
        "profile": row.profile,
        "state": row.state.value,
        "duration_ms": row.duration_ms,
        "purposes": [{"name": p.name, "title": p.title, "basis": p.basis.value} for p in row.purposes],
        "ends_at": None if judged is None else iso(judged.due),
        "reason": None if judged is None else judged.reason,
        "restricted": row.restriction is not None,
        "legal_hold": held(row),
        "listened": [heard_json(h) for h in heard],
    }


@subject.command("export")
@person_options
@period_options
@click.option("--output", type=click.Path(path_type=Path), required=True, help="A new folder, or a new file that ends in .zip.")
@click.option("--identity", type=click.Path(path_type=Path), required=True, help="File with the secret key of a reviewer.")
@click.option("--mask-other", is_flag=True, help="Silence the other party's voice.")
@click.option("--language", type=click.Choice(sorted(WORDS)), help="Of the texts; that of [office] if not given.")
@click.option("--request", "request_number", type=int, metavar="ID", help="The open request for access that this answers.")
@click.option("--identity-check", default="", help="How you know that it is this person, without numbers of documents.")
@reason_option
@config_option
@json_option
@operator_errors
def export(
    number: str | None,
    agent: str | None,
    since: date | None,
    until: date | None,
    output: Path,
    identity: Path,
    mask_other: bool,
    language: str | None,
    request_number: int | None,
    identity_check: str,
    reason: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """A person's copy of all recordings (GDPR art. 15): audio, timeline, the facts as text and JSON, a manifest with hashes.

    It is in clear and readable by you alone; hand it over on a safe road and delete it. A restriction does not stand in its way (the
    person asks for it), a deletion does. That it is made is in the audit trail of each recording before the first byte. Where nothing is
    kept there is no copy for an open request: exit code 1. It is for a privacy officer's account, or root, and not of your own calls.

    \b
    Example:
      asterisk-privacy subject export --number 06-12345678 --identity identity.txt --output copy.zip \\
          --request 7 --identity-check "called back on the number in the contract" --language nl
    """
    with acting(config, reason) as one:
        settings, registry = one.settings, one.registry
        who = person(settings, number, agent)
        who.not_named_in(identity_check=identity_check, reason=one.actor.why)
        rows = [row for row in who.recordings(registry, since, until) if row.state is State.SEALED]
        _allow_copy(one, who.about, rows)
        asked = who.asked(registry, request_number)
        if asked is not None and asked.kind is not RequestKind.ACCESS:
            raise OperatorError(f"request {asked.id}: asks for {asked.kind}, not for access")
        if asked is not None and not rows:
            _nothing_to_hand_over(one, asked, as_json)
        identities = Identity.load_all(identity)
        if os.path.lexists(output):
            raise OperatorError(f"{output}: exists already and is not overwritten; name another place")
        rows = registry.recordings_among([row.id for row in rows]) if rows else []
        _allow_copy(replace(one, actor=replace(one.actor, why="")), who.about, rows)  # again: reading the key may have taken its time
        detail = {"purpose": "access", "reason": f"request {asked.id}" if asked else "no request noted"}
        detail |= {"identity_check": identity_check or "not noted", "masked": str(mask_other).lower()}
        side = Side.AGENTS if who.about is About.AGENT else Side.CUSTOMER
        wish = Wish(side, mask_other, language or settings.office.language, utc_now(), settings.office)
        with _audited(one, rows, detail), deliver_to(output) as delivery:
            known = [told(registry, settings, row, identities, who.as_subject(), wish.language, wish.at) for row in rows]
            bundle.write(known, flac_of(registry, shelf_of(settings), identities), wish, delivery)
    if as_json:
        print_json({"output": str(output), "recordings": [row.id for row in rows]})
    else:
        echo(f"{output}: {len(rows)} recordings; hand it over safely, then delete it")


def _nothing_to_hand_over(one: Acting, asked: RequestRow, as_json: bool) -> NoReturn:
    """An empty copy is no answer to somebody who waits for one; what to tell them a person must say."""
    one.registry.audit(one.actor.by, "subject.export-empty", f"request {asked.id}", {})
    words = (
        f"request {asked.id}: nothing is kept of this person in this period, so there is no copy; tell them that, then close the request"
    )
    if as_json:
        print_json({"output": None, "recordings": [], "why": words})
    else:
        echo(words, err=True)
    sys.exit(FOUND_SOMETHING)


def _allow_copy(one: Acting, about: About, rows: Sequence[RecordingRow]) -> None:
    try:
        persons.allow_copy(one.desk, one.actor, about.value, rows)
    except Refused as refused:
        if refused.refusal is not Refusal.OWN:
            raise
        raise OperatorError("a call of yours is among them; another privacy officer makes this copy") from None


@contextmanager
def _audited(one: Acting, rows: Sequence[RecordingRow], detail: Mapping[str, str]) -> Iterator[None]:
    one.registry.audit(one.actor.by, "subject.export", detail["reason"], {**detail, "recordings": str(len(rows))})
    for row in rows:
        one.registry.audit(one.actor.by, "recording.subject-copy", row.id, detail)
    try:
        yield
    except OperatorError as error:
        for row in rows:
            one.registry.audit(one.actor.by, "recording.subject-copy-failed", row.id, {"why": type(error).__name__})
        raise
