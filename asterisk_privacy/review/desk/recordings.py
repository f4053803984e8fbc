"""A recording's page, and what is written down about it: outcome, lesson, case, objection."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from asterisk_privacy.access import acts, cases, permission
from asterisk_privacy.access.actor import Actor
from asterisk_privacy.access.acts import Refused
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Refusal, why_not_see
from asterisk_privacy.daemon.rights import Asked
from asterisk_privacy.policy.cases import CaseKind
from asterisk_privacy.registry.rows import RecordingRow, WrongState
from asterisk_privacy.review.desk.requests import ByAccount, Language, RecordingId, Word, Words
from asterisk_privacy.review.recording_view import RecordingView, seen


class Said(msgspec.Struct, frozen=True, tag=True):
    """A sentence of the page's own, by its key (texts_*.py)."""

    key: str
    values: dict[str, str] = {}


class Told(msgspec.Struct, frozen=True, tag=True):
    """A sentence as it is."""

    words: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """`still_his`: he may still know of the recording."""

    sentence: Said
    still_his: bool


class NotDone(msgspec.Struct, frozen=True, tag=True):
    sentence: Said | Told


class NotHis(msgspec.Struct, frozen=True, tag=True):
    refusal: Refusal


class _No(Exception):
    """Nothing is written, for a reason that the page says in its own words."""

    def __init__(self, key: str, **values: str) -> None:
        self.sentence = Said(key, values)


class Show(ByAccount[RecordingView | None], frozen=True, tag=True):
    """None: there is none, or not for him."""

    recording_id: RecordingId
    language: Language

    def carried_out(self, desk: Desk) -> RecordingView | None:
        row, viewer = desk.registry.recording(self.recording_id), desk.viewer(self.who)
        if row is None or why_not_see(viewer, desk.facts(row)) is not None:
            return None
        return seen(desk, viewer, row, self.language)


class Act(ByAccount[Done | NotDone | NotHis], frozen=True):
    """`granted`: the purpose of the listen that goes on, or ""."""

    recording_id: RecordingId
    granted: Word
    of_a_review: ClassVar[permission.Act | None] = None
    """Which act, where it ends or prolongs what the recording was made for: it comes of listening for that."""

    def write(self, desk: Desk, actor: Actor, row: RecordingRow) -> Said:
        raise NotImplementedError

    def carried_out(self, desk: Desk) -> Done | NotDone | NotHis:
        row, actor = desk.registry.recording(self.recording_id), self.acting(desk)
        if row is None:
            return NotHis(Refusal.UNKNOWN)
        try:
            if self.of_a_review and self.granted and self.granted not in {p.name for p in row.purposes}:
                acts.allow(desk, actor, row, self.of_a_review)
                return NotDone(Said("not-of-this-listen"))
            sentence = self.write(desk, actor, row)
        except Refused as refused:
            return NotHis(refused.refusal)
        except _No as no:
            return NotDone(no.sentence)
        except WrongState as error:
            return NotDone(Told(str(error)))
        after = desk.registry.recording(self.recording_id)
        return Done(sentence, after is not None and why_not_see(actor.viewer, desk.facts(after)) is None)


class Reviewed(Act, frozen=True, tag=True):
    of_a_review = permission.Act.REVIEWED
    outcome: Words

    def write(self, desk: Desk, actor: Actor, row: RecordingRow) -> Said:
        acts.note_reviewed(desk, actor, row, self.outcome)
        return Said("done-reviewed")


class KeepAsLesson(Act, frozen=True, tag=True):
    of_a_review = permission.Act.LESSON
    reason: Words
    until: datetime

    def write(self, desk: Desk, actor: Actor, row: RecordingRow) -> Said:
        try:
            acts.keep_as_lesson(desk, actor, row, self.until, self.reason)
        except acts.NotALesson as no:
            raise (_No("no-lesson") if no.until is None else _No("lesson-too-late", limit=f"{no.until.astimezone():%Y-%m-%d}")) from None
        return Said("done-lesson", {"until": f"{self.until.astimezone():%Y-%m-%d}"})


class PutInCase(Act, frozen=True, tag=True):
    """Into an open case, or into one that is opened if a kind is given."""

    reference: Words
    kind: CaseKind | None

    def write(self, desk: Desk, actor: Actor, row: RecordingRow) -> Said:
        if self.kind is not None and not desk.registry.cases(self.reference):
            cases.open_case(desk, actor, self.kind, self.reference, [row.id])
        else:
            cases.link(desk, actor, self.reference, [row.id])
        return Said("done-case", {"reference": self.reference})


class Objected(Act, frozen=True, tag=True):
    """The customer said it, in the call or afterwards (R4). What is left without a purpose the purger takes: nothing is deleted here."""

    purpose: Word
    reason: Words
    language: Language

    def write(self, desk: Desk, actor: Actor, row: RecordingRow) -> Said:
        asked = Asked(self.reason, identity_check="heard or told on the review page")
        try:
            answer = acts.object_to(desk, actor, row, self.purpose, asked, self.language)
        except Refused as refused:
            if refused.refusal is Refusal.NOT_SERVED:
                raise _No("refusal-not-served") from None
            raise
        if answer.refused:
            raise WrongState(answer.in_words(self.language))
        return Said("done-objection-none-left" if answer.erased else "done-objection")
