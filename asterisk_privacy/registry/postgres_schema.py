"""The migrations for PostgreSQL: tables and indexes are those of SQLite, said otherwise (dialect.py); triggers are written twice, here too.

Steps up to m0008 that carry rows of old versions over are left out: no registry on PostgreSQL is older than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from asterisk_privacy.registry import postgres_turns, separation
from asterisk_privacy.registry.dialect import schema_for_postgres
from asterisk_privacy.registry.migrations import (
    GUARDS,
    STEPS,
    m0010_chains,
    m0015_participants,
    m0017_request_subjects,
    m0019_findings,
)  # fmt: skip
from asterisk_privacy.registry.postgres_chains import CHAINS

TRUNCATE_GUARDS = ("audit_truncate", "audit_head_truncate")  # TRUNCATE asks no trigger of rows
ALL_GUARDS = (*GUARDS, *TRUNCATE_GUARDS)

_AUDIT = """CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF {unless} THEN RAISE EXCEPTION '{words}' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"""


def _guard(name: str, when: str, table: str, unless: str, words: str, each: str = "ROW") -> Iterator[str]:
    yield _AUDIT.format(name=name, unless=unless, words=words)
    yield f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()"


_OUT_OF_PLACE = "NEW.seq IS DISTINCT FROM (SELECT entries + 1 FROM audit_head) OR NEW.prev IS DISTINCT FROM (SELECT hash FROM audit_head)"
_ASTRAY = "NEW.entries IS DISTINCT FROM OLD.entries + 1 OR NEW.hash IS DISTINCT FROM (SELECT hash FROM audit WHERE seq = NEW.entries)"
_APPEND_ONLY = ("TRUE", "the audit trail is append-only")

_LIVING = """(SELECT coalesce(json_agg(json_build_array(name, title, criterion) ORDER BY rowid), '[]')::text FROM recording_purposes
    WHERE recording_id = NEW.recording_id AND withdrawn_at IS NULL)"""
_REMEMBER = f"""CREATE FUNCTION {{name}}() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE living text; BEGIN
    living := {_LIVING};
    INSERT INTO promise_sets (promises) SELECT living WHERE NOT EXISTS (
        SELECT 1 FROM promise_sets WHERE md5(promises) = md5(living) AND promises = living);
    UPDATE recordings SET promise_set = (SELECT id FROM promise_sets WHERE md5(promises) = md5(living) AND promises = living),
        eventful = {{eventful}} WHERE id = NEW.recording_id;
    RETURN NULL; END $$"""
_LATER = "CASE WHEN eventful = 1 OR NEW.added_at != recorded_at THEN 1 ELSE 0 END"
_EVENTS = ("milestones", "case_links", "legal_holds", "lessons", "restrictions")

# By number of the step, as they are counted in `migrations.STEPS`: after its tables come these.
_TRIGGERS: Mapping[int, Sequence[str]] = {
    1: (
        *_guard("audit_insert", "INSERT", "audit", _OUT_OF_PLACE, "the audit trail only grows at its end"),
        *_guard("audit_update", "UPDATE", "audit", *_APPEND_ONLY),
        *_guard("audit_delete", "DELETE", "audit", *_APPEND_ONLY),
        *_guard("audit_truncate", "TRUNCATE", "audit", *_APPEND_ONLY, "STATEMENT"),
        *_guard("audit_head_insert", "INSERT", "audit_head", "TRUE", "the audit trail has one head"),
        *_guard("audit_head_update", "UPDATE", "audit_head", _ASTRAY, "the head follows the last audit entry"),
        *_guard("audit_head_delete", "DELETE", "audit_head", *_APPEND_ONLY),
        *_guard("audit_head_truncate", "TRUNCATE", "audit_head", *_APPEND_ONLY, "STATEMENT"),
    ),
    6: (
        "CREATE INDEX promise_sets_promises ON promise_sets (md5(promises))",  # an index takes no text of any length
        _REMEMBER.format(name="promise_made", eventful=_LATER),
        "CREATE TRIGGER promise_made AFTER INSERT ON recording_purposes FOR EACH ROW EXECUTE FUNCTION promise_made()",
        _REMEMBER.format(name="promise_changed", eventful="1"),
        "CREATE TRIGGER promise_changed AFTER UPDATE ON recording_purposes FOR EACH ROW EXECUTE FUNCTION promise_changed()",
        """CREATE FUNCTION eventful() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE recordings SET eventful = 1 WHERE id = NEW.recording_id AND eventful = 0; RETURN NULL; END $$""",
        *(
            f"""CREATE TRIGGER {table}_eventful AFTER INSERT ON {table} FOR EACH ROW WHEN (NEW.recording_id IS NOT NULL)
                EXECUTE FUNCTION eventful()"""
            for table in _EVENTS
        ),
    ),
    7: ("CREATE INDEX recordings_node ON recordings (node, id)", "CREATE INDEX calls_node ON calls (node) WHERE ended_at IS NULL"),
    10: tuple(separation.statements()),
    # it keeps the order of a recording's few purposes, and nobody looks for one by it: 2 % of the room that a recording takes
    12: ("ALTER TABLE recording_purposes DROP CONSTRAINT recording_purposes_rowid_key",),
    14: (*separation.separate(("participants",)), m0015_participants.OF_GRANTEES),
    16: (*separation.separate(("request_subjects",)), m0017_request_subjects.OF_GRANTEES),
    17: tuple(postgres_turns.statements()),
    18: (*separation.separate(("findings",)), m0019_findings.OF_GRANTEES),
}
_CARRIED = ("INSERT INTO audit_head", "INSERT INTO participants", "INSERT INTO request_subjects")
_OTHERWISE: Mapping[Sequence[str], Sequence[str]] = {m0010_chains.STATEMENTS: CHAINS}
"""Steps that have nothing in common with those of SQLite."""


def _step(number: int, statements: Sequence[str]) -> Iterator[str]:
    for statement in statements:
        first, what, *_ = statement.split()
        if (first, what) in (("CREATE", "TABLE"), ("CREATE", "INDEX"), ("CREATE", "UNIQUE"), ("ALTER", "TABLE")):
            yield schema_for_postgres(statement).replace('promises TEXT COLLATE "C" NOT NULL UNIQUE', 'promises TEXT COLLATE "C" NOT NULL')
        elif statement.startswith(_CARRIED):
            yield statement
    yield from _TRIGGERS.get(number, ())


POSTGRES_STEPS: Sequence[Sequence[str]] = tuple(
    tuple(_OTHERWISE.get(statements) or _step(number, statements)) for number, statements in enumerate(STEPS, start=1)
)
