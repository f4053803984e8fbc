"""To which purposes the people in a recording objected, during the call or afterwards, whether it served them or not (R4); and what else
was taken from it: by an erasure that the law allows in part, or because another call took its place in a quota."""

from __future__ import annotations

from collections import defaultdict

from peewee import Database

from asterisk_privacy.call.commands import ConsentKind
from asterisk_privacy.registry.engine import sql

_WITHDRAWN = """SELECT p.recording_id, p.name FROM recording_purposes p JOIN recordings r ON r.id = p.recording_id
    WHERE p.withdrawn_at IS NOT NULL AND {where}"""
_SAID = """SELECT r.id, s.detail FROM consents s JOIN recordings r ON r.call_id = s.call_id WHERE s.kind = ? AND {where}"""


def load(db: Database, where: str, values: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """Names of purposes by recording; `where` is about the columns of recordings, as r. Of a call they hold for all its recordings."""
    found: dict[str, set[str]] = defaultdict(set)
    for recording_id, name in sql(db, _WITHDRAWN.format(where=where), values):
        found[recording_id].add(name)
    for recording_id, names in sql(db, _SAID.format(where=where), (ConsentKind.OBJECTED.value, *values)):
        found[recording_id].update(name.strip() for name in names.split(","))
    return {recording_id: frozenset(names) for recording_id, names in found.items()}
