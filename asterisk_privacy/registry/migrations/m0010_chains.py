"""Several audit chains in one trail: where nodes share a registry each adds to its own, so that none waits for the others.

A file has one daemon and one chain, '', and says so itself; all that was written before is in that chain and keeps its hashes. What is
different on PostgreSQL stands in postgres_schema.py.
"""

from __future__ import annotations

STATEMENTS = (
    "DROP TRIGGER audit_insert",
    "DROP TRIGGER audit_head_update",
    # no other chain can come into a file, so `seq` goes on naming an entry there, and millions of them need not be written anew
    "ALTER TABLE audit ADD COLUMN chain TEXT NOT NULL DEFAULT '' CHECK (chain = '')",
    "CREATE TABLE audit_heads (chain TEXT NOT NULL PRIMARY KEY, entries INTEGER NOT NULL, hash TEXT NOT NULL)",
    "INSERT INTO audit_heads (chain, entries, hash) SELECT '', entries, hash FROM audit_head",
    "DROP TABLE audit_head",
    "ALTER TABLE audit_heads RENAME TO audit_head",
    """CREATE TRIGGER audit_insert BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT entries + 1 FROM audit_head WHERE chain = NEW.chain)
            OR NEW.prev IS NOT (SELECT hash FROM audit_head WHERE chain = NEW.chain)
        BEGIN SELECT RAISE(ABORT, 'the audit trail only grows at its end'); END""",
    """CREATE TRIGGER audit_head_insert BEFORE INSERT ON audit_head
        BEGIN SELECT RAISE(ABORT, 'the audit trail has one head'); END""",
    """CREATE TRIGGER audit_head_update BEFORE UPDATE ON audit_head
        WHEN NEW.chain IS NOT OLD.chain OR NEW.entries IS NOT OLD.entries + 1
            OR NEW.hash IS NOT (SELECT hash FROM audit WHERE chain = NEW.chain AND seq = NEW.entries)
        BEGIN SELECT RAISE(ABORT, 'the head follows the last audit entry'); END""",
    """CREATE TRIGGER audit_head_delete BEFORE DELETE ON audit_head
        BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END""",
    # how the entries that tell of a chain's begin are found among a million others
    "CREATE INDEX audit_chains ON audit (seq) WHERE action = 'audit.chain'",
)
