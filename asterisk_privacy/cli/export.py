"""`asterisk-privacy recordings export`: a copy in clear, for a purpose that the recording has, logged before it is made."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import soundfile

from asterisk_privacy.access.acts import allow_to_hear
from asterisk_privacy.audio.cues import Cue, in_flac, in_wav
from asterisk_privacy.audio.joining import Cut, Gaps, joined
from asterisk_privacy.call.gaps import Gap, gaps
from asterisk_privacy.cli.acting import Reason, acting
from asterisk_privacy.cli.common import clock, config_option, json_option, operator_errors, print_json
from asterisk_privacy.cli.printing import echo
from asterisk_privacy.daemon.proving import proving
from asterisk_privacy.daemon.storage import shelf_of
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.store.flac import Stereo
from asterisk_privacy.store.identity import Identity
from asterisk_privacy.store.vault import open_recording

EXPORT = "recording.export"
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
    purpose and why is in the audit trail before the first byte is written; so is an attempt that is refused.

    You may export what you may hear on the review page: by the roles of your account, for a purpose that still keeps the recording, and no
    call of yours. You are who the system says you are (sudo included). Root without an account may export too, and the audit row says so;
    but not for a purpose that the policy only calls compatible with one that the recording has.

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
    with acting(config, Reason.IN_ITS_OWN_ROW) as one:
        registry = one.registry
        row = registry.recording(recording_id)
        if row is None:
            raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
        detail = allow_to_hear(one.desk, one.actor, row, purpose, EXPORT, {"reason": reason})
        identities = Identity.load_all(identity)
        sealed = shelf_of(one.settings).source(recording_id)
        if os.path.lexists(output):
            raise OperatorError(f"{output}: exists already and is not overwritten; name another file")
        row = registry.recording(recording_id) or row  # afresh: reading the key may have taken its time
        detail = allow_to_hear(one.desk, one.actor, row, purpose, EXPORT, {"reason": reason})
        registry.audit(one.actor.by, EXPORT, recording_id, {**detail, "format": FORMATS[output.suffix.lower()]})
        try:
            with proving(registry, recording_id, "export") as content:
                samples, rate = open_recording(sealed, content, identities)
            left_out = _gaps_in(row, registry, len(samples) * 1000 // rate)
            samples, begins = joined(samples, rate, [Cut(gap.at_ms, gap.length_ms) for gap in left_out], Gaps(how))
            cues = [Cue(at, _words(gap)) for at, gap in zip(begins, left_out, strict=True)]
            _write(output, _encoded(samples, rate, FORMATS[output.suffix.lower()], cues))
        except OperatorError as error:
            registry.audit(one.actor.by, f"{EXPORT}-failed", recording_id, {"why": type(error).__name__})
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
