"""Signed checkpoints of the audit trail; to which keys a recording was sealed; versions of a recording without a person in it.

Also, what is left of the time when cases were milestones of one recording (without a reference of their own) becomes cases: from here on
a milestone is a review.
"""

from __future__ import annotations

_OLD = "m.kind IN ('case-opened', 'case-closed')"

STATEMENTS = (
    """CREATE TABLE checkpoints (
        number INTEGER NOT NULL PRIMARY KEY,
        entries INTEGER NOT NULL,
        head TEXT NOT NULL,
        at TEXT NOT NULL,
        key TEXT NOT NULL,
        signature TEXT NOT NULL
    )""",
    # how the audit entries of the checkpoints are found among a million others
    "CREATE INDEX audit_checkpoints ON audit (seq) WHERE action = 'audit.checkpoint'",
    # fingerprints of public keys, with a space between them; NULL: sealed before this was written down
    "ALTER TABLE recordings ADD COLUMN sealed_to TEXT",
    # how a person was taken out of it: customer-removed, voice-masked
    "ALTER TABLE recordings ADD COLUMN deidentified TEXT",
    # the nightly run looks for calls by the end of the call, and for gone recordings by the moment of their end
    "CREATE INDEX calls_ended_at ON calls (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX recordings_gone ON recordings (state_at) WHERE state IN ('purged', 'erased')",
    # Closing without a reference closed every case of a recording. Where m0002 made a case already, the closing is in it.
    f"""INSERT INTO cases (kind, reference, opened_at, closed_at)
        SELECT 'complaint', 'recording ' || m.recording_id, min(m.at), CASE WHEN NOT EXISTS (
            SELECT 1 FROM milestones o WHERE o.recording_id = m.recording_id AND o.kind = 'case-opened' AND NOT EXISTS (
                SELECT 1 FROM milestones c WHERE c.recording_id = o.recording_id AND c.kind = 'case-closed' AND c.note IN (o.note, '')
                AND (c.at > o.at OR (c.at = o.at AND c.id > o.id))))
        THEN max(CASE WHEN m.kind = 'case-closed' THEN m.at END) END
        FROM milestones m JOIN recordings r ON r.id = m.recording_id
        WHERE {_OLD} AND r.state IN ('sealed', 'purging') GROUP BY m.recording_id
        HAVING sum(m.kind = 'case-opened') > 0 OR m.recording_id NOT IN (SELECT recording_id FROM case_links)""",
    f"""INSERT INTO case_links (case_id, recording_id, at, by)
        SELECT c.id, m.recording_id, min(m.at), min(m.by) FROM milestones m JOIN cases c ON c.reference = 'recording ' || m.recording_id
        WHERE {_OLD} GROUP BY c.id, m.recording_id""",
    """INSERT INTO case_events (case_id, kind, at, by, note)
        SELECT c.id, 'opened', c.opened_at, l.by, '' FROM cases c JOIN case_links l ON l.case_id = c.id
        WHERE c.reference = 'recording ' || l.recording_id""",
    """INSERT INTO case_events (case_id, kind, at, by, note)
        SELECT c.id, 'closed', c.closed_at, l.by, '' FROM cases c JOIN case_links l ON l.case_id = c.id
        WHERE c.reference = 'recording ' || l.recording_id AND c.closed_at IS NOT NULL""",
    f"DELETE FROM milestones AS m WHERE {_OLD}",
)
