"""Listening: the decision, its audit entry, and what the file must be, in one step; a refusal has its entry too."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from asterisk_privacy.access.acts import Refused, allow_to_hear
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Refusal, why_not_see
from asterisk_privacy.call.timeline import Mark, Passage, Span
from asterisk_privacy.content import Content
from asterisk_privacy.errors import NotAsRecorded
from asterisk_privacy.registry.parts import audio_of
from asterisk_privacy.review.desk.requests import ByAccount, RecordingId, Word, Words

VIA = "review page"


class Hear(msgspec.Struct, frozen=True, tag=True):
    """It may be heard. `content`: what its file must be; None: the row is not what the audit trail tells, and that was noted."""

    content: Content | None


class NotHeard(msgspec.Struct, frozen=True, tag=True):
    refusal: Refusal


class NoReason(msgspec.Struct, frozen=True, tag=True):
    """He may, and has not said why: nothing is in the trail."""


class NoToken(msgspec.Struct, frozen=True, tag=True):
    """He has not said what he listens for, or it was too long ago."""


class Listen(ByAccount[Hear | NotHeard | NoReason], frozen=True, tag=True):
    """From here on it stands in the audit trail that he listens, for what and why."""

    recording_id: RecordingId
    purpose: Word
    reason: Words

    def carried_out(self, desk: Desk) -> Hear | NotHeard | NoReason:
        row, said = desk.registry.recording(self.recording_id), {"reason": self.reason, "via": VIA}
        if row is None:
            detail = {"purpose": self.purpose, **said, "why": Refusal.UNKNOWN.value}
            desk.registry.audit(self.actor, "recording.listen-refused", self.recording_id, detail)
            return NotHeard(Refusal.UNKNOWN)
        try:
            told = allow_to_hear(desk, self.acting(desk), row, self.purpose, "recording.listen", said)
        except Refused as refused:
            return NotHeard(refused.refusal)
        if not self.reason:
            return NoReason()
        desk.registry.audit(self.actor, "recording.listen", self.recording_id, told)
        return _hear(desk, self.recording_id, self.actor)


class GoOn(ByAccount[Hear | NotHeard | NoToken], frozen=True, tag=True):
    """Whether nothing has come in between since a listen for `purpose` was granted; "": none was."""

    recording_id: RecordingId
    purpose: Word

    def carried_out(self, desk: Desk) -> Hear | NotHeard | NoToken:
        row, actor = desk.registry.recording(self.recording_id), self.acting(desk)
        if row is None or why_not_see(actor.viewer, desk.facts(row)) is not None:
            return self._refused(desk, NotHeard(Refusal.UNKNOWN), Refusal.UNKNOWN)
        if not self.purpose:
            return self._refused(desk, NoToken(), "no-token")
        try:
            allow_to_hear(desk, actor, row, self.purpose, "recording.listen", {"via": VIA})
        except Refused as refused:
            return NotHeard(refused.refusal)
        return _hear(desk, self.recording_id, self.actor)

    def _refused(self, desk: Desk, answer: NotHeard | NoToken, why: str) -> NotHeard | NoToken:
        purpose = {"purpose": self.purpose} if self.purpose else {}
        detail = {**purpose, "why": str(why), "via": VIA}
        desk.registry.audit(self.actor, "recording.listen-refused", self.recording_id, detail)
        return answer


@dataclass(frozen=True, slots=True)
class CallStory:
    """Of the call, without its audio. `passages`: where the recording's audio is in it."""

    duration_ms: int
    audio_ms: int
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    passages: tuple[Passage, ...]


class Timeline(ByAccount[CallStory | None], frozen=True, tag=True):
    """None: there is none, or not for him."""

    recording_id: RecordingId

    def carried_out(self, desk: Desk) -> CallStory | None:
        row = desk.registry.recording(self.recording_id)
        if row is None or why_not_see(desk.viewer(self.who), desk.facts(row)) is not None:
            return None
        end = max((span.end_ms for span in row.spans), default=0)
        passages = audio_of(row, desk.registry.recordings(call_id=row.call_id))
        return CallStory(end, row.duration_ms or 0, tuple(row.spans), tuple(row.marks), tuple(passages))


class Failed(ByAccount[None], frozen=True, tag=True):
    """It could not be heard, as the page says. `sha256`: what the row said that it was. Where the file was another one, the recorder
    has an alarm, unless the row says something else by now: then it was replaced while it was heard."""

    recording_id: RecordingId
    why: Word
    not_as_recorded: Words
    sha256: Word

    def carried_out(self, desk: Desk) -> None:
        desk.registry.audit(self.actor, "recording.listen-failed", self.recording_id, {"why": self.why, "via": VIA})
        if self.not_as_recorded and desk.registry.contents.is_still(self.recording_id, self.sha256):
            desk.registry.contents.note_met(self.recording_id, VIA, self.not_as_recorded)


def _hear(desk: Desk, recording_id: str, actor: str) -> Hear:
    try:
        return Hear(desk.registry.contents.of(recording_id))
    except NotAsRecorded as error:
        desk.registry.audit(actor, "recording.listen-failed", recording_id, {"why": type(error).__name__, "via": VIA})
        desk.registry.contents.note_met(recording_id, VIA, str(error))
        return Hear(None)
