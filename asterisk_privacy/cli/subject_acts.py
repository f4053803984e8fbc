"""`asterisk-privacy subject erase | restrict | object`: done, or refused with the reason that the law gives."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from asterisk_privacy.access import persons
from asterisk_privacy.access.acts import Refused, allow_at, object_to
from asterisk_privacy.access.permission import Page, Refusal
from asterisk_privacy.cli.acting import Acting, Reason, acting, in_words
from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.persons import chosen
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.config import Config
from asterisk_privacy.daemon.rights import Asked
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.rights.refusals import Answer
from asterisk_privacy.rights.words import WORDS
from asterisk_privacy.store.vault import Vault

C = TypeVar("C", bound=Callable[..., Any])


def act_options(command: C) -> C:
    for option in (
        json_option,
        config_option,
        click.option("--language", type=click.Choice(sorted(WORDS)), help="Of the answer; that of [office] if not given."),
        click.option("--request", "request_number", type=int, metavar="ID", help="The open request that this answers."),
        click.option("--identity-check", required=True, help="How you know that it is this person, without numbers of documents."),
        click.option("--reason", required=True, help="Why, in a few words; it stands in the audit trail for good, so name nobody."),
        click.option("--recording", multiple=True, metavar="ID", help="One recording; may be given more than once."),
        click.option("--number", help="All recordings of this caller, in any usual notation; - reads it from standard input."),
    ):
        command = option(command)
    return command


claim_option = click.option("--legal-claim", help="Why it is needed to establish, exercise or defend a legal claim: then it is refused.")


@click.command("erase")
@claim_option
@act_options
@operator_errors
def erase(legal_claim: str | None, **given: Any) -> None:
    """Erase a person's recordings now (GDPR art. 17), with the evidence that the purger leaves.

    Refused, with the reason, where a legal hold or a legal claim needs a recording; where the law demands it for one purpose it is kept
    for that one, and the others end. Every answer is in the audit trail.

    \b
    Example:
      asterisk-privacy subject erase --number 06-12345678 --reason "request of 2026-03-05" --identity-check "called back"
    \b
    Exit codes: 0 all erased; 1 something was refused or failed; 2 usage; 3 cannot work now.
    """

    def act(one: Acting, vault: Vault, row: RecordingRow, asked: Asked) -> Answer:
        return persons.erase(one.desk, one.actor, vault, row, asked)

    _run(act, legal_claim=legal_claim, **given)


@click.command("object")
@click.option("--purpose", required=True, help="The name of the purpose that the person objects to, or withdraws consent for.")
@claim_option
@act_options
@operator_errors
def object_(purpose: str, legal_claim: str | None, **given: Any) -> None:
    """End one purpose of a person's recordings (GDPR art. 21, 7(3)); what serves no other purpose is erased.

    Refused for purposes that rest on a contract or a legal obligation (the law gives no right to object to them), or where a legal claim
    needs it. Under a legal hold the purpose ends, and the recording goes when the hold is released. To a purpose that the recording was
    not made for, and that the policy calls compatible, an objection is never refused: it is no longer heard for that, and stays otherwise.

    \b
    Example:
      asterisk-privacy subject object --number 06-12345678 --purpose training --reason "said so in the call" --identity-check "caller"
    """

    def further(settings: Config, row: RecordingRow) -> bool:
        return any(use.purpose == purpose for use in rights.further_of(row, settings, utc_now()))

    def act(one: Acting, vault: Vault, row: RecordingRow, asked: Asked) -> Answer:
        language = given["language"] or one.settings.office.language
        return object_to(one.desk, one.actor, row, purpose, asked, language, vault)

    def skip(settings: Config, row: RecordingRow) -> bool:
        return purpose not in (p.name for p in row.purposes) and not further(settings, row)

    _run(act, legal_claim=legal_claim, skip=skip, **given)


@click.command("restrict")
@click.option("--except-for", multiple=True, metavar="PURPOSE", help="A purpose for which it may still be listened to (art. 18(2)).")
@click.option("--lift", is_flag=True, help="End the restriction; tell the person before you do (art. 18(3)).")
@act_options
@operator_errors
def restrict(except_for: tuple[str, ...], lift: bool, **given: Any) -> None:
    """Only store a person's recordings (GDPR art. 18): nobody listens, and nothing deletes them, until the restriction is lifted.

    \b
    Example:
      asterisk-privacy subject restrict --recording 0123456789abcdef --reason "accuracy contested" --identity-check "called back"
    """
    if lift and except_for:
        raise click.UsageError("--lift ends the whole restriction; leave out --except-for")

    def act(one: Acting, _vault: Vault, row: RecordingRow, asked: Asked) -> Answer:
        if lift:
            return persons.lift_restriction(one.desk, one.actor, row, asked)
        return persons.restrict(one.desk, one.actor, row, except_for, asked)

    _run(act, legal_claim=None, skip=(lambda _settings, row: row.restriction is None) if lift else None, **given)


def _run(
    act: Callable[[Acting, Vault, RecordingRow, Asked], Answer],
    *,
    number: str | None,
    recording: tuple[str, ...],
    reason: str,
    identity_check: str,
    legal_claim: str | None,
    request_number: int | None,
    language: str | None,
    config: Path,
    as_json: bool,
    skip: Callable[[Config, RecordingRow], bool] | None = None,
) -> None:
    """`skip` leaves out, of a caller's recordings, those that the wish does not concern. One failure never stops the rest."""
    for option, text in (("reason", reason), ("identity-check", identity_check)):
        if not text.strip():
            raise click.UsageError(f"--{option}: say it in a few words")
    answers: list[tuple[str, str, str]] = []
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        settings = one.settings
        if number is not None:
            allow_at(one.desk, one.actor, Page.REQUESTS, "subject.act", "number")
        who, rows = chosen(settings, one.registry, number, recording)
        if who is not None:
            who.not_named_in(reason=reason, identity_check=identity_check, legal_claim=legal_claim)
            who.asked(one.registry, request_number)
            rows = [row for row in rows if skip is None or not skip(settings, row)]
            theirs = persons.not_own(one.desk, one.actor, rows)
            if len(theirs) < len(rows):
                own = f"{len(rows) - len(theirs)} recordings"
                answers.append((own, "refused", "They are calls of yours; another privacy officer answers for them."))
            rows = theirs
        elif request_number is not None:
            raise click.UsageError("--request goes with --number: only then it is known that the recordings are of that person")
        vault, asked = _vault(settings), Asked(reason, identity_check, legal_claim, request_number)
        for row in rows:
            try:
                answer = act(one, vault, row, asked)
            except Refused as refused:
                answers.append((row.id, "failed" if refused.refusal is Refusal.NOT_SERVED else "refused", in_words(refused)))
                continue
            except OperatorError as error:
                answers.append((row.id, "failed", str(error)))
                continue
            answers.append((row.id, "refused" if answer.refused else "done", answer.in_words(language or settings.office.language)))
    if as_json:
        print_json([{"id": id_, "outcome": outcome, "answer": words} for id_, outcome, words in answers])
    elif answers:
        print_table(("recording", "", "answer"), answers)
    else:
        echo("None of this person's recordings is concerned.")
    if any(outcome != "done" for _, outcome, _ in answers):
        sys.exit(FOUND_SOMETHING)


def _vault(settings: Config) -> Vault:
    return vault_of(settings)
