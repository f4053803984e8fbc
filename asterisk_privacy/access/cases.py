"""Cases and legal holds: who may open and close them, and for which recordings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asterisk_privacy.access.actor import Actor
from asterisk_privacy.access.acts import allow, allow_at, refuse
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Act, Page, Refusal, is_own
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.cases import CaseKind, Step
from asterisk_privacy.registry.case_rows import CaseRow, HoldRow
from asterisk_privacy.registry.rows import RecordingRow, State


def open_case(
    desk: Desk, actor: Actor, kind: CaseKind | str, reference: str, ids: Sequence[str], at: datetime | None = None, note: str = ""
) -> CaseRow:
    """And link recordings to it. Nothing is opened if one of them may not be."""
    allow_at(desk, actor, Page.CASES, "case.open", reference)
    rows = [existing(desk, recording_id) for recording_id in ids]
    for row in rows:
        allow(desk, actor, row, Act.CASE)
    opened = desk.registry.open_case(kind, reference, at or desk.now(), actor.by, note)
    for row in rows:
        opened = desk.registry.link_case(reference, row.id, desk.now(), actor.by)
    return opened


def link(desk: Desk, actor: Actor, reference: str, row: RecordingRow) -> CaseRow:
    allow(desk, actor, row, Act.CASE)
    return desk.registry.link_case(reference, row.id, desk.now(), actor.by)


def unlink(desk: Desk, actor: Actor, reference: str, row: RecordingRow, reason: str) -> CaseRow:
    allow(desk, actor, row, Act.CASE)
    return desk.registry.unlink_case(reference, row.id, desk.now(), actor.by, reason)


def step(desk: Desk, actor: Actor, case: CaseRow, what: Step, at: datetime | None, note: str) -> CaseRow:
    """It may end the keeping of every recording of the case, so none of them is a call of whoever says it."""
    allow_at(desk, actor, Page.CASES, f"case.{what}", case.reference)
    _not_own(desk, actor, case.recordings, f"case.{what}")
    return desk.registry.case_step(case.reference, what, at or desk.now(), actor.by, note)


def place_hold(desk: Desk, actor: Actor, reason: str, listeners: Sequence[str], row: RecordingRow | None, case: CaseRow | None) -> HoldRow:
    """On a recording, or on all that are or will be linked to a case."""
    if row is not None:
        allow(desk, actor, row, Act.HOLD)
        return desk.registry.place_hold(desk.now(), actor.by, reason, listeners, recording_id=row.id)
    reference = "" if case is None else case.reference
    allow_at(desk, actor, Page.HOLDS, "hold.place", reference)
    _not_own(desk, actor, () if case is None else case.recordings, "hold.place")
    return desk.registry.place_hold(desk.now(), actor.by, reason, listeners, case=reference)


def release_hold(desk: Desk, actor: Actor, hold_id: int, reason: str) -> HoldRow:
    """What only a hold keeps goes when it is released, so nobody releases one of an own call."""
    allow_at(desk, actor, Page.HOLDS, "hold.release", str(hold_id))
    for hold in desk.registry.holds():
        if hold.id == hold_id:
            linked = () if hold.case is None else desk.registry.cases(hold.case)[0].recordings
            _not_own(desk, actor, linked if hold.recording_id is None else (hold.recording_id,), "hold.release")
    return desk.registry.release_hold(hold_id, desk.now(), actor.by, reason)


def existing(desk: Desk, recording_id: str) -> RecordingRow:
    row = desk.registry.recording(recording_id)
    if row is None:
        raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
    return row


def _not_own(desk: Desk, actor: Actor, ids: Sequence[str], action: str) -> None:
    for row in desk.registry.recordings_among(ids) if ids else ():
        if row.state is State.SEALED and is_own(actor.viewer, desk.facts(row)):
            refuse(desk, actor, row, action, Refusal.OWN, {})
