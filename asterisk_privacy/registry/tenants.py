"""Several companies in one registry: whose rows are seen from here, and who is listed for which."""

from __future__ import annotations

from dataclasses import dataclass

from asterisk_privacy.registry.engine import Engine, sql

_USERS = """SELECT u.db_user, u.tenant, r.oid IS NOT NULL,
    coalesce(r.rolsuper OR r.rolbypassrls OR pg_has_role(r.oid, c.relowner, 'USAGE'), FALSE)
    FROM tenant_users u CROSS JOIN pg_class c LEFT JOIN pg_roles r ON r.rolname = u.db_user
    WHERE c.oid = to_regclass('calls') ORDER BY u.tenant, u.db_user"""


@dataclass(frozen=True, slots=True)
class TenantUser:
    name: str
    tenant: str
    exists: bool
    sees_all: bool  # in spite of it: a superuser, or the owner of the tables


class Tenants:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def here(self) -> str | None:
        """Whose rows are all that this registry shows to who uses it now; None: everybody's."""
        if self._engine.node is None:
            return None
        with self._engine.read() as db:
            found: str | None = sql(db, "SELECT tenant_here()").fetchone()[0]
        return found

    @property
    def bound(self) -> str | None:
        """For which tenant the user of the database is listed, whatever he asks for; None: for none."""
        if self._engine.node is None:
            return None
        with self._engine.read() as db:
            found: str | None = sql(db, "SELECT tenant_bound()").fetchone()[0]
        return found

    def users(self) -> list[TenantUser]:
        """Of the database; none in a file, which keeps nobody apart."""
        if self._engine.node is None:
            return []
        with self._engine.read() as db:
            return [TenantUser(*row) for row in sql(db, _USERS).fetchall()]

    def kept(self) -> dict[str | None, int]:
        """How many recordings that are still there each tenant has, as far as they are seen from here."""
        query = "SELECT tenant, count(*) FROM recordings WHERE state IN ('writing', 'sealed', 'purging') GROUP BY tenant"
        with self._engine.read() as db:
            return dict(sql(db, query).fetchall())
