"""Requests of persons with their deadline, and recordings that are restricted (GDPR art. 12(3), 18)."""

from __future__ import annotations

STATEMENTS = (
    # subject: keyed hash of a number or an agent's endpoint, emptied when the request is closed
    """CREATE TABLE requests (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('access', 'erasure', 'restriction', 'objection')),
        about TEXT NOT NULL CHECK (about IN ('number', 'agent')),
        subject TEXT,
        identity_check TEXT NOT NULL,
        received TEXT NOT NULL,
        due TEXT NOT NULL,
        opened_at INTEGER NOT NULL,
        opened_by TEXT NOT NULL,
        extended_at INTEGER,
        extended_why TEXT,
        closed_at INTEGER,
        outcome TEXT,
        CHECK ((extended_at IS NULL) = (extended_why IS NULL)),
        CHECK ((closed_at IS NULL) = (outcome IS NULL)),
        CHECK ((closed_at IS NULL) = (subject IS NOT NULL))
    )""",
    "CREATE INDEX requests_open ON requests (due) WHERE closed_at IS NULL",
    """CREATE TABLE restrictions (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        recording_id TEXT NOT NULL REFERENCES recordings (id),
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        reason TEXT NOT NULL,
        except_for TEXT NOT NULL,
        lifted_at INTEGER,
        lifted_why TEXT,
        CHECK ((lifted_at IS NULL) = (lifted_why IS NULL))
    )""",
    "CREATE UNIQUE INDEX restrictions_one ON restrictions (recording_id) WHERE lifted_at IS NULL",
    # who listened to a recording is looked up by its id
    "CREATE INDEX audit_subject ON audit (subject)",
)
