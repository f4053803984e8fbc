"""Cases and legal holds: who may open and close them, and for which recordings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asterisk_privacy.access.actor import Actor
from asterisk_privacy.access.acts import allow, allow_at, refuse
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Act, Page, Refusal, Standing, is_own, why_not_know
from asterisk_privacy.errors import OperatorError
from asterisk_privacy.policy.cases import CaseKind, Step
from asterisk_privacy.registry.case_rows import CaseRow, HoldRow
from asterisk_privacy.registry.rows import RecordingRow, State


def open_case(
    desk: Desk, actor: Actor, kind: CaseKind | str, reference: str, ids: Sequence[str], at: datetime | None = None, note: str = ""
) -> CaseRow:
    """And link recordings to it. Nothing is opened if one of them may not be. The trail does not learn a reference, which can name a
    person."""
    rows = [existing(desk, recording_id) for recording_id in ids]
    for row in rows:
        allow(desk, actor, row, Act.CASE)
    allow_at(desk, actor, Page.CASES, "case.open", "")
    opened = desk.registry.open_case(kind, reference, at or desk.now(), actor.by, note)
    for row in rows:
        opened = desk.registry.link_case(reference, row.id, desk.now(), actor.by)
    return opened


def link(desk: Desk, actor: Actor, reference: str, ids: Sequence[str]) -> CaseRow:
    """All of them, or none."""
    rows = [existing(desk, recording_id) for recording_id in ids]
    for row in rows:
        allow(desk, actor, row, Act.CASE)
    found: CaseRow | None = None
    for row in rows:
        found = desk.registry.link_case(reference, row.id, desk.now(), actor.by)
    return found or known(desk, reference)


def unlink(desk: Desk, actor: Actor, reference: str, recording_id: str, reason: str) -> CaseRow:
    row = existing(desk, recording_id)
    allow(desk, actor, row, Act.CASE)
    return desk.registry.unlink_case(reference, row.id, desk.now(), actor.by, reason)


def step(desk: Desk, actor: Actor, reference: str, what: Step, at: datetime | None, note: str) -> CaseRow:
    """It may end the keeping of every recording of the case, so none of them is a call of whoever says it."""
    allow_at(desk, actor, Page.CASES, f"case.{what}", "")
    case = known(desk, reference)
    _not_own(desk, actor, case.recordings, f"case.{what}")
    return desk.registry.case_step(case.reference, what, at or desk.now(), actor.by, note)


def place_hold(desk: Desk, actor: Actor, reason: str, listeners: Sequence[str], recording_id: str | None, reference: str | None) -> HoldRow:
    """On a recording, or on all that are or will be linked to a case."""
    if recording_id is not None:
        allow(desk, actor, existing(desk, recording_id), Act.HOLD)
        return desk.registry.place_hold(desk.now(), actor.by, reason, listeners, recording_id=recording_id)
    allow_at(desk, actor, Page.HOLDS, "hold.place", "")
    case = known(desk, reference or "")
    _not_own(desk, actor, case.recordings, "hold.place")
    return desk.registry.place_hold(desk.now(), actor.by, reason, listeners, case=case.reference)


def release_hold(desk: Desk, actor: Actor, hold_id: int, reason: str) -> HoldRow:
    """What only a hold keeps goes when it is released, so nobody releases one of an own call."""
    allow_at(desk, actor, Page.HOLDS, "hold.release", str(hold_id))
    for hold in desk.registry.holds():
        if hold.id == hold_id:
            _not_own(desk, actor, _covered(desk, hold), "hold.release")
    return desk.registry.release_hold(hold_id, desk.now(), actor.by, reason)


def holds_to_know(desk: Desk, actor: Actor, only_active: bool) -> list[HoldRow]:
    """Not those of own calls alone, whose ids would tell which of them chance picked."""
    if not actor.viewer.agents:
        return desk.registry.holds(only_active=only_active)
    rows = []
    for hold in desk.registry.holds(only_active=only_active):
        row = None if hold.recording_id is None else desk.registry.recording(hold.recording_id)
        if row is None or not is_own(actor.viewer, desk.facts(row)):
            rows.append(hold)
    return rows


def recordings_to_know(desk: Desk, actor: Actor, case: CaseRow) -> tuple[str, ...]:
    """Of the recordings of a case those that the actor may know of, and those that are gone."""
    if actor.viewer.standing is not Standing.ACCOUNT:
        return case.recordings
    rows = {row.id: row for row in desk.registry.recordings_among(case.recordings)} if case.recordings else {}
    return tuple(one for one in case.recordings if one not in rows or why_not_know(actor.viewer, desk.facts(rows[one])) is None)


def known(desk: Desk, reference: str) -> CaseRow:
    found = desk.registry.cases(reference)
    if not found:
        raise OperatorError(f"case {reference}: is unknown; see: asterisk-privacy case list")
    return found[0]


def _covered(desk: Desk, hold: HoldRow) -> tuple[str, ...]:
    if hold.recording_id is not None:
        return (hold.recording_id,)
    return known(desk, hold.case or "").recordings


def existing(desk: Desk, recording_id: str) -> RecordingRow:
    row = desk.registry.recording(recording_id)
    if row is None:
        raise OperatorError(f"recording {recording_id}: does not exist in the registry; see: asterisk-privacy recordings list")
    return row


def _not_own(desk: Desk, actor: Actor, ids: Sequence[str], action: str) -> None:
    for row in desk.registry.recordings_among(ids) if ids else ():
        if row.state is State.SEALED and is_own(actor.viewer, desk.facts(row)):
            refuse(desk, actor, row, action, Refusal.OWN, {})
