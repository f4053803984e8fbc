"""What somebody who sees one company's entries only can say of the audit trail: that what he sees is as it was written. That nothing of it
is missing only the whole trail tells, to who sees all of it."""

from __future__ import annotations

from peewee import Database

from asterisk_privacy.registry import audit
from asterisk_privacy.registry.chains import called
from asterisk_privacy.registry.engine import AUDIT_COLUMNS, Engine, sql
from asterisk_privacy.registry.rows import AuditReport, ChainReport


def verify_part(engine: Engine, db: Database, tenant: str) -> AuditReport:
    """The chains that the tenant's own users began are checked whole; of other entries each by its own hash."""
    mine = [name for (name,) in sql(db, "SELECT chain FROM audit_head WHERE tenant = ? ORDER BY chain", (tenant,)).fetchall()]
    walks = {name: audit.check(engine, db, name) for name in mine}
    faults = [f"{called(name)}: {walk.why}" for name, walk in walks.items() if walk.why is not None]
    count, bad = 0, None
    for chain, seq, at, actor, action, subject, detail, prev, digest in engine.stream(
        f"SELECT {AUDIT_COLUMNS} FROM audit ORDER BY chain, seq"
    ):
        if chain in walks:
            continue
        count += 1
        if digest != audit.entry_hash(prev, seq, at, actor, action, subject, detail):
            bad = bad or (seq, chain)
            faults.append(f"{called(chain)}: entry {seq} was changed: its hash does not fit it")
    own = sum(walk.entries for walk in walks.values())
    told = (
        f"a part only: the {own + count} entries that tenant {tenant} sees are as they were written, and its own chains ({own} entries) "
        "are whole; whether others are missing only those see who see all"
    )
    return AuditReport(
        entries=own + count,
        ok=not faults,
        first_bad=None if bad is None else bad[0],
        why=faults[0] if faults else told,
        faults=tuple(faults),
        first_bad_chain="" if bad is None else bad[1],
        chains=tuple(ChainReport(name, walk.entries, walk.last, walk.why is None) for name, walk in walks.items()),
    )
