"""What cases and legal holds mean for the deletion of a recording: it may not begin, or their words go with it."""

from __future__ import annotations

from peewee import Database

from asterisk_privacy.registry.engine import sql


def held(db: Database, recording_id: str) -> int | None:
    """Id of a hold in force on the recording. Looked at in the transaction that would begin its deletion."""
    found = sql(
        db,
        """SELECT min(id) FROM legal_holds WHERE released_at IS NULL AND (recording_id = ?
            OR case_id IN (SELECT case_id FROM case_links WHERE recording_id = ?))""",
        (recording_id, recording_id),
    ).fetchone()[0]
    return None if found is None else int(found)


def forget_words(db: Database, recording_id: str) -> None:
    """Once a case is closed and none of its recordings is left, its notes go; and those of the recording's own holds and lessons."""
    sql(
        db,
        """UPDATE case_events SET note = '' WHERE note != '' AND case_id IN (
            SELECT c.id FROM cases c JOIN case_links l ON l.case_id = c.id WHERE l.recording_id = ? AND c.closed_at IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM case_links o JOIN recordings r ON r.id = o.recording_id
                WHERE o.case_id = c.id AND r.state IN ('writing', 'sealed', 'purging')))""",
        (recording_id,),
    )
    sql(db, "UPDATE lessons SET reason = '' WHERE recording_id = ?", (recording_id,))
    sql(
        db,
        "UPDATE legal_holds SET reason = '', release_reason = '' WHERE recording_id = ? AND released_at IS NOT NULL",
        (recording_id,),
    )
