"""Which sealed recordings can be due, found by SQL: far fewer than there are, and never one too few.

Without events a promise ends by the age of its recording alone: for each criterion there is a border, and what was recorded after it
is not due (`retention.border`). Recordings to which something happened are all handed out; whoever asks judges each in full.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from asterisk_privacy.policy.retention import Criterion, criterion_from_mapping
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.db import RegistryFile, sql

# Where an event of a recording stands that can end a promise before its age does. A test demands a decision about each new table.
EVENTS = {
    "milestones": "SELECT recording_id FROM milestones",
    "case_links": "SELECT recording_id FROM case_links",
    "recording_purposes": "SELECT recording_id FROM recording_purposes WHERE withdrawn_at IS NOT NULL",
}

_PROMISED = "SELECT DISTINCT criterion FROM recording_purposes WHERE withdrawn_at IS NULL"
_COUNT = "SELECT count(*) FROM recordings WHERE state = 'sealed'"
_BORDERS = "CREATE TEMP TABLE IF NOT EXISTS due_borders (criterion TEXT NOT NULL PRIMARY KEY, upto INTEGER NOT NULL) WITHOUT ROWID"
# a promise without a border compares with NULL, and so never keeps its recording off the list
_BY_AGE = """SELECT r.id FROM recordings r WHERE r.state = 'sealed' AND r.recorded_at <= ? AND NOT EXISTS (
    SELECT 1 FROM recording_purposes p LEFT JOIN temp.due_borders b ON b.criterion = p.criterion
    WHERE p.recording_id = r.id AND p.withdrawn_at IS NULL AND r.recorded_at > b.upto)"""
_BY_EVENT = f"""SELECT e.recording_id FROM ({" UNION ".join(EVENTS.values())}) e
    JOIN recordings r ON r.id = e.recording_id WHERE r.state = 'sealed'"""


def promised(file: RegistryFile) -> dict[str, Criterion | None]:
    """All criteria that were ever promised, by the text under which they are stored: a handful, however many recordings. None for one
    that cannot be read: reading its recording says so."""
    with file.read() as db:
        texts = [text for (text,) in sql(db, _PROMISED)]
    return {text: _read(text) for text in texts}


def promised_names(file: RegistryFile) -> dict[str, frozenset[str]]:
    """Names of the purposes for which each criterion was promised, by its text."""
    found: dict[str, set[str]] = defaultdict(set)
    with file.read() as db:
        for text, name in sql(db, "SELECT DISTINCT criterion, name FROM recording_purposes WHERE withdrawn_at IS NULL"):
            found[text].add(name)
    return {text: frozenset(names) for text, names in found.items()}


def sealed_count(file: RegistryFile) -> int:
    with file.read() as db:
        return int(sql(db, _COUNT).fetchone()[0])


def maybe_due(file: RegistryFile, borders: Mapping[str, datetime | None]) -> list[str]:
    """Ids of what is sealed and not younger than the border of any of its promises, or has an event, or has no promise left.

    `borders`: by the text of the criterion; None where age says nothing, so that all its recordings are candidates.
    """
    known = {text: to_ms(border) for text, border in borders.items() if border is not None}
    youngest = max(known.values(), default=0) if len(known) == len(borders) else 1 << 62
    with file.read() as db:
        sql(db, _BORDERS)
        sql(db, "DELETE FROM temp.due_borders")
        for entry in known.items():
            sql(db, "INSERT INTO temp.due_borders (criterion, upto) VALUES (?, ?)", entry)
        found = {recording_id for (recording_id,) in sql(db, _BY_EVENT)}
        found.update(recording_id for (recording_id,) in sql(db, _BY_AGE, (youngest,)))
    return sorted(found)


def _read(text: str) -> Criterion | None:
    try:
        return criterion_from_mapping(json.loads(text))
    except ValueError:
        return None
