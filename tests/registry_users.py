"""Users of a registry on PostgreSQL with the rights that `registry grant` gives, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from postgres_server import PostgresServer

from asterisk_privacy.call.participants import Participant
from asterisk_privacy.policy.purpose import Basis, Purpose, Trigger
from asterisk_privacy.policy.retention import Days
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.registry import Registry

T0 = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 6, 9, 9, 0, tzinfo=UTC)
COMPLAINT = Purpose("complaint", "handling your complaint", Basis.LEGITIMATE_INTEREST, "disputes", Trigger.FLAG, Days(30))


class Users:
    def __init__(self, postgres: PostgresServer, server: Server) -> None:
        self.postgres, self.server = postgres, server
        self.made: list[str] = []
        self.opened: list[Registry] = []

    def add(self, name: str, *roles: Role, tenant: str | None = None) -> str:
        self.postgres.execute(f"CREATE ROLE {name} LOGIN")
        self.made.append(name)
        self.owner(*(statement for role in roles for statement in grants(role, name, tenant)))
        return name

    def owner(self, *statements: str) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as db:
            for statement in statements:
                db.execute(statement.encode())

    def place(self, name: str, tenant: str | None = None) -> Server:
        return replace(self.server, url=self.server.url.replace("tester@", f"{name}@"), node=f"node-{name}", tenant=tenant)

    def open(self, name: str, tenant: str | None = None) -> Registry:
        self.opened.append(Registry.open(self.place(name, tenant), actor=name, clock=lambda: LATER + timedelta(days=9)))
        return self.opened[-1]

    def plain(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        """As somebody with psql at hand."""
        return psycopg.connect(self.place(name).url, autocommit=True)

    def close(self) -> None:
        for registry in self.opened:
            registry.close()
        with psycopg.connect(self.server.url, autocommit=True) as db:
            for name in self.made:
                db.execute(f"DROP OWNED BY {name}".encode())
        for name in self.made:
            self.postgres.execute(f"DROP ROLE {name}")


def record(registry: Registry, name: str, tenant: str | None, number: str = "the same number") -> None:
    """A call c-NAME of a customer with one sealed recording r-NAME."""
    registry.begin_call(f"c-{name}", "sales", T0, number, b"sealed", "in", tenant)
    registry.note_consent(f"c-{name}", T0, "notice-heard", None)
    registry.begin_recording(f"r-{name}", f"c-{name}", T0 + timedelta(seconds=5), [COMPLAINT], 1)
    registry.seal_recording(f"r-{name}", T0 + timedelta(minutes=3), 1000, "ab" * 32, 120_000, False)
    registry.end_call(f"c-{name}", T0 + timedelta(minutes=3), "kept", [Participant.agent("PJSIP/agent")], (), ())


@pytest.fixture
def users(postgres: PostgresServer, server: Server) -> Iterator[Users]:
    postgres.let_in("local all all trust")
    postgres.execute("SELECT pg_reload_conf()")
    made = Users(postgres, server)
    yield made
    made.close()
    postgres.let_in("local all tester trust", "local all all scram-sha-256")
    postgres.execute("SELECT pg_reload_conf()")
