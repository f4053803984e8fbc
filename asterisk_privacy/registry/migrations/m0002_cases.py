"""Cases with their recordings and events, legal holds, lessons. Cases that were only milestones of a recording become cases."""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE cases (
        id INTEGER NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('complaint', 'escalation', 'court')),
        reference TEXT NOT NULL UNIQUE,
        opened_at INTEGER NOT NULL,
        reopened_at INTEGER,
        closed_at INTEGER
    )""",
    """CREATE TABLE case_links (
        case_id INTEGER NOT NULL REFERENCES cases (id),
        recording_id TEXT NOT NULL REFERENCES recordings (id),
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        PRIMARY KEY (case_id, recording_id)
    )""",
    "CREATE INDEX case_links_recording ON case_links (recording_id)",
    """CREATE TABLE case_events (
        id INTEGER NOT NULL PRIMARY KEY,
        case_id INTEGER NOT NULL REFERENCES cases (id),
        kind TEXT NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        note TEXT NOT NULL
    )""",
    "CREATE INDEX case_events_case ON case_events (case_id)",
    """CREATE TABLE legal_holds (
        id INTEGER NOT NULL PRIMARY KEY,
        recording_id TEXT REFERENCES recordings (id),
        case_id INTEGER REFERENCES cases (id),
        placed_at INTEGER NOT NULL,
        placed_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        listeners TEXT NOT NULL,
        released_at INTEGER,
        released_by TEXT,
        release_reason TEXT,
        CHECK ((recording_id IS NULL) != (case_id IS NULL)),
        CHECK ((released_at IS NULL) = (released_by IS NULL))
    )""",
    "CREATE INDEX legal_holds_recording ON legal_holds (recording_id) WHERE released_at IS NULL",
    "CREATE INDEX legal_holds_case ON legal_holds (case_id) WHERE released_at IS NULL",
    """CREATE TABLE lessons (
        id INTEGER NOT NULL PRIMARY KEY,
        recording_id TEXT NOT NULL REFERENCES recordings (id),
        until INTEGER NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        reason TEXT NOT NULL
    )""",
    "CREATE INDEX lessons_recording ON lessons (recording_id)",
    # One reference was one case, whichever recordings named it. It is closed when no recording still waited for it.
    """INSERT INTO cases (kind, reference, opened_at, closed_at)
        SELECT 'complaint', o.note, min(o.at), CASE WHEN sum(NOT EXISTS (
            SELECT 1 FROM milestones c WHERE c.recording_id = o.recording_id AND c.kind = 'case-closed' AND c.note IN (o.note, '')
            AND (c.at > o.at OR (c.at = o.at AND c.id > o.id)))) = 0
        THEN (SELECT max(c.at) FROM milestones c WHERE c.kind = 'case-closed' AND c.note IN (o.note, '')
            AND c.recording_id IN (SELECT recording_id FROM milestones WHERE kind = 'case-opened' AND note = o.note)) END
        FROM milestones o WHERE o.kind = 'case-opened' AND o.note != '' GROUP BY o.note""",
    """INSERT INTO case_links (case_id, recording_id, at, by)
        SELECT c.id, m.recording_id, min(m.at), min(m.by) FROM milestones m JOIN cases c ON c.reference = m.note
        WHERE m.kind = 'case-opened' GROUP BY c.id, m.recording_id""",
    """INSERT INTO case_events (case_id, kind, at, by, note)
        SELECT c.id, 'opened', c.opened_at, coalesce((SELECT min(by) FROM case_links l WHERE l.case_id = c.id), ''), '' FROM cases c""",
    """INSERT INTO case_events (case_id, kind, at, by, note)
        SELECT c.id, 'closed', c.closed_at, coalesce((SELECT min(by) FROM case_links l WHERE l.case_id = c.id), ''), ''
        FROM cases c WHERE c.closed_at IS NOT NULL""",
    "DELETE FROM milestones WHERE kind IN ('case-opened', 'case-closed') AND note IN (SELECT reference FROM cases)",
)
