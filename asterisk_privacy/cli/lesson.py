"""`asterisk-privacy recordings lesson`: a person decides that a recording stays longer, for others to learn from (R21)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from asterisk_privacy import file_access
from asterisk_privacy.access.acts import NotALesson, keep_as_lesson
from asterisk_privacy.audio.deidentify import How
from asterisk_privacy.cli.acting import Reason, acting
from asterisk_privacy.cli.common import config_option, iso, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.purge import Moment
from asterisk_privacy.daemon.config import Config
from asterisk_privacy.daemon.deidentifying import deidentify as take_out
from asterisk_privacy.daemon.purging import Rules, to_item
from asterisk_privacy.daemon.storage import vault_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.retention.plan import judge
from asterisk_privacy.store.identity import Identity


@click.command("lesson")
@click.argument("recording_id", metavar="ID")
@click.option("--until", type=Moment(), required=True, metavar="DATE", help="The new date.")
@click.option("--reason", required=True, help="Why others should learn from it; it goes when the recording goes.")
@click.option("--deidentify", type=click.Choice([how.value for how in How]), help="Take the customer out of it, for good.")
@click.option("--identity", type=click.Path(path_type=Path), help="The reviewer's secret key file, for --deidentify; - is standard input.")
@config_option
@json_option
@operator_errors
def lesson(
    recording_id: str, until: datetime, reason: str, deidentify: str | None, identity: Path | None, config: Path, as_json: bool
) -> None:
    """Keep a recording as a lesson, until a date of your choice.

    For who may do so on the review page: a reviewer, and no call of yours.

    Possible for purposes that end with a review or an evaluation, up to their latest date, or up to their lesson_days where the policy
    gives lessons more time. The last decision counts, so an earlier date takes a decision back.

    Who learns from it need not know who called. With --deidentify a version without the customer takes the recording's place, and the
    old one is shredded; there is no way back. The caller's number is forgotten, unless he is heard in another recording of the call.

    \b
      customer-removed  the customer's side is silent. The sure way
      voice-masked      the customer whispers in nobody's voice: his words, tempo and accent stay, and who knows him
                        may know him by them. Weaker than removing; for a lesson that needs both sides

    Either way the agent's side stays as it is: what he says about the customer, his name too. Listen to it before others do.
    Copies that were exported before still have the voice.

    \b
    Examples:
      asterisk-privacy recordings lesson 0123456789abcdef --until 2026-12-31 --reason "how to calm an angry caller"
      ssh root@pbx asterisk-privacy recordings lesson 0123456789abcdef --until 2026-12-31 \\
          --reason "'calm caller'" --deidentify customer-removed --identity - < identity.txt

    \b
    Exit codes: 0 fine, 2 usage or configuration, 3 the policy does not allow it, the key does not fit, or the recording is gone.
    """
    if not reason.strip():
        raise click.UsageError("--reason: say why")
    if (deidentify is None) != (identity is None):
        raise click.UsageError("--deidentify and --identity go together: without the secret key nobody can take a voice out of it")
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        settings, registry = one.settings, one.registry
        row = registry.recording(recording_id)
        if row is None:
            raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
        found = row
        identities = Identity.load_all(identity) if identity is not None else ()

        def first() -> None:
            # what the registry refuses afterwards must not have been changed
            if deidentify is not None and until > utc_now() and found.state is State.SEALED:
                _deidentify(settings, registry, found, How(deidentify), identities)

        try:
            keep_as_lesson(one.desk, one.actor, row, until, reason, first)
        except NotALesson as no:
            raise OperatorError(f"recording {recording_id}: {_why_not(no.until)}") from None
        judged = judge(to_item(registry.recording(recording_id) or row, Rules.of(settings)), utc_now(), settings.office.language)
    if as_json:
        told = {"id": recording_id, "until": iso(until), "ends_at": iso(judged.due), "reason": judged.reason, "deidentified": deidentify}
        print_json(told)
    else:
        echo(f"{recording_id}: {'due' if judged.delete else 'kept'}: {judged.reason}")
        if deidentify is not None:
            echo(f"{recording_id}: {deidentify}; the version with the customer's voice was shredded")


def _why_not(limit: datetime | None) -> str:
    if limit is None:
        return "none of its purposes ends with a review or evaluation; it cannot be a lesson"
    when = f"{limit:%Y-%m-%d}"
    return f"may be a lesson until {when} at the latest; write an earlier date, or set lesson_days in the policy for recordings to come"


def _deidentify(settings: Config, registry: Registry, row: RecordingRow, how: How, identities: Sequence[Identity]) -> None:
    with (
        file_access.as_owner(settings.store.directory),
        registry.only_one(),
        Console(stderr=True).status("taking the customer out of it ..."),
    ):
        vault = vault_of(settings)
        take_out(registry, vault, row, how, identities, utc_now())
    copies = sum(listen.what == "copy made" for listen in registry.listens(row.id))
    if copies:
        echo(f"{row.id}: {copies} copies were exported before and still have the voice; see: recordings show", err=True)
