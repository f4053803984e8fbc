"""The step of m0018_turns on PostgreSQL: what a tenant's own user of the database may lock is the tenant's, and nobody else waits for it.

- `writers` is empty; it is locked as a table (turns.py), for which one must have the right to change it. A tenant's user has not.
- `claims` says by which number the purger's turn and each node's name are taken.
- `tenant_turns` has a row for each tenant, which its own users lock in place of all that.
- Of audit_head and audit they change, lock and add to what is theirs; others' heads they only read.
- They may change no table as a whole, since who may do that may lock it as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from asterisk_privacy.registry import separation
from asterisk_privacy.registry.separation import BOUND, POLICIES

_HIS = f"({BOUND} IS NULL OR tenant = {BOUND})"
_HIS_CHAIN = f"({BOUND} IS NULL OR EXISTS (SELECT 1 FROM audit_head head WHERE head.tenant = {BOUND} AND head.chain = audit.chain))"

_LIVING = """(SELECT coalesce(json_agg(json_build_array(name, title, criterion) ORDER BY rowid), '[]')::text FROM recording_purposes
    WHERE recording_id = NEW.recording_id AND withdrawn_at IS NULL)"""
# Two who withdraw a purpose of one recording at one moment: the second waits for the first, and sees then what is left.
_REMEMBER = f"""CREATE OR REPLACE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE living text; known bigint; BEGIN
    PERFORM 1 FROM recordings WHERE id = NEW.recording_id FOR NO KEY UPDATE;
    living := {_LIVING};
    SELECT id INTO known FROM promise_sets WHERE md5(promises) = md5(living) AND promises = living;
    IF known IS NULL THEN
        INSERT INTO promise_sets (promises) VALUES (living) ON CONFLICT ((md5(promises))) DO NOTHING;
        SELECT id INTO known FROM promise_sets WHERE md5(promises) = md5(living) AND promises = living;
    END IF;
    UPDATE recordings SET promise_set = known, eventful = {{eventful}} WHERE id = NEW.recording_id;
    RETURN NULL; END $$"""
_LATER = "CASE WHEN eventful = 1 OR NEW.added_at != recorded_at THEN 1 ELSE 0 END"

# Behind the insertion, so that no row is locked for somebody whose own row is refused.
_STILL_THERE = """CREATE FUNCTION still_there() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE found_as text; BEGIN
    SELECT state INTO found_as FROM recordings WHERE id = NEW.recording_id FOR NO KEY UPDATE;
    IF found_as <> 'sealed' THEN RAISE EXCEPTION 'recording % is %', NEW.recording_id, found_as
        USING ERRCODE = 'integrity_constraint_violation'; END IF;
    RETURN NULL; END $$"""
_HELD_BY_CASE = """CREATE FUNCTION held_by_case() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    PERFORM 1 FROM recordings r WHERE r.id IN (SELECT recording_id FROM case_links WHERE case_id = NEW.case_id)
        ORDER BY r.id FOR NO KEY UPDATE;
    RETURN NULL; END $$"""
_UNLINK = """CREATE FUNCTION unlink_case(of_case bigint, recording text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    DELETE FROM case_links WHERE case_id = of_case AND recording_id = recording
        AND (tenant_here() IS NULL OR EXISTS (SELECT 1 FROM cases WHERE id = of_case AND tenant = tenant_here()));
    END $$"""
_FORGET = """CREATE FUNCTION forget_subjects(of_request bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    DELETE FROM request_subjects WHERE request_id = of_request
        AND (tenant_here() IS NULL OR EXISTS (SELECT 1 FROM requests WHERE id = of_request AND tenant = tenant_here()));
    END $$"""

_LISTED = """CREATE OR REPLACE FUNCTION tenant_listed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO tenant_turns SELECT DISTINCT tenant FROM tenant_users ON CONFLICT DO NOTHING;
    PERFORM keep_tenants_apart(); RETURN NULL; END $$"""

# Who was let in before may do what he could, but for tenants' users.
_GRANTEES = """DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT g.grantee, bool_or(g.table_name = 'case_links') AS links, bool_or(u.db_user IS NOT NULL) AS bound
        FROM information_schema.role_table_grants g LEFT JOIN tenant_users u ON u.db_user = g.grantee
        WHERE g.table_schema = current_schema() AND g.table_name IN ('audit', 'case_links') AND g.privilege_type = 'INSERT'
        AND g.grantee NOT IN ('PUBLIC', current_user) GROUP BY g.grantee
    LOOP
        EXECUTE format('GRANT SELECT ON writers, claims, tenant_turns TO %I', one.grantee);
        IF one.links THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION unlink_case(bigint, text), forget_subjects(bigint) TO %I', one.grantee);
        END IF;
        IF one.bound THEN
            EXECUTE format('GRANT UPDATE (tenant) ON tenant_turns TO %I', one.grantee);
            EXECUTE format('REVOKE UPDATE ON audit_head FROM %I', one.grantee);
            EXECUTE format('GRANT UPDATE (entries, hash) ON audit_head TO %I', one.grantee);
            EXECUTE format('REVOKE DELETE ON case_links, request_subjects FROM %I', one.grantee);
        ELSE
            EXECUTE format('GRANT UPDATE ON writers TO %I', one.grantee);
            EXECUTE format('GRANT INSERT, UPDATE ON claims TO %I', one.grantee);
        END IF;
    END LOOP; END $$"""


def statements() -> Iterator[str]:
    yield "CREATE TABLE writers (nothing BIGINT)"
    yield 'CREATE TABLE claims (name TEXT COLLATE "C" NOT NULL PRIMARY KEY, number BIGINT NOT NULL)'
    yield 'CREATE TABLE tenant_turns (tenant TEXT COLLATE "C" NOT NULL PRIMARY KEY)'
    yield from separation.separate(("tenant_turns",))
    yield _LISTED
    yield "INSERT INTO tenant_turns SELECT DISTINCT tenant FROM tenant_users"
    yield "DROP POLICY tenants ON audit_head"
    yield f"CREATE POLICY tenants ON audit_head FOR SELECT USING ({BOUND} IS NULL OR ({POLICIES['audit_head']}))"
    yield f"CREATE POLICY tenants_add ON audit_head FOR INSERT WITH CHECK {_HIS}"
    yield f"CREATE POLICY tenants_change ON audit_head FOR UPDATE USING {_HIS} WITH CHECK {_HIS}"
    yield "DROP POLICY tenants ON audit"
    yield f"CREATE POLICY tenants ON audit FOR SELECT USING ({BOUND} IS NULL OR ({POLICIES['audit']}))"
    yield f"CREATE POLICY tenants_add ON audit FOR INSERT WITH CHECK {_HIS_CHAIN}"
    yield _REMEMBER.format(name="promise_made", eventful=_LATER)
    yield _REMEMBER.format(name="promise_changed", eventful="1")
    for function in (_STILL_THERE, _HELD_BY_CASE, _UNLINK, _FORGET):
        yield function
    for function in ("still_there()", "held_by_case()", "unlink_case(bigint, text)", "forget_subjects(bigint)"):
        yield separation.fixed_path(function)
    yield "REVOKE EXECUTE ON FUNCTION unlink_case(bigint, text), forget_subjects(bigint) FROM PUBLIC"
    for table in ("legal_holds", "restrictions", "case_links"):
        yield f"""CREATE TRIGGER {table}_still_there AFTER INSERT ON {table} FOR EACH ROW WHEN (NEW.recording_id IS NOT NULL)
            EXECUTE FUNCTION still_there()"""
    yield """CREATE TRIGGER legal_holds_by_case AFTER INSERT ON legal_holds FOR EACH ROW WHEN (NEW.case_id IS NOT NULL)
        EXECUTE FUNCTION held_by_case()"""
    yield _GRANTEES
