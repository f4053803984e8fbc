"""`asterisk-privacy subject request`: who asked is kept as a hash, what and until when as dates; the deadline is that of art. 12(3)."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import click

from asterisk_privacy.access.acts import allow_at
from asterisk_privacy.access.permission import Page
from asterisk_privacy.cli.acting import Acting, Reason, acting, reading, reason_option
from asterisk_privacy.cli.common import FOUND_SOMETHING, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.persons import Day, person, person_options
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.tables import print_table
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.requests import RequestKind, RequestRow
from asterisk_privacy.rights import deadline
from asterisk_privacy.rights.deadline import Urgency


@click.group("request")
def request() -> None:
    """Requests of persons and their deadline: one month from receipt, once two months more."""


@request.command("open")
@click.option("--kind", type=click.Choice([kind.value for kind in RequestKind]), required=True, help="What is asked for.")
@click.option("--received", type=Day(), required=True, metavar="DATE", help="The day on which it came in, wherever in your house.")
@click.option("--identity-check", default="", help="How you know that it is this person, without numbers of documents.")
@person_options
@reason_option
@config_option
@json_option
@operator_errors
def open_(
    kind: str,
    received: date,
    identity_check: str,
    number: str | None,
    agent: str | None,
    reason: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Note a request; tells its number and the last day to answer.

    \b
    Example:
      asterisk-privacy subject request open --kind access --received 2026-03-05 --number 06-12345678
    """
    if received > date.today():
        raise click.UsageError(f"--received {received}: is still to come; write the day on which the request came in")
    with acting(config, reason) as one:
        who = person(one.settings, number, agent)
        who.not_named_in(identity_check=identity_check, reason=one.actor.why)
        _allow(one, "open", who.about.value)
        with one.registry.acting(one.actor.by):
            made = one.registry.open_request(kind, who.about, who.subject, identity_check, received, deadline.due(received), who.hashes)
        _tell(_wanted(one.registry, made), as_json)


@request.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are closed.")
@config_option
@json_option
@operator_errors
def list_(everything: bool, config: Path, as_json: bool) -> None:
    """Open requests, the first due first. Exit code 1 when one is overdue."""
    with reading(config) as one:
        one.may_read(Page.REQUESTS)
        rows = one.registry.requests(only_open=not everything)
    if as_json:
        print_json([_as_json(row) for row in rows])
    elif not rows:
        echo("No request is open.")
    else:
        print_table(("request", "for", "received", "answer by", "state", "outcome"), [_line(row) for row in rows])
    if any(_state(row) == Urgency.OVERDUE for row in rows):
        sys.exit(FOUND_SOMETHING)


@request.command("extend")
@click.argument("request_number", metavar="ID", type=int)
@click.option("--reason", required=True, help="Why: the law knows complexity and the number of requests (art. 12(3)). Name nobody.")
@config_option
@json_option
@operator_errors
def extend(request_number: int, reason: str, config: Path, as_json: bool) -> None:
    """Two months more, once, and only within the first month: until then the person must have been told, with the reason.

    \b
    Example:
      asterisk-privacy subject request extend 7 --reason "forty recordings with voices of others in them"
    """
    if not reason.strip():
        raise click.UsageError("--reason: say it in a few words")
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        _allow(one, "extend", str(request_number))
        row = _wanted(one.registry, request_number)
        if row.closed_at is None and row.extended_at is None and date.today() > row.due:
            raise OperatorError(f"request {row.id}: was due on {row.due}; only within the first month it could be extended; answer it now")
        with one.registry.acting(one.actor.by):
            one.registry.extend_request(request_number, deadline.extended(row.due), reason)
        _tell(_wanted(one.registry, request_number), as_json)
        if not as_json:
            echo(f"Tell the person before the end of {row.due}, with the reason.")


@request.command("close")
@click.argument("request_number", metavar="ID", type=int)
@click.option(
    "--outcome", required=True, help="What was answered, such as granted, granted in part, refused (with the article). Name nobody."
)
@reason_option
@config_option
@json_option
@operator_errors
def close(request_number: int, outcome: str, reason: str | None, config: Path, as_json: bool) -> None:
    """The request was answered. Who asked is forgotten here; that it was answered, when and how stays."""
    if not outcome.strip():
        raise click.UsageError("--outcome: say it in a few words")
    with acting(config, reason) as one:
        _allow(one, "close", str(request_number))
        with one.registry.acting(one.actor.by):
            one.registry.close_request(request_number, outcome)
        _tell(_wanted(one.registry, request_number), as_json)


def _allow(one: Acting, what: str, subject: str) -> None:
    allow_at(one.desk, one.actor, Page.REQUESTS, f"request.{what}", subject)


def _wanted(registry: Registry, number: int) -> RequestRow:
    row = registry.request(number)
    if row is None:
        raise OperatorError(f"request {number}: does not exist; see: asterisk-privacy subject request list")
    return row


def _tell(row: RequestRow, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(row))
    else:
        echo(f"request {row.id}, {row.kind.value}, received {row.received}: " + (row.outcome or f"answer by {row.due} ({_state(row)})"))


def _state(row: RequestRow) -> str:
    return "closed" if row.closed_at is not None else deadline.urgency(row.due, date.today()).value


def _line(row: RequestRow) -> tuple[str, ...]:
    state = _state(row) + (", extended" if row.extended_at is not None else "")
    return (str(row.id), row.kind.value, row.received.isoformat(), row.due.isoformat(), state, row.outcome or "")


def _as_json(row: RequestRow) -> dict[str, object]:
    return {
        "id": row.id,
        "kind": row.kind.value,
        "about": row.about.value,
        "received": row.received.isoformat(),
        "due": row.due.isoformat(),
        "state": _state(row),
        "extended": row.extended_at is not None,
        "extended_why": row.extended_why,
        "outcome": row.outcome,
    }
