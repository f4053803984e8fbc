"""What is done with a recording: decide, write the audit row, do. One act each, whatever the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from asterisk_privacy.access.actor import Actor
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import (
    Act,
    Facts,
    Page,
    Refusal,
    Viewer,
    further_use,
    objectionable,
    told_of,
    why_not_do,
    why_not_hear,
    why_not_open,
)
from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.purging import latest_lesson
from asterisk_privacy.daemon.rights import Asked
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.retention import Milestone
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.rights.refusals import Answer
from asterisk_privacy.store.vault import Vault


class Refused(Exception):
    """It is not for who asked; that stands in the audit trail. `row`: None where the refusal is about no recording."""

    def __init__(self, refusal: Refusal, subject: str, viewer: Viewer, row: RecordingRow | None = None, purpose: str = "") -> None:
        super().__init__(f"{subject}: {refusal}")
        self.refusal, self.subject, self.viewer, self.row, self.purpose = refusal, subject, viewer, row, purpose


class NotALesson(Exception):
    """The policy allows none. `until`: the last day that it allows, where it allows one."""

    def __init__(self, until: datetime | None) -> None:
        super().__init__(str(until))
        self.until = until


def allow(desk: Desk, actor: Actor, row: RecordingRow, act: Act) -> None:
    """Raises Refused. What root without an account does stands in the audit trail with its reason."""
    action, detail = ("recording.export", {"purpose": "access"}) if act is Act.COPY else (f"recording.{act}", {})
    _decide(desk, actor, row, action, detail, lambda facts: why_not_do(actor.viewer, facts, act))
    if actor.why:
        desk.registry.audit(actor.by, f"{action}-by-root", row.id, {**detail, "reason": actor.why})


def allow_at(desk: Desk, actor: Actor, page: Page, action: str, subject: str) -> None:
    """For what is about no recording. Raises Refused. `subject`: what the audit row is about, such as a case's reference."""
    refusal = why_not_open(actor.viewer, page)
    if refusal is not None:
        desk.registry.audit(actor.by, f"{action}-refused", subject, {"why": refusal.value})
        raise Refused(refusal, subject, actor.viewer)
    if actor.why:
        desk.registry.audit(actor.by, f"{action}-by-root", subject, {"reason": actor.why})


def allow_to_hear(desk: Desk, actor: Actor, row: RecordingRow, purpose: str, action: str, detail: Mapping[str, str]) -> Mapping[str, str]:
    """Raises Refused. What the audit row of the listen says, which whoever plays or copies it writes before the first byte."""
    told = {"purpose": purpose, **detail, **told_of(desk.facts(row), purpose)}
    _decide(desk, actor, row, action, told, lambda facts: why_not_hear(actor.viewer, facts, purpose))
    return told


def note_reviewed(desk: Desk, actor: Actor, row: RecordingRow, outcome: str) -> None:
    allow(desk, actor, row, Act.REVIEWED)
    desk.registry.milestone(row.id, Milestone.REVIEWED, desk.now(), actor.by, outcome)


def give_date(desk: Desk, actor: Actor, row: RecordingRow, until: datetime, reason: str) -> None:
    """The purposes that wait for it end then; the date that is given last counts. OperatorError where no purpose waits for one."""
    allow(desk, actor, row, Act.DATE)
    if not any(Milestone.DATE_GIVEN in purpose.criterion.events() for purpose in row.purposes):
        raise OperatorError(f'recording {row.id}: no purpose of it waits for a date; the policy says so with: until = "given-date"')
    desk.registry.milestone(row.id, Milestone.DATE_GIVEN, until, actor.by, reason)


def keep_as_lesson(
    desk: Desk, actor: Actor, row: RecordingRow, until: datetime, reason: str, first: Callable[[], None] = lambda: None
) -> None:
    """Raises NotALesson too. `first`: what must be done to it before, such as taking the customer out."""
    allow(desk, actor, row, Act.LESSON)
    limit = latest_lesson(row, desk.rules)
    if limit is None or until > limit:
        raise NotALesson(limit)
    with desk.registry.acting(actor.by):
        first()
    desk.registry.lesson(row.id, until, desk.now(), actor.by, reason)


def object_to(desk: Desk, actor: Actor, row: RecordingRow, purpose: str, asked: Asked, language: str, vault: Vault | None = None) -> Answer:
    """End one purpose of it. Without a vault nothing is deleted here: what is left without a purpose the purger takes."""
    allow(desk, actor, row, Act.OBJECTION)
    facts = desk.facts(row)
    if purpose not in objectionable(actor.viewer, facts):
        refuse(desk, actor, row, f"recording.{Act.OBJECTION}", Refusal.NOT_SERVED, {"purpose": purpose})
    with desk.registry.acting(actor.by):
        if further_use(facts, purpose) is not None:
            title = desk.config.book.purposes[purpose].title_in(language)
            return rights.object_to_further(desk.registry, row, purpose, title, asked, desk.now())
        return rights.object_to(desk.registry, vault, row, purpose, asked, desk.now())


def _decide(
    desk: Desk,
    actor: Actor,
    row: RecordingRow,
    action: str,
    detail: Mapping[str, str],
    why_not: Callable[[Facts], Refusal | None],
) -> None:
    refusal = why_not(desk.facts(row))
    if refusal is not None:
        refuse(desk, actor, row, action, refusal, detail)


def refuse(desk: Desk, actor: Actor, row: RecordingRow, action: str, why: Refusal, detail: Mapping[str, str]) -> None:
    hold = next((one for one in row.circumstances.holds if actor.viewer.name not in one.listeners), None)
    more = {"hold": str(hold.id)} if hold is not None and why is Refusal.HELD else {}
    desk.registry.audit(actor.by, f"{action}-refused", row.id, {**detail, "why": why.value, **more})
    raise Refused(why, row.id, actor.viewer, row, detail.get("purpose", ""))
