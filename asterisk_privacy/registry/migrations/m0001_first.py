"""Calls, consents, recordings with their promised purposes, milestones, purges, and an audit trail that only grows."""

from __future__ import annotations

GENESIS = "0" * 64

STATEMENTS = (
    """CREATE TABLE calls (
        id TEXT NOT NULL PRIMARY KEY,
        profile TEXT NOT NULL,
        direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
        begun_at INTEGER NOT NULL,
        ended_at INTEGER,
        outcome TEXT CHECK (outcome IN ('kept', 'not-kept', 'refused', 'unannounced', 'failed')),
        agent TEXT,
        customer_hash TEXT,
        customer_sealed BLOB,
        spans TEXT NOT NULL DEFAULT '[]',
        marks TEXT NOT NULL DEFAULT '[]',
        CHECK ((ended_at IS NULL) = (outcome IS NULL))
    )""",
    "CREATE INDEX calls_begun_at ON calls (begun_at)",
    "CREATE INDEX calls_open ON calls (begun_at) WHERE ended_at IS NULL",
    "CREATE INDEX calls_customer ON calls (customer_hash) WHERE customer_hash IS NOT NULL",
    """CREATE TABLE consents (
        id INTEGER NOT NULL PRIMARY KEY,
        call_id TEXT NOT NULL REFERENCES calls (id),
        at INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('notice-begun', 'notice-heard', 'refused', 'agreed', 'silence', 'objected')),
        pressed TEXT,
        detail TEXT NOT NULL
    )""",
    "CREATE INDEX consents_call ON consents (call_id)",
    """CREATE TABLE recordings (
        id TEXT NOT NULL PRIMARY KEY,
        call_id TEXT NOT NULL REFERENCES calls (id),
        part INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('writing', 'sealed', 'purging', 'purged', 'erased')),
        recorded_at INTEGER NOT NULL,
        sealed_at INTEGER,
        duration_ms INTEGER,
        size INTEGER,
        sha256 TEXT,
        truncated INTEGER NOT NULL DEFAULT 0,
        state_at INTEGER NOT NULL,
        state_reason TEXT NOT NULL,
        evidence TEXT,
        CHECK (state != 'purged' OR evidence IS NOT NULL)
    )""",
    "CREATE INDEX recordings_call ON recordings (call_id)",
    "CREATE INDEX recordings_state ON recordings (state, recorded_at)",
    """CREATE TABLE recording_purposes (
        recording_id TEXT NOT NULL REFERENCES recordings (id),
        name TEXT NOT NULL,
        title TEXT NOT NULL,
        basis TEXT NOT NULL,
        reasoning TEXT NOT NULL,
        criterion TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        withdrawn_at INTEGER,
        withdrawn_why TEXT,
        PRIMARY KEY (recording_id, name)
    )""",
    """CREATE TABLE milestones (
        id INTEGER NOT NULL PRIMARY KEY,
        recording_id TEXT NOT NULL REFERENCES recordings (id),
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        note TEXT NOT NULL
    )""",
    "CREATE INDEX milestones_recording ON milestones (recording_id)",
    """CREATE TABLE purges (
        id INTEGER NOT NULL PRIMARY KEY,
        at INTEGER NOT NULL,
        planned INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        dry_run INTEGER NOT NULL
    )""",
    """CREATE TABLE audit (
        seq INTEGER NOT NULL PRIMARY KEY,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        prev TEXT NOT NULL,
        hash TEXT NOT NULL
    )""",
    """CREATE TABLE audit_head (
        id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
        entries INTEGER NOT NULL,
        hash TEXT NOT NULL
    )""",
    f"INSERT INTO audit_head (id, entries, hash) VALUES (1, 0, '{GENESIS}')",
    # INSERT OR REPLACE deletes without firing the delete trigger: the insert guard is what stops it.
    """CREATE TRIGGER audit_insert BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT entries + 1 FROM audit_head) OR NEW.prev IS NOT (SELECT hash FROM audit_head)
        BEGIN SELECT RAISE(ABORT, 'the audit trail only grows at its end'); END""",
    """CREATE TRIGGER audit_update BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_delete BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    """CREATE TRIGGER audit_head_insert BEFORE INSERT ON audit_head
        BEGIN SELECT RAISE(ABORT, 'the audit trail has one head'); END""",
    """CREATE TRIGGER audit_head_update BEFORE UPDATE ON audit_head
        WHEN NEW.entries IS NOT OLD.entries + 1 OR NEW.hash IS NOT (SELECT hash FROM audit WHERE seq = NEW.entries)
        BEGIN SELECT RAISE(ABORT, 'the head follows the last audit entry'); END""",
    """CREATE TRIGGER audit_head_delete BEFORE DELETE ON audit_head
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
)
