"""`asterisk-privacy review next` and `review play`: listening in a terminal, with the same permissions as on the page."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path

import click

from asterisk_privacy.call.timeline import Passage
from asterisk_privacy.cli.common import actor, config_option, configured, local, operator_errors
from asterisk_privacy.cli.review_screen import Screen
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.clock import utc_now
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review.accounts import AccountBook
from asterisk_privacy.review.permission import Act, Refusal, Viewer, purposes_to_hear, why_not_do, why_not_hear, why_not_see
from asterisk_privacy.review.serve import identities
from asterisk_privacy.review.site import facts_of
from asterisk_privacy.review.terminal import Keyboard, Speaker, play
from asterisk_privacy.review.texts_en import TEXTS
from asterisk_privacy.review.transport import Playing
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.sealed_audio import open_sealed

VIA = "terminal"
MOST_WORDS = 200

identity_option = click.option(
    "--identity", type=click.Path(path_type=Path), help="File with your secret key; without it [review] identity of the configuration."
)
purpose_option = click.option("--purpose", help="For which of the recording's purposes; without it you are asked.")
reason_option = click.option("--reason", help="Why, for good in the audit trail: name no customer. Without it you are asked.")
outcome_option = click.option("--outcome", help="What the review led to; without it you are asked. Empty: not yet.")


@click.command("play")
@click.argument("recording_id", metavar="ID")
@identity_option
@purpose_option
@reason_option
@outcome_option
@config_option
@operator_errors
def play_one(recording_id: str, identity: Path | None, purpose: str | None, reason: str | None, outcome: str | None, config: Path) -> None:
    """Play a recording here, decrypted as it goes: customer left, agents right.

    You are who the system says you are (sudo included), with the roles of your account: asterisk-privacy review account add. What you
    listen for and why is in the audit trail before the first sound. Keys: space pauses, left and right skip 5 s, up and down
    change the speed, q ends. Then you are asked for the outcome, which ends the retention until "reviewed".

    \b
    Example:
      asterisk-privacy review play 0123456789abcdef --identity identity.txt --purpose training --reason "weekly review"

    \b
    Exit codes: 0 played, 2 usage or configuration, 3 refused or cannot work now.
    """
    with configured(config) as (settings, registry):
        viewer = _viewer(settings)
        _listen(settings, registry, viewer, _seen(registry, viewer, recording_id), identity, (purpose, reason, outcome))


@click.command("next")
@identity_option
@purpose_option
@reason_option
@outcome_option
@config_option
@operator_errors
def play_next(identity: Path | None, purpose: str | None, reason: str | None, outcome: str | None, config: Path) -> None:
    """Play the oldest recording that awaits your review; then the outcome is asked.

    \b
    Example:
      asterisk-privacy review next --identity identity.txt --reason "weekly review"

    \b
    Exit codes: 0 played, or nothing awaits you; 2 usage or configuration, 3 cannot work now.
    """
    with configured(config) as (settings, registry):
        viewer = _viewer(settings)
        mine = settings.review.purposes(settings.book).purposes.get(Role.REVIEWER, frozenset()) if Role.REVIEWER in viewer.roles else ()
        for row in registry.unreviewed(mine) if mine else ():
            if why_not_see(viewer, facts_of(row)) is None and purposes_to_hear(viewer, facts_of(row)):
                _listen(settings, registry, viewer, row, identity, (purpose, reason, outcome))
                return
    click.echo("Nothing awaits your review.")


def _viewer(settings: Config) -> Viewer:
    """Who runs the command, with the roles of his account."""
    name = actor().removeprefix("cli:")
    account = AccountBook(settings.review.accounts).find(name)
    if account is None or account.disabled:
        raise OperatorError(f"{name}: has no account for listening; an administrator makes one: asterisk-privacy review account add {name}")
    return Viewer(name, account.roles, settings.review.purposes(settings.book).purposes, account.agents)


def _seen(registry: Registry, viewer: Viewer, recording_id: str) -> RecordingRow:
    row = registry.recording(recording_id)
    if row is None or why_not_see(viewer, facts_of(row)) is not None:
        _note(registry, recording_id, "recording.listen-refused", why=Refusal.UNKNOWN)
        raise OperatorError(f"recording {recording_id}: {TEXTS['refusal-unknown']}")
    return row


def _listen(
    settings: Config,
    registry: Registry,
    viewer: Viewer,
    row: RecordingRow,
    identity: Path | None,
    answers: tuple[str | None, str | None, str | None],
) -> None:
    purpose, reason, outcome = answers
    _introduce(row)
    purpose = purpose or _asked_purpose(viewer, row)
    refusal = why_not_hear(viewer, facts_of(row), purpose)
    if refusal is not None:
        _note(registry, row.id, "recording.listen-refused", purpose=purpose, why=refusal)
        raise OperatorError(f"recording {row.id}: {TEXTS[f'refusal-{refusal}']}")
    reason = _one_line(reason if reason is not None else click.prompt("Why do you listen"))
    if not reason:
        raise click.UsageError("--reason: say why")
    keys = Identity.load_all(identity) if identity is not None else identities(settings, os.environ)
    _note(registry, row.id, "recording.listen", purpose=purpose, reason=reason)
    try:
        heard = _play(settings, row, keys, audio_of(row, registry.recordings(call_id=row.call_id)))
    except OperatorError as error:
        _note(registry, row.id, "recording.listen-failed", why=type(error).__name__)
        raise
    click.echo(f"Heard {heard.position * 100 // max(1, heard_frames(row))} %.")
    if why_not_do(viewer, facts_of(row), Act.REVIEWED) is None:
        _ask_outcome(registry, row, outcome)


def heard_frames(row: RecordingRow) -> int:
    """Of the whole recording, at 8 kHz."""
    return (row.duration_ms or 0) * 8


def _introduce(row: RecordingRow) -> None:
    length = (row.duration_ms or 0) // 1000
    click.echo(f"{row.id}: line {row.profile}, {row.agent or 'agent unknown'}, {local(row.recorded_at)}, {length // 60}:{length % 60:02}")


def _asked_purpose(viewer: Viewer, row: RecordingRow) -> str:
    possible = purposes_to_hear(viewer, facts_of(row))
    if not possible:  # then any: it is refused with its reason
        return next((p.name for p in row.purposes if p.name in viewer.listens_for), row.purposes[0].name if row.purposes else "")
    if len(possible) == 1:
        return possible[0]
    return str(click.prompt("For which purpose", type=click.Choice(possible), default=possible[0]))


def _play(settings: Config, row: RecordingRow, keys: Sequence[Identity], where: Sequence[Passage]) -> Playing:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the key and the audio
    flac = open_sealed(shelf_of(settings).source(row.id), keys, allow_truncated=row.truncated)
    try:
        with Speaker(flac.rate) as speaker, Keyboard() as keyboard, Screen(row.spans, flac.frames, flac.rate, where=where) as screen:
            return play(flac, speaker, keyboard, screen.show)
    finally:
        flac.close()


def _ask_outcome(registry: Registry, row: RecordingRow, outcome: str | None) -> None:
    given = outcome if outcome is not None else click.prompt("Outcome (empty: not yet)", default="", show_default=False)
    words = _one_line(given)
    if not words:
        click.echo("Not reviewed yet: it stays in the queue.")
        return
    registry.milestone(row.id, Milestone.REVIEWED, utc_now(), actor(), words)
    click.echo("Reviewed.")


def _note(registry: Registry, recording_id: str, action: str, **detail: str) -> None:
    registry.audit(actor(), action, recording_id, {**detail, "via": VIA})


def _one_line(words: str) -> str:
    return " ".join(words.split())[:MOST_WORDS]
