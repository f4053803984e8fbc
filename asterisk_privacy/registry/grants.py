"""What each user of a registry on PostgreSQL must be able to do, and no more. The trail nobody can change or cut: only add to its end."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

# Tables (with columns, where not all) that each may add to, change and delete from. Everybody reads all.
_ADDS = {
    "recorder": "claims calls consents participants recordings recording_purposes promise_sets quota_counts quota_places campaign_calls "
    "nodes places audit audit_head",
    "purger": "claims purges checkpoints findings audit audit_head",
    "reviewer": "claims milestones cases case_links case_events legal_holds lessons restrictions requests request_subjects "
    "campaigns promise_sets audit audit_head",
}
_CHANGES = {
    "recorder": "writers claims nodes places calls participants recordings recording_purposes(withdrawn_at,withdrawn_why) quota_counts "
    "quota_places campaigns(taken) audit_head(entries,hash) milestones(note) case_events(note) lessons(reason) "
    "legal_holds(reason,release_reason)",  # words that go with what is erased
    "purger": "writers claims calls participants recordings milestones(note) case_events(note) lessons(reason) "
    "legal_holds(reason,release_reason) findings audit_head(entries,hash)",
    "reviewer": "writers claims recording_purposes(withdrawn_at,withdrawn_why) recordings(eventful,promise_set) "
    "cases(reopened_at,closed_at,tenant) legal_holds(released_at,released_by,release_reason) restrictions(lifted_at,lifted_why) "
    "requests(due,extended_at,extended_why,closed_at,outcome,subject) campaigns(closed_at) audit_head(entries,hash)",
}
_DELETES = {
    "recorder": "",
    "purger": "calls consents participants recordings recording_purposes milestones case_links cases case_events legal_holds lessons "
    "findings restrictions quota_counts quota_places campaign_calls",
    "reviewer": "",
}
_FUNCTIONS = {"recorder": "", "purger": "", "reviewer": "unlink_case(bigint, text), forget_subjects(bigint)"}
_NOT_A_TENANTS = frozenset({"writers", "claims"})
"""Who may change these keeps all others waiting; a tenant's user locks what is the tenant's."""
IDLE_SECONDS = 60
TENANT_CONNECTIONS = 20
# A limit that the user can lift again, against mishaps; and how many sessions he takes, which he cannot.
_LIMITS = """DO $limits$ BEGIN ALTER ROLE {name} SET idle_in_transaction_session_timeout = '{idle}s';{connections}
EXCEPTION WHEN insufficient_privilege THEN RAISE WARNING 'a superuser must set the limits of this user: see docs/admin.md'; END $limits$;"""


class Role(StrEnum):
    RECORDER = "recorder"  # calls and recordings while they happen
    PURGER = "purger"  # deletion, and rows that have ended; signs the trail
    REVIEWER = "reviewer"  # the review page and the commands of people


def grants(role: Role, user: str, tenant: str | None = None) -> Iterator[str]:
    """SQL, one statement each, for the owner of the tables to run. `tenant`: this user is to see its rows only. He is listed before he may
    see anything, which also switches on what keeps tenants apart; if that fails, nothing is granted."""
    name = '"' + user.replace('"', '""') + '"'
    if tenant is not None:
        values = ", ".join("'" + word.replace("'", "''") + "'" for word in (user, tenant))
        changed = "ON CONFLICT (db_user) DO UPDATE SET tenant = excluded.tenant"
        yield "BEGIN;"
        yield f"INSERT INTO tenant_users (db_user, tenant) VALUES ({values}) {changed};"
        yield f"REVOKE UPDATE ON writers, audit_head FROM {name};"  # of a time when he was listed for nobody
        yield f"REVOKE INSERT, UPDATE ON claims FROM {name};"
        yield f"REVOKE DELETE ON case_links, request_subjects FROM {name};"
        yield f"GRANT UPDATE (tenant) ON tenant_turns TO {name};"
    yield f"GRANT USAGE ON SCHEMA public TO {name};"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name};"
    for verb, tables in (("INSERT", _ADDS), ("UPDATE", _CHANGES), ("DELETE", _DELETES)):
        wanted = [table for table in tables[role].split() if tenant is None or table not in _NOT_A_TENANTS]
        whole = [table for table in wanted if "(" not in table]
        if whole:
            yield f"GRANT {verb} ON {', '.join(whole)} TO {name};"
        for part in wanted:
            if "(" in part:
                table, _, columns = part.rstrip(")").partition("(")
                yield f"GRANT {verb} ({columns.replace(',', ', ')}) ON {table} TO {name};"
    if _FUNCTIONS[role]:
        yield f"GRANT EXECUTE ON FUNCTION {_FUNCTIONS[role]} TO {name};"
    connections = "" if tenant is None else f" ALTER ROLE {name} CONNECTION LIMIT {TENANT_CONNECTIONS};"
    yield _LIMITS.format(name=name, idle=IDLE_SECONDS, connections=connections)
    if tenant is not None:
        yield "COMMIT;"
