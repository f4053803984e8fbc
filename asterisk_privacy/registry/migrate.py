"""Brings a registry to the schema of this version, in one transaction; before an existing one is upgraded there is a copy of it."""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import audit
from asterisk_privacy.registry.clock import to_ms
from asterisk_privacy.registry.engine import Engine, sql


def migrate(engine: Engine, steps: Sequence[Sequence[str]] | None = None, create: bool = True) -> None:
    """OperatorError if the registry is newer than this program or belongs to another one; then it is left as it was."""
    wanted = engine.steps() if steps is None else steps
    with engine.read():
        version = version_of(engine)
    if version == len(wanted):
        return
    if version == 0 and not create:
        raise engine.empty()
    with engine.change() as db:  # the write lock: nobody else migrates, and the copy misses nothing
        version = version_of(engine)
        if version > len(wanted):
            raise OperatorError(
                f"registry {engine.where}: schema {version} is newer than this program ({len(wanted)}); install the newer version again, "
                f"or restore the copy that it made before it migrated"
            )
        if version == len(wanted):
            return
        if version == 0:
            sql(db, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)")
        else:
            copy = engine.before_upgrade(version)
        for number, statements in enumerate(wanted[version:], start=version + 1):
            for statement in statements:
                sql(db, statement)
            sql(db, "INSERT INTO schema_version (version, applied_at) VALUES (?, ?)", (number, to_ms(engine.clock())))
        if version:
            audit.append(engine, db, "registry.upgrade", "", {"from": str(version), "to": str(len(wanted)), "copy": copy})


def version_of(engine: Engine) -> int:
    """Within a transaction; 0: nothing is there yet."""
    tables = engine.tables()
    if "schema_version" in tables:
        found = sql(engine.db, "SELECT max(version) FROM schema_version").fetchone()[0]
        return 0 if found is None else int(found)
    if tables:
        raise OperatorError(
            f"registry {engine.where}: belongs to another program (it has tables, but no schema_version); set another in [registry]"
        )
    return 0
