"""Who took part in a call, and when, in place of one agent: see call/participants.py.

Of calls before this version the one agent is known that they had in their row, and nobody knows when: both times are NULL. The column
goes, so that no query can ask it and miss the others.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE participants (
        call_id TEXT NOT NULL REFERENCES calls (id),
        number INTEGER NOT NULL,
        role TEXT NOT NULL CHECK (role IN ('agent', 'customer')),
        endpoint TEXT,
        number_hash TEXT,
        number_sealed BLOB,
        from_ms INTEGER,
        to_ms INTEGER,
        PRIMARY KEY (call_id, number),
        CHECK ((role = 'agent') = (endpoint IS NOT NULL)),
        CHECK (role = 'customer' OR (number_hash IS NULL AND number_sealed IS NULL)),
        CHECK (to_ms >= from_ms)
    )""",
    "CREATE INDEX participants_endpoint ON participants (lower(endpoint))",
    "CREATE INDEX participants_number ON participants (number_hash) WHERE number_hash IS NOT NULL",
    "INSERT INTO participants (call_id, number, role, endpoint) SELECT id, 0, 'agent', agent FROM calls WHERE agent IS NOT NULL",
    "ALTER TABLE calls DROP COLUMN agent",
)

OF_GRANTEES = """DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT grantee, string_agg(privilege_type, ' ') AS may FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'calls' AND grantee NOT IN ('PUBLIC', current_user)
        AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') GROUP BY grantee
    LOOP EXECUTE format('GRANT %s ON participants TO %I', replace(one.may, ' ', ', '), one.grantee); END LOOP; END $$"""
"""PostgreSQL: who was let in before may do with these rows what they may do with the calls' own."""
