"""`asterisk-privacy recordings export`: a copy in clear, for a purpose that the recording has, logged before it is made."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import soundfile

from asterisk_privacy.audio.cues import Cue, in_flac, in_wav
from asterisk_privacy.audio.joining import Cut, Gaps, joined
from asterisk_privacy.call.gaps import Gap, gaps
from asterisk_privacy.cli.common import actor, clock, config_option, configured, json_option, operator_errors, print_json
from asterisk_privacy.cli.listener import facts_now, viewer_of
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.config import Config
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow, State
from asterisk_privacy.review.permission import further_use, told_of, why_not_hear
from asterisk_privacy.review.texts_en import TEXTS
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.vault import open_recording

FORMATS: Mapping[str, str] = {".flac": "FLAC", ".wav": "WAV"}


@click.command("export")
@click.argument("recording_id", metavar="ID")
@click.option("--identity", type=click.Path(path_type=Path), required=True, help="File with the secret key of a reviewer.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="New file, .flac or .wav; readable by you alone.")
@click.option("--purpose", required=True, help="For which of the recording's purposes, or one that the policy calls compatible.")
@click.option("--reason", required=True, help="Why, in a few words; it stands in the audit trail for good, so name no customer.")
@click.option(
    "--gaps",
    "how",
    type=click.Choice([how.value for how in Gaps]),
    default=Gaps.SHORT.value,
    show_default=True,
    help="How a hold or a pause sounds: short, half a second with a soft beep; full, silent and as long as it was; none, not at all.",
)
@config_option
@json_option
@operator_errors
def export(recording_id: str, identity: Path, output: Path, purpose: str, reason: str, how: str, config: Path, as_json: bool) -> None:
    """Decrypt a recording into a file: customer left, agents right.

    The copy is in clear and nothing forgets it for you: delete it when its purpose is done. Who exported what, when, for which
    purpose and why is in the audit trail before the first byte is written; so is an attempt for a purpose that the recording does
    not have, which is refused. For a purpose that the policy calls compatible with one that it has, you need an account with a role that
    listens for it, and it is no call of yours.

    A hold, a pause or a queue is not in a recording. In the copy each is a gap (--gaps), whose edges fade within 5 ms, and a point with
    its name and length: cue points in a .wav, chapters in a .flac. With --gaps full a moment of the copy is one of the call, counted from
    its first talk.

    \b
    Example:
      asterisk-privacy recordings export 0123456789abcdef --identity identity.txt --output call.flac \\
          --purpose complaint --reason "case 2026-17, asked by the customer"
    """
    if output.suffix.lower() not in FORMATS:
        raise click.UsageError(f"--output {output}: the name must end in .flac or .wav")
    if not reason.strip():
        raise click.UsageError("--reason: say why")
    with configured(config) as (settings, registry):
        row = registry.recording(recording_id)
        detail = {"purpose": purpose, "reason": reason}
        if row is not None and purpose not in {p.name for p in row.purposes} and further_use(facts_now(row, settings), purpose) is not None:
            detail |= _further(settings, registry, row, detail)
        else:
            _refuse_if_not_allowed(registry, row, recording_id, detail)
        identities = Identity.load_all(identity)
        sealed = shelf_of(settings).source(recording_id)
        if os.path.lexists(output):
            raise OperatorError(f"{output}: exists already and is not overwritten; name another file")
        registry.audit(actor(), "recording.export", recording_id, {**detail, "format": FORMATS[output.suffix.lower()]})
        try:
            with proving(registry, recording_id, "export") as content:
                samples, rate = open_recording(sealed, content, identities)
            left_out = [] if row is None else _gaps_in(row, registry, len(samples) * 1000 // rate)
            samples, begins = joined(samples, rate, [Cut(gap.at_ms, gap.length_ms) for gap in left_out], Gaps(how))
            cues = [Cue(at, _words(gap)) for at, gap in zip(begins, left_out, strict=True)]
            _write(output, _encoded(samples, rate, FORMATS[output.suffix.lower()], cues))
        except OperatorError as error:
            registry.audit(actor(), "recording.export-failed", recording_id, {"why": type(error).__name__})
            raise
    seconds = len(samples) / rate
    if as_json:
        told = [
            {"kind": gap.kind.value, "at": cue.at / rate, "start_ms": gap.start_ms, "end_ms": gap.end_ms}
            for cue, gap in zip(cues, left_out, strict=True)
        ]
        print_json({"id": recording_id, "output": str(output), "seconds": seconds, "rate": rate, "gaps": told})
    else:
        echo(f"{output}: {seconds:.1f} s, {len(cues)} gaps; delete it when its purpose is done")


def _gaps_in(row: RecordingRow, registry: Registry, audio_ms: int) -> list[Gap]:
    """Of one that a crash cut short nobody knew the length: what would come behind its end is left."""
    return [gap for gap in gaps(audio_of(row, registry.recordings(call_id=row.call_id)), row.spans) if gap.at_ms < audio_ms]


def _words(gap: Gap) -> str:
    return f"{gap.kind}, {gap.length_ms / 1000:.1f} s, from {clock(gap.start_ms)} of the call"


def _further(settings: Config, registry: Registry, row: RecordingRow, detail: Mapping[str, str]) -> Mapping[str, str]:
    """What the audit row says more. For what a recording was not made for it is copied only by whom the review page would let hear it."""
    facts = facts_now(row, settings)
    try:
        viewer = viewer_of(settings)
    except OperatorError:
        registry.audit(actor(), "recording.export-refused", row.id, {**detail, "why": "no-account"})
        raise
    refusal = why_not_hear(viewer, facts, detail["purpose"])
    if refusal is not None:
        registry.audit(actor(), "recording.export-refused", row.id, {**detail, "why": refusal.value})
        raise OperatorError(f"recording {row.id}: {TEXTS[f'refusal-{refusal}']} It is not exported, and the attempt is in the audit trail")
    return told_of(facts, detail["purpose"])


def _refuse_if_not_allowed(registry: Registry, row: RecordingRow | None, recording_id: str, detail: Mapping[str, str]) -> None:
    if row is None:
        raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
    names = [p.name for p in row.purposes]
    if detail["purpose"] not in names:
        registry.audit(actor(), "recording.export-refused", recording_id, detail)
        raise OperatorError(
            f"recording {recording_id}: does not serve purpose {detail['purpose']!r}, only {', '.join(names) or 'none any more'}; "
            "it is not exported, and the attempt is in the audit trail"
        )
    if row.restriction is not None and detail["purpose"] not in row.restriction.except_for:
        registry.audit(actor(), "recording.export-refused", recording_id, detail)
        raise OperatorError(
            f"recording {recording_id}: is restricted since {row.restriction.at:%Y-%m-%d} (GDPR art. 18) and not excepted for "
            f"{detail['purpose']!r}; it is not exported, and the attempt is in the audit trail"
        )
    for hold in row.circumstances.holds:
        if actor().removeprefix("cli:") not in hold.listeners:
            registry.audit(actor(), "recording.export-refused", recording_id, {**detail, "hold": str(hold.id)})
            raise OperatorError(
                f"recording {recording_id}: is under legal hold {hold.id}, to which only {', '.join(hold.listeners)} may listen; "
                "it is not exported, and the attempt is in the audit trail"
            )
    if row.state is not State.SEALED:
        raise OperatorError(f"recording {recording_id}: is {row.state}; only a sealed recording can be exported")


def _encoded(samples: Stereo, rate: int, kind: str, cues: Sequence[Cue]) -> bytes:
    """In memory: a copy in clear that a crash left half-written would be nobody's to delete."""
    memory = io.BytesIO()
    soundfile.write(memory, samples, rate, format=kind, subtype="PCM_16")
    return in_wav(memory.getvalue(), cues) if kind == "WAV" else in_flac(memory.getvalue(), rate, cues)


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OperatorError(f"{path}: cannot be made ({error.strerror}); name a new file in a directory of yours") from error
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        path.unlink()
        raise OperatorError(f"{path}: cannot be written ({error.strerror}); nothing of it was left behind") from error
