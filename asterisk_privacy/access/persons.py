"""What a person asks of their recordings: who may look them up, copy, erase and restrict them, and keep the book of requests."""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_privacy.access.actor import Actor
from asterisk_privacy.access.acts import allow, allow_at
from asterisk_privacy.access.desk import Desk
from asterisk_privacy.access.permission import Act, Page, is_own, why_not_open
from asterisk_privacy.daemon import rights
from asterisk_privacy.daemon.rights import Asked
from asterisk_privacy.registry.rows import RecordingRow
from asterisk_privacy.rights.refusals import Answer
from asterisk_privacy.store.vault import Vault


def look_up(desk: Desk, actor: Actor, about: str, rows: Sequence[RecordingRow]) -> list[RecordingRow]:
    """Those of a person's recordings that the officer may know of: not own calls, which would tell which of them chance picked."""
    allow_at(desk, actor, Page.REQUESTS, "subject.find", about)
    known = not_own(desk, actor, rows)
    desk.registry.audit(actor.by, "subject.find", about, {"found": str(len(rows)), "own": str(len(rows) - len(known))})
    return known


def allow_copy(desk: Desk, actor: Actor, about: str, rows: Sequence[RecordingRow]) -> None:
    """Of all of them, before the first is opened. Who may make none is not told whether there are any."""
    refusal = why_not_open(actor.viewer, Page.REQUESTS)
    for row in rows if refusal is not None else ():
        desk.registry.audit(actor.by, "recording.export-refused", row.id, {"purpose": "access", "why": str(refusal)})
    allow_at(desk, actor, Page.REQUESTS, "subject.export", about)
    for row in rows:
        allow(desk, actor, row, Act.COPY)


def not_own(desk: Desk, actor: Actor, rows: Sequence[RecordingRow]) -> list[RecordingRow]:
    """An own call is answered for by somebody else, and not told by its id: that would tell which of them chance picked."""
    return [row for row in rows if not is_own(actor.viewer, desk.facts(row))]


def erase(desk: Desk, actor: Actor, vault: Vault, row: RecordingRow, asked: Asked) -> Answer:
    allow(desk, actor, row, Act.ERASE)
    with desk.registry.acting(actor.by):
        return rights.erase(desk.registry, vault, row, asked, desk.now())


def restrict(desk: Desk, actor: Actor, row: RecordingRow, except_for: Sequence[str], asked: Asked) -> Answer:
    allow(desk, actor, row, Act.RESTRICT)
    with desk.registry.acting(actor.by):
        return rights.restrict(desk.registry, row, except_for, asked, desk.now())


def lift_restriction(desk: Desk, actor: Actor, row: RecordingRow, asked: Asked) -> Answer:
    allow(desk, actor, row, Act.RESTRICT)
    with desk.registry.acting(actor.by):
        desk.registry.lift_restriction(row.id, desk.now(), asked.reason)
    return Answer(False, False, (), (("lifted",),))
