"""`asterisk-privacy review next` and `review play`: listening in a terminal, with the same permissions as on the page."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from asterisk_privacy.access.acts import Refused, allow_to_hear, note_reviewed
from asterisk_privacy.access.permission import (
    Act,
    Facts,
    Refusal,
    Standing,
    Viewer,
    further_to_hear,
    further_use,
    purposes_to_hear,
    why_not_do,
    why_not_see,
)
from asterisk_privacy.call.timeline import Passage
from asterisk_privacy.cli.acting import Acting, Reason, acting
from asterisk_privacy.cli.common import config_option, local, operator_errors
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.cli.review_screen import Screen
from asterisk_privacy.content import Content
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.daemon.review_settings import Role
from asterisk_privacy.daemon.settings import Config
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.errors import NotAsRecorded, OperatorError
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.review.serve import identities
from asterisk_privacy.review.terminal import Keyboard, Speaker, play
from asterisk_privacy.review.texts_en import TEXTS
from asterisk_privacy.review.transport import Playing
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.opening import open_recording
from asterisk_privacy.store.sealed_audio import open_sealed

VIA = "terminal"
MOST_WORDS = 200

identity_option = click.option(
    "--identity", type=click.Path(path_type=Path), help="File with your secret key; without it [review] identity of the configuration."
)
purpose_option = click.option(
    "--purpose", help="For which of the recording's purposes, or one that the policy calls compatible; without it you are asked."
)
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
    change the speed, q ends. Then you are asked for the outcome, which ends the retention until "reviewed"; not after listening for a
    compatible purpose, which ends nothing.

    \b
    Example:
      asterisk-privacy review play 0123456789abcdef --identity identity.txt --purpose training --reason "weekly review"

    \b
    Exit codes: 0 played, 2 usage or configuration, 3 refused or cannot work now.
    """
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        _listen(one, _seen(one, recording_id), identity, (purpose, reason, outcome))


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
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        _with_account(one, "")
        viewer = one.actor.viewer
        mine = one.desk.book.roles.purposes.get(Role.REVIEWER, frozenset()) if Role.REVIEWER in viewer.roles else ()
        for row in one.registry.unreviewed(mine) if mine else ():
            if purposes_to_hear(viewer, one.desk.facts(row)):
                _listen(one, row, identity, (purpose, reason, outcome))
                return
    echo("Nothing awaits your review.")


def _with_account(one: Acting, recording_id: str) -> None:
    """Listening here is as on the page, for which root needs an account too."""
    if one.actor.viewer.standing is not Standing.ACCOUNT:
        _note(one, recording_id, "recording.listen-refused", why=Refusal.NO_ACCOUNT)
        raise Refused(Refusal.NO_ACCOUNT, recording_id, one.actor.viewer)


def _seen(one: Acting, recording_id: str) -> RecordingRow:
    _with_account(one, recording_id)
    row = one.registry.recording(recording_id)
    if row is None or why_not_see(one.actor.viewer, one.desk.facts(row)) is not None:
        _note(one, recording_id, "recording.listen-refused", why=Refusal.UNKNOWN)
        raise OperatorError(f"recording {recording_id}: {TEXTS['refusal-unknown']}")
    return row


def _listen(one: Acting, row: RecordingRow, identity: Path | None, answers: tuple[str | None, str | None, str | None]) -> None:
    purpose, reason, outcome = answers
    settings, registry, viewer, facts = one.settings, one.registry, one.actor.viewer, one.desk.facts(row)
    _introduce(row)
    purpose = purpose or _asked_purpose(viewer, facts)
    _allow(one, row, purpose)
    further = further_use(facts, purpose)
    if further is not None:
        echo(f"It was not made for {purpose}, but for {further.made_for}; the policy calls that compatible: {further.because}")
        if outcome:
            raise click.UsageError(f"--outcome: what {further.made_for} ends by is a listen for that, not one for {purpose}; leave it out")
    reason = _one_line(reason if reason is not None else click.prompt("Why do you listen"))
    if not reason:
        raise click.UsageError("--reason: say why")
    keys = Identity.load_all(identity) if identity is not None else identities(settings, os.environ)
    row = registry.recording(row.id) or row  # afresh: the answers may have taken their time
    _note(one, row.id, "recording.listen", **_allow(one, row, purpose), reason=reason)
    try:
        passages = audio_of(row, registry.recordings(call_id=row.call_id))
        with proving(registry, row.id, VIA) as content:
            heard = _play(settings, row, content, keys, passages)
    except OperatorError as error:
        _note(one, row.id, "recording.listen-failed", why=type(error).__name__)
        raise
    echo(f"Heard {heard.position * 100 // max(1, heard_frames(row))} %.")
    if further is not None:
        echo(f"Nothing ends by it: the recording is kept for {further.made_for}, as before.")
    elif why_not_do(viewer, facts, Act.REVIEWED) is None:
        _ask_outcome(one, row, outcome)


def _allow(one: Acting, row: RecordingRow, purpose: str) -> Mapping[str, str]:
    try:
        return allow_to_hear(one.desk, one.actor, row, purpose, "recording.listen", {"via": VIA})
    except Refused as refused:
        raise OperatorError(f"recording {row.id}: {TEXTS[f'refusal-{refused.refusal}']}") from None


def heard_frames(row: RecordingRow) -> int:
    """Of the whole recording, at 8 kHz."""
    return (row.duration_ms or 0) * 8


def _introduce(row: RecordingRow) -> None:
    length = (row.duration_ms or 0) // 1000
    agents = ", ".join(row.agents) or "agent unknown"
    echo(f"{row.id}: line {row.profile}, {agents}, {local(row.recorded_at)}, {length // 60}:{length % 60:02}")


def _asked_purpose(viewer: Viewer, facts: Facts) -> str:
    """What it was not made for is never taken without being named."""
    own, further = purposes_to_hear(viewer, facts), tuple(use.purpose for use in further_to_hear(viewer, facts))
    if not own and not further:  # then any: it is refused with its reason
        known = (*facts.purposes, *(use.purpose for use in facts.further))
        return next((name for name in known if name in viewer.listens_for), known[0] if known else "")
    if len(own) == 1 and not further:
        return own[0]
    return str(click.prompt("For which purpose", type=click.Choice((*own, *further)), default=own[0] if own else None))


def _play(settings: Config, row: RecordingRow, content: Content, keys: Sequence[Identity], where: Sequence[Passage]) -> Playing:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the key and the audio
    source = shelf_of(settings).source(row.id)
    flac = open_sealed(source, content, keys)
    try:
        with Speaker(flac.rate) as speaker, Keyboard() as keyboard, Screen(row.spans, flac.frames, flac.rate, where=where) as screen:
            return play(flac, speaker, keyboard, screen.show)
    except NotAsRecorded:  # or it moved: it was brought to the bucket while it sounded
        open_recording(source, content, keys)
        raise OperatorError(f"recording {row.id}: was brought elsewhere while it was played; play it again") from None
    finally:
        flac.close()


def _ask_outcome(one: Acting, row: RecordingRow, outcome: str | None) -> None:
    given = outcome if outcome is not None else click.prompt("Outcome (empty: not yet)", default="", show_default=False)
    words = _one_line(given)
    if not words:
        echo("Not reviewed yet: it stays in the queue.")
        return
    note_reviewed(one.desk, one.actor, row, words)
    echo("Reviewed.")


def _note(one: Acting, recording_id: str, action: str, **detail: str) -> None:
    one.registry.audit(one.actor.by, action, recording_id, {**detail, "via": VIA})


def _one_line(words: str) -> str:
    return " ".join(words.split())[:MOST_WORDS]
