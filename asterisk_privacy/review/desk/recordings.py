"""A recording's page, and what is written down about it: outcome, lesson, case, objection."""

from __future__ import annotations

from datetime import datetime

import msgspec

from asterisk_privacy.access import permission
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Refusal, further_use, objectionable, why_not_do, why_not_see
from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.purging import latest_lesson
from asterisk_privacy.policy.cases import CaseKind
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.rows import RecordingRow, WrongState
from asterisk_privacy.review.desk.requests import ByAccount, Language, RecordingId, Word, Words
from asterisk_privacy.review.recording_view import RecordingView, seen

OF_A_REVIEW = (permission.Act.REVIEWED, permission.Act.LESSON)
"""They end or prolong what it was made for, so they come of listening for that."""


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

    @property
    def act(self) -> permission.Act:
        raise NotImplementedError

    def write(self, desk: Desk, row: RecordingRow) -> Said:
        raise NotImplementedError

    def carried_out(self, desk: Desk) -> Done | NotDone | NotHis:
        row, viewer = desk.registry.recording(self.recording_id), desk.viewer(self.who)
        if row is None:
            return NotHis(Refusal.UNKNOWN)
        refusal = why_not_do(viewer, desk.facts(row), self.act)
        if refusal is not None:
            return NotHis(refusal)
        if self.act in OF_A_REVIEW and self.granted and self.granted not in {p.name for p in row.purposes}:
            return NotDone(Said("not-of-this-listen"))
        try:
            sentence = self.write(desk, row)
        except _No as no:
            return NotDone(no.sentence)
        except WrongState as error:
            return NotDone(Told(str(error)))
        after = desk.registry.recording(self.recording_id)
        return Done(sentence, after is not None and why_not_see(viewer, desk.facts(after)) is None)


class Reviewed(Act, frozen=True, tag=True):
    outcome: Words

    @property
    def act(self) -> permission.Act:
        return permission.Act.REVIEWED

    def write(self, desk: Desk, row: RecordingRow) -> Said:
        desk.registry.milestone(row.id, Milestone.REVIEWED, desk.now(), self.actor, self.outcome)
        return Said("done-reviewed")


class KeepAsLesson(Act, frozen=True, tag=True):
    reason: Words
    until: datetime

    @property
    def act(self) -> permission.Act:
        return permission.Act.LESSON

    def write(self, desk: Desk, row: RecordingRow) -> Said:
        limit = latest_lesson(row, desk.rules)
        if limit is None:
            raise _No("no-lesson")
        if self.until > limit:
            raise _No("lesson-too-late", limit=f"{limit.astimezone():%Y-%m-%d}")
        if self.until <= desk.now():
            raise _No("lesson-over")
        desk.registry.lesson(row.id, self.until, desk.now(), self.actor, self.reason)
        return Said("done-lesson", {"until": f"{self.until.astimezone():%Y-%m-%d}"})


class PutInCase(Act, frozen=True, tag=True):
    """Into an open case, or into one that is opened if a kind is given."""

    reference: Words
    kind: CaseKind | None

    @property
    def act(self) -> permission.Act:
        return permission.Act.CASE

    def write(self, desk: Desk, row: RecordingRow) -> Said:
        if self.kind is not None and not desk.registry.cases(self.reference):
            desk.registry.open_case(self.kind, self.reference, desk.now(), self.actor)
        desk.registry.link_case(self.reference, row.id, desk.now(), self.actor)
        return Said("done-case", {"reference": self.reference})


class Objected(Act, frozen=True, tag=True):
    """The customer said it, in the call or afterwards (R4). What is left without a purpose the purger takes: nothing is deleted here."""

    purpose: Word
    reason: Words
    language: Language

    @property
    def act(self) -> permission.Act:
        return permission.Act.OBJECTION

    def write(self, desk: Desk, row: RecordingRow) -> Said:
        facts = desk.facts(row)
        if self.purpose not in objectionable(desk.viewer(self.who), facts):
            raise _No("refusal-not-served")
        asked = rights.Asked(self.reason, identity_check="heard or told on the review page")
        if further_use(facts, self.purpose) is not None:
            title = desk.config.book.purposes[self.purpose].title_in(self.language)
            rights.object_to_further(desk.registry, row, self.purpose, title, asked, desk.now())
            return Said("done-objection")
        answer = rights.object_to(desk.registry, None, row, self.purpose, asked, desk.now())
        if answer.refused:
            raise WrongState(answer.in_words(self.language))
        return Said("done-objection-none-left" if answer.erased else "done-objection")
