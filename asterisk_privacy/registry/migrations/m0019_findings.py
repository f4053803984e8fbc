"""What the night found astray, so that it stays told until it is settled; and when each file was last read whole and compared with its row.

`node` is '' in a file. `subject` is a recording's id, the name of a file, or empty.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE findings (
        id INTEGER NOT NULL PRIMARY KEY,
        node TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        what TEXT NOT NULL,
        found_at INTEGER NOT NULL,
        UNIQUE (node, kind, subject)
    )""",
    "ALTER TABLE recordings ADD COLUMN checked_at INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX recordings_checked ON recordings (checked_at, sealed_at DESC) WHERE state = 'sealed'",
)

OF_GRANTEES = """DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = current_schema()
        AND table_name = 'recordings' AND privilege_type = 'UPDATE' AND grantee NOT IN ('PUBLIC', current_user)
    LOOP EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON findings TO %I', one.grantee); END LOOP;
    FOR one IN SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = current_schema()
        AND table_name = 'recordings' AND privilege_type = 'SELECT' AND grantee NOT IN ('PUBLIC', current_user)
    LOOP EXECUTE format('GRANT SELECT ON findings TO %I', one.grantee); END LOOP; END $$"""
"""PostgreSQL: the recorder and the purger, who were let in before, write them."""
