"""Row-level security of PostgreSQL: a user of the database who is listed for a tenant sees and writes only that tenant's rows, whatever
a program asks for him. Who is not listed (the recorder, the purger, the hoster's own people) sees all.

Nothing of this is switched on, or costs anything, before the first user is listed; then a trigger switches it on for every table at once,
so that nobody can be listed in vain. It does not hold for the owner of the tables, nor for superusers: a tenant's user must be neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

# In a subquery each is asked once for a statement, and not for each row.
HERE = "(SELECT tenant_here())"  # whose rows this session sees; NULL: all
BOUND = "(SELECT tenant_bound())"  # for whom its user is listed; NULL: for nobody, and then SETTING may narrow it
SETTING = "asterisk_privacy.tenant"  # narrows a session to one tenant; it can never widen it

_OWN = f"tenant = {HERE}"
# Not EXISTS, of which the planner makes a hash of every call that there is: one look at the primary key for each row.
_CALL = "(SELECT root.id FROM calls root WHERE root.id = call_id) IS NOT NULL"
_RECORDING = "(SELECT root.id FROM recordings root WHERE root.id = recording_id) IS NOT NULL"
_CASE = "(SELECT root.id FROM cases root WHERE root.id = case_id) IS NOT NULL"
# Of chains that are no tenant's he reads what is about his rows. The first one ('') tells of the begin of each other chain.
_OWN_CHAIN = f"""EXISTS (SELECT 1 FROM audit_head head WHERE head.tenant = {BOUND}
    AND (head.chain = audit.chain OR (audit.chain = '' AND audit.action = 'audit.chain' AND head.chain = audit.subject)))"""
_MINE = """((SELECT root.id FROM calls root WHERE root.id = subject) IS NOT NULL
    OR (SELECT root.id FROM recordings root WHERE root.id = subject) IS NOT NULL
    OR EXISTS (SELECT 1 FROM cases root WHERE subject = 'case-' || root.id)
    OR EXISTS (SELECT 1 FROM requests root WHERE subject = 'request ' || root.id)
    OR EXISTS (SELECT 1 FROM campaigns root WHERE action LIKE 'campaign.%' AND subject = root.id::text))"""
_ENTRY = (
    f"""({_OWN_CHAIN} OR (EXISTS (SELECT 1 FROM audit_head head WHERE head.chain = audit.chain AND head.tenant IS NULL) AND {_MINE}))"""
)
# Tables that are asked for are themselves under their policy: what hangs on a row that is not seen is not seen.
POLICIES: Mapping[str, str] = {
    "calls": _OWN,
    "recordings": _OWN,
    "cases": _OWN,
    "requests": _OWN,
    "campaigns": _OWN,
    "audit": _ENTRY,
    "audit_head": f"(tenant IS NULL OR tenant = {BOUND})",
    "consents": _CALL,
    "participants": _CALL,
    "request_subjects": "EXISTS (SELECT 1 FROM requests root WHERE root.id = request_id)",
    "campaign_calls": f"{_CALL} AND EXISTS (SELECT 1 FROM campaigns root WHERE root.id = campaign_id)",
    "recording_purposes": _RECORDING,
    "milestones": _RECORDING,
    "lessons": _RECORDING,
    "restrictions": _RECORDING,
    "quota_places": _RECORDING,
    "findings": "FALSE",  # of the machine that all share
    "quota_counts": "FALSE",  # names agents, and only the recorder counts
    "case_links": f"{_CASE} AND {_RECORDING}",
    "case_events": _CASE,
    "legal_holds": f"(recording_id IS NULL OR {_RECORDING}) AND (case_id IS NULL OR {_CASE})",
    "tenant_users": "db_user IN (session_user, current_setting('role'))",
    "tenant_turns": _OWN,
}
"""What a row must be for somebody who is listed, by table."""
LATER = frozenset({"participants", "request_subjects", "tenant_turns", "findings"})
"""Tables that came after the step that separates the others; their own step does it."""
WRITES: Mapping[str, str] = {"audit": _OWN_CHAIN, "audit_head": f"(tenant = {BOUND} OR chain = '')"}
"""Where he may not add all that he may see: into no chain but his own."""
TRAIL = ("audit", "audit_head")
"""Whole to who is listed for nobody, also while he works for one company: what he does then stands in the chain of his node."""
EXEMPT: Mapping[str, str] = {
    "schema_version": "numbers of versions",
    "checkpoints": "how many entries there are, hashes and signatures",
    "promise_sets": "titles and periods of purposes as they were announced to anybody who called; no person, no call",
    "purges": "how many files a run deleted, of all companies",
    "places": "addresses of buckets",
    "nodes": "names of machines, and how many calls go on there",
    "writers": "empty: it is there to be locked, by who may change it",
    "claims": "names of machines",
}
"""Tables that everybody sees whole, and why that is harmless."""


def separate(tables: Iterable[str]) -> Iterator[str]:
    """SQL that makes the policies of these tables; they hold from the day on which somebody is listed."""
    for table in tables:
        whose = BOUND if table in TRAIL else HERE
        sees, writes = (f"({whose} IS NULL OR ({condition}))" for condition in (POLICIES[table], WRITES.get(table, POLICIES[table])))
        yield f"CREATE POLICY tenants ON {table} USING {sees} WITH CHECK {writes}"
    yield "DO $$ BEGIN IF EXISTS (SELECT 1 FROM tenant_users) THEN PERFORM keep_tenants_apart(); END IF; END $$"


def _function(name: str, returns: str, body: str, kind: str = "STABLE SECURITY DEFINER") -> Iterator[str]:
    """Names in it mean the registry's tables, whatever temporary ones its caller makes."""
    yield f"CREATE FUNCTION {name}() RETURNS {returns} LANGUAGE plpgsql {kind} AS $$ {body} $$"
    yield fixed_path(f"{name}()")


