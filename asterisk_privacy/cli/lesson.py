"""`asterisk-privacy recordings lesson`: a person decides that a recording stays longer, for others to learn from (R21)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from asterisk_privacy.cli.common import actor, config_option, configured, iso, json_option, operator_errors, print_json
from asterisk_privacy.cli.purge import Moment
from asterisk_privacy.daemon.purging import Rules, latest_lesson, to_item
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.retention.plan import judge


@click.command("lesson")
@click.argument("recording_id", metavar="ID")
@click.option("--until", type=Moment(), required=True, metavar="DATE", help="The new date.")
@click.option("--reason", required=True, help="Why others should learn from it; it goes when the recording goes.")
@config_option
@json_option
@operator_errors
def lesson(recording_id: str, until: datetime, reason: str, config: Path, as_json: bool) -> None:
    """Keep a recording as a lesson, until a date of your choice.

    Possible for purposes that end with a review or an evaluation, up to their latest date, or up to their lesson_days where the policy
    gives lessons more time. The last decision counts, so an earlier date takes a decision back.

    \b
    Example:
      asterisk-privacy recordings lesson 0123456789abcdef --until 2026-12-31 --reason "how to calm an angry caller"

    \b
    Exit codes: 0 fine, 2 usage or configuration, 3 the policy does not allow it, or the recording is gone.
    """
    if not reason.strip():
        raise click.UsageError("--reason: say why")
    with configured(config) as (settings, registry):
        row = registry.recording(recording_id)
        if row is None:
            raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
        limit = latest_lesson(row, Rules.of(settings))
        if limit is None:
            raise OperatorError(f"recording {recording_id}: none of its purposes ends with a review or evaluation; it cannot be a lesson")
        if until > limit:
            raise OperatorError(
                f"recording {recording_id}: may be a lesson until {limit:%Y-%m-%d} at the latest; write an earlier date, or "
                "set lesson_days in the policy for recordings to come"
            )
        registry.lesson(recording_id, until, utc_now(), actor(), reason)
        judged = judge(to_item(registry.recording(recording_id) or row, Rules.of(settings)), utc_now(), settings.office.language)
    if as_json:
        print_json({"id": recording_id, "until": iso(until), "ends_at": iso(judged.due), "reason": judged.reason})
    else:
        click.echo(f"{recording_id}: {'due' if judged.delete else 'kept'}: {judged.reason}")
