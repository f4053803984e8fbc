"""What the commands of `subject` share: of whom, of which period, and the recordings that this means."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

import click

from asterisk_privacy.call.participants import same_endpoint
from asterisk_privacy.daemon.config import Config
from asterisk_privacy.daemon.rights import Subject
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.numbers import load_key, lookup_hashes, normalised, number_hash
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.requests import About, RequestRow
from asterisk_privacy.registry.rows import RecordingRow

C = TypeVar("C", bound=Callable[..., Any])


class Day(click.ParamType[date]):
    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no date; write it as 2026-03-01", param, ctx)


def person_options(command: C) -> C:
    number = click.option("--number", help="The person's telephone number in any usual notation; - reads it from standard input.")
    agent = click.option("--agent", help="An employee: the endpoint that stands in the recordings, such as PJSIP/anna.")
    return number(agent(command))


def period_options(command: C) -> C:
    since = click.option("--from", "since", type=Day(), metavar="DATE", help="Recorded on this day or later.")
    until = click.option("--to", "until", type=Day(), metavar="DATE", help="Recorded on this day or earlier.")
    return since(until(command))


@dataclass(frozen=True, slots=True)
class Person:
    about: About
    subject: str  # hash of the number as it is kept now, or the agent's endpoint
    hashes: frozenset[str]  # every hash under which the number may stand
    digits: str  # of the number; never written anywhere

    def as_subject(self) -> Subject:
        return Subject(agent=self.subject) if self.about is About.AGENT else Subject(self.hashes)

    def recordings(self, registry: Registry, since: date | None = None, until: date | None = None) -> list[RecordingRow]:
        if since is not None and until is not None and since > until:
            raise click.UsageError(f"--from {since} is later than --to {until}; turn them round")
        agent = self.as_subject().agent
        after = None if until is None else _midnight(until + timedelta(days=1), "--to")
        before = None if since is None else _midnight(since, "--from")
        return registry.recordings_of(hashes=self.hashes, agent=agent, since=before, until=after)

    def asked(self, registry: Registry, number: int | None) -> RequestRow | None:
        """The open request of that number, which must be of this person."""
        if number is None:
            return None
        row = registry.request(number)
        if row is None:
            raise OperatorError(f"request {number}: does not exist; see: asterisk-privacy subject request list")
        if row.closed_at is not None:
            raise OperatorError(f"request {number}: was closed on {row.closed_at:%Y-%m-%d}; open a new one with: subject request open")
        if row.about is not self.about or not self._is(row.subject or ""):
            raise OperatorError(f"request {number}: is of another person; see: asterisk-privacy subject request list")
        return row

    def _is(self, subject: str) -> bool:
        return same_endpoint(subject, self.subject) if self.about is About.AGENT else subject in {self.subject, *self.hashes}

    def not_named_in(self, **texts: str | None) -> None:
        """What goes into the audit trail stays for good, so the number must not be in it."""
        for option, text in texts.items():
            digits = re.sub(r"\D", "", text or "")
            if len(self.digits) >= 7 and self.digits[-7:] in digits:  # in some countries a number has no more
                raise click.UsageError(
                    f"--{option.replace('_', '-')}: holds the person's number; it would stand in the audit trail for good"
                )


def person(settings: Config, number: str | None, agent: str | None) -> Person:
    """Of --number or --agent, exactly one; UsageError says what is wrong."""
    if (number is None) == (agent is None):
        raise click.UsageError("say --number or --agent, one of them")
    _of_one_company(settings)
    if agent is not None:
        if not agent.strip():
            raise click.UsageError("--agent: is empty; write the endpoint, such as PJSIP/anna")
        endpoint = agent.strip()
        return Person(About.AGENT, endpoint if "/" in endpoint else f"PJSIP/{endpoint}", frozenset(), "")
    written = sys.stdin.readline() if number == "-" else str(number)
    key, country = load_key(settings.registry.number_key), settings.registry.country_code
    try:
        hashes = lookup_hashes(written, key, country)
    except ValueError as error:
        raise click.UsageError(f"--number: {error}; write it as 06 12345678 or +31 6 12345678") from None
    return Person(About.NUMBER, number_hash(written, key, country), hashes, normalised(written, country))


def chosen(
    settings: Config, registry: Registry, number: str | None, recording: tuple[str, ...]
) -> tuple[Person | None, list[RecordingRow]]:
    """Of --number or --recording, exactly one."""
    if (number is None) == (not recording):
        raise click.UsageError("say --number or --recording, one of them")
    if number is not None:
        who = person(settings, number, None)
        rows = who.recordings(registry)
        if not rows:
            raise OperatorError("no recording is kept under this number; deleted ones know no number any more")
        return who, rows
    found = [(recording_id, registry.recording(recording_id)) for recording_id in dict.fromkeys(recording)]
    for recording_id, row in found:
        if row is None:
            raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy subject find")
    return None, [row for _, row in found if row is not None]


def _of_one_company(settings: Config) -> None:
    """What a person asks of one controller must not be answered with what another one knows of him."""
    if len(settings.book.tenants) > 1:
        raise OperatorError(
            f"{', '.join(settings.book.tenants)} each answer for their own calls: set [registry] tenant to the one that is asked, "
            "in a configuration of its own (--config)"
        )


def _midnight(day: date, option: str) -> datetime:
    try:
        return datetime.combine(day, time()).astimezone()
    except (OverflowError, ValueError):
        raise click.UsageError(f"{option} {day}: is too far away; write a date within this century") from None
