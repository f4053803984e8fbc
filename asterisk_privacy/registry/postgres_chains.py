"""The step of m0010_chains on PostgreSQL: a head for each audit chain, guards that look at it, and what else stood in one line's stead.

Until here one writer at a time kept two nodes from making the same set of promises twice, and sets of promises from being locked by all.
"""

from __future__ import annotations

GENESIS_WORDS = "asterisk-privacy audit chain "
"""Before the name of a chain: SHA-256 (hex) of both is what its first entry follows, so that no chain can take another's name."""

_GUARD = """CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF {unless} THEN RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"""
_OUT_OF_PLACE = "NOT EXISTS (SELECT 1 FROM audit_head h WHERE h.chain = NEW.chain AND h.entries = NEW.seq - 1 AND h.hash = NEW.prev)"
_ASTRAY = """NEW.chain IS DISTINCT FROM OLD.chain OR NEW.entries IS DISTINCT FROM OLD.entries + 1
    OR NOT EXISTS (SELECT 1 FROM audit a WHERE a.chain = NEW.chain AND a.seq = NEW.entries AND a.hash = NEW.hash)"""
_NO_BEGIN = f"""NEW.chain = '' OR NEW.entries IS DISTINCT FROM 0
    OR NEW.hash IS DISTINCT FROM encode(sha256(convert_to('{GENESIS_WORDS}' || NEW.chain, 'UTF8')), 'hex')"""

_LIVING = """(SELECT coalesce(json_agg(json_build_array(name, title, criterion) ORDER BY rowid), '[]')::text FROM recording_purposes
    WHERE recording_id = NEW.recording_id AND withdrawn_at IS NULL)"""
# Two nodes with the same new promise at one moment: the second waits for the first, and finds its set then.
_REMEMBER = f"""CREATE OR REPLACE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE living text; known bigint; BEGIN
    living := {_LIVING};
    SELECT id INTO known FROM promise_sets WHERE md5(promises) = md5(living) AND promises = living;
    IF known IS NULL THEN
        INSERT INTO promise_sets (promises) VALUES (living) ON CONFLICT ((md5(promises))) DO NOTHING;
        SELECT id INTO known FROM promise_sets WHERE md5(promises) = md5(living) AND promises = living;
    END IF;
    UPDATE recordings SET promise_set = known, eventful = {{eventful}} WHERE id = NEW.recording_id;
    RETURN NULL; END $$"""
_LATER = "CASE WHEN eventful = 1 OR NEW.added_at != recorded_at THEN 1 ELSE 0 END"

CHAINS = (
    "ALTER TABLE audit ADD COLUMN chain TEXT COLLATE \"C\" NOT NULL DEFAULT ''",
    "ALTER TABLE audit DROP CONSTRAINT audit_pkey, ADD PRIMARY KEY (chain, seq)",
    "ALTER TABLE audit_head ADD COLUMN chain TEXT COLLATE \"C\" NOT NULL DEFAULT ''",
    "ALTER TABLE audit_head DROP COLUMN id, ADD PRIMARY KEY (chain)",
    _GUARD.format(name="audit_insert", unless=_OUT_OF_PLACE, words="the audit trail only grows at its end"),
    _GUARD.format(name="audit_head_update", unless=_ASTRAY, words="the head follows the last audit entry"),
    _GUARD.format(name="audit_head_insert", unless=_NO_BEGIN, words="an audit chain has one head, and begins with nothing"),
    "CREATE INDEX audit_chains ON audit (seq) WHERE action = 'audit.chain'",
    "DROP INDEX promise_sets_promises",
    "CREATE UNIQUE INDEX promise_sets_promises ON promise_sets (md5(promises))",
    _REMEMBER.format(name="promise_made", eventful=_LATER),
    _REMEMBER.format(name="promise_changed", eventful="1"),
    # The triggers above keep it; checking it would lock one row of promise_sets for each recording of all nodes. Nobody deletes a set.
    "ALTER TABLE recordings DROP CONSTRAINT recordings_promise_set_fkey",
    # who may add entries may begin his chain
    """DO $$ DECLARE one record; BEGIN
        FOR one IN SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = current_schema()
            AND table_name = 'audit' AND privilege_type = 'INSERT' AND grantee NOT IN ('PUBLIC', current_user)
        LOOP EXECUTE format('GRANT INSERT ON audit_head TO %I', one.grantee); END LOOP; END $$""",
)
