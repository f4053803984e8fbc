"""What the purger needs to find what is due among a million without looking at each.

`promise_sets` holds each combination of promises that recordings live under: a handful, however many there are. `eventful` recordings
have something of their own beside their age (an event, a hold, a purpose that came or went later) and are looked at in full. Triggers
keep both, so that no way of writing can forget it; a set that nobody has any more stays, and costs nothing.
"""

from __future__ import annotations

_LIVING = """(SELECT json_group_array(json_array(name, title, criterion)) FROM (SELECT name, title, criterion FROM recording_purposes
    WHERE recording_id = {id} AND withdrawn_at IS NULL ORDER BY rowid))"""
_SET = "(SELECT s.id FROM promise_sets s WHERE s.promises = {living})"
_NEW = _LIVING.format(id="NEW.recording_id")
_REMEMBER = f"""INSERT OR IGNORE INTO promise_sets (promises) VALUES ({_NEW});
    UPDATE recordings SET promise_set = {_SET.format(living=_NEW)}, eventful = {{eventful}} WHERE id = NEW.recording_id;"""
_EVENTS = ("milestones", "case_links", "legal_holds", "lessons", "restrictions")

STATEMENTS = (
    # promises: JSON [[name, title, criterion], ...] of the purposes that were not withdrawn, in the order in which they were given
    "CREATE TABLE promise_sets (id INTEGER NOT NULL PRIMARY KEY, promises TEXT NOT NULL UNIQUE)",
    "ALTER TABLE recordings ADD COLUMN promise_set INTEGER REFERENCES promise_sets (id)",
    "ALTER TABLE recordings ADD COLUMN eventful INTEGER NOT NULL DEFAULT 0",
    f"INSERT OR IGNORE INTO promise_sets (promises) SELECT {_LIVING.format(id='r.id')} FROM recordings r",
    f"UPDATE recordings SET promise_set = {_SET.format(living=_LIVING.format(id='recordings.id'))}",
    *(f"UPDATE recordings SET eventful = 1 WHERE id IN (SELECT recording_id FROM {table})" for table in _EVENTS),
    """UPDATE recordings SET eventful = 1 WHERE id IN (SELECT p.recording_id FROM recording_purposes p
        JOIN recordings r ON r.id = p.recording_id WHERE p.withdrawn_at IS NOT NULL OR p.added_at != r.recorded_at)""",
    "CREATE INDEX recordings_due ON recordings (eventful, promise_set, recorded_at) WHERE state = 'sealed'",
    f"""CREATE TRIGGER promise_made AFTER INSERT ON recording_purposes BEGIN
        {_REMEMBER.format(eventful="eventful OR NEW.added_at != recorded_at")} END""",
    f"CREATE TRIGGER promise_changed AFTER UPDATE ON recording_purposes BEGIN {_REMEMBER.format(eventful='1')} END",
    *(
        f"""CREATE TRIGGER {table}_eventful AFTER INSERT ON {table} WHEN NEW.recording_id IS NOT NULL BEGIN
            UPDATE recordings SET eventful = 1 WHERE id = NEW.recording_id AND NOT eventful; END"""
        for table in _EVENTS
    ),
)