def fixed_path(function: str) -> str:
    return f"DO $$ BEGIN EXECUTE format('ALTER FUNCTION {function} SET search_path = %I, pg_temp', current_schema()); END $$"


_TENANT_BOUND = """BEGIN RETURN (SELECT tenant FROM tenant_users WHERE db_user IN (session_user, current_setting('role'))
    ORDER BY db_user = session_user DESC LIMIT 1); END"""
_TENANT_HERE = f"""DECLARE listed text := tenant_bound(); narrowed text := nullif(current_setting('{SETTING}', TRUE), ''); BEGIN
    RETURN CASE WHEN listed IS NULL THEN narrowed WHEN narrowed IS NULL OR narrowed = listed THEN listed ELSE '' END; END"""
_APART = """DECLARE name text; BEGIN
    FOR name IN SELECT p.tablename FROM pg_policies p JOIN pg_class c ON c.oid = to_regclass(format('%I', p.tablename))
        WHERE p.schemaname = current_schema() AND p.policyname = 'tenants' AND NOT c.relrowsecurity
    LOOP EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name); END LOOP; END"""
_STAYS = """BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = OLD.db_user) AND (TG_OP = 'DELETE' OR NEW.db_user <> OLD.db_user) THEN
        RAISE EXCEPTION 'who is listed for no tenant sees the rows of all: DROP ROLE % first', OLD.db_user
        USING ERRCODE = 'integrity_constraint_violation'; END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END"""


def statements() -> Iterator[str]:
    """What belongs to the migration on PostgreSQL."""
    # who is listed here sees, and writes, rows of that tenant only; who is not sees all
    yield 'CREATE TABLE tenant_users (db_user TEXT COLLATE "C" NOT NULL PRIMARY KEY, tenant TEXT COLLATE "C" NOT NULL)'
    # SECURITY DEFINER: who asks sees no row but his own. session_user and the role of SET ROLE are still those of who asks.
    yield from _function("tenant_bound", "text", _TENANT_BOUND)
    yield from _function("tenant_here", "text", _TENANT_HERE)
    yield "ALTER TABLE audit_head ALTER COLUMN tenant SET DEFAULT tenant_bound()"
    for table in ("cases", "requests", "campaigns"):  # calls and recordings are the recorder's, who says whose they are
        yield f"ALTER TABLE {table} ALTER COLUMN tenant SET DEFAULT tenant_here()"
    for guard in ("audit_insert", "audit_head_update"):  # they look for entries that not everybody sees
        yield f"ALTER FUNCTION {guard}() SECURITY DEFINER"
        yield fixed_path(f"{guard}()")
    yield from _function("keep_tenants_apart", "void", _APART, "VOLATILE")
    yield from separate(table for table in POLICIES if table not in LATER)
    yield "ALTER TABLE tenant_users ENABLE ROW LEVEL SECURITY"
    yield from _function("tenant_listed", "trigger", "BEGIN PERFORM keep_tenants_apart(); RETURN NULL; END", "VOLATILE")
    yield "CREATE TRIGGER tenant_listed AFTER INSERT ON tenant_users FOR EACH STATEMENT EXECUTE FUNCTION tenant_listed()"
    yield from _function("tenant_user_stays", "trigger", _STAYS, "VOLATILE")
    yield "CREATE TRIGGER tenant_user_stays BEFORE DELETE OR UPDATE ON tenant_users FOR EACH ROW EXECUTE FUNCTION tenant_user_stays()"
    # each company numbers its cases itself
    yield "ALTER TABLE cases DROP CONSTRAINT cases_reference_key"
    yield "CREATE UNIQUE INDEX cases_reference ON cases (coalesce(tenant, ''), reference)"
    yield "CREATE INDEX cases_by_reference ON cases (reference)"
