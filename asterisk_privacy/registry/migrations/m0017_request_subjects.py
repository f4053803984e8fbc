"""By what the person of an open request may be found: every hash that their number may stand under, or an endpoint as it is compared.

What a request concerns is not deleted before it is answered, so a request must find it as `subject find` does. The rows go when the request
is closed. A request that is open already has one hash, that of its day.
"""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE request_subjects (
        request_id INTEGER NOT NULL REFERENCES requests (id),
        subject TEXT NOT NULL,
        PRIMARY KEY (request_id, subject)
    )""",
    "CREATE INDEX request_subjects_subject ON request_subjects (subject)",
    """INSERT INTO request_subjects (request_id, subject)
        SELECT id, CASE WHEN about = 'number' THEN subject WHEN subject LIKE '%/%' THEN lower(subject) ELSE 'pjsip/' || lower(subject) END
        FROM requests WHERE subject IS NOT NULL""",
)

OF_GRANTEES = """DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT DISTINCT grantee, privilege_type AS may FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'requests' AND grantee NOT IN ('PUBLIC', current_user)
        AND privilege_type IN ('SELECT', 'INSERT')
    LOOP EXECUTE format('GRANT %s ON request_subjects TO %I',
        CASE one.may WHEN 'INSERT' THEN 'INSERT, DELETE' ELSE 'SELECT' END, one.grantee); END LOOP; END $$"""
"""PostgreSQL: who opens requests may write these rows, and take them away when a request is closed."""
