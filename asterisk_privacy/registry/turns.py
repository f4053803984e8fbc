"""Whose turn it is on a registry that several share: to write alone or side by side, to purge, to be a node.

Whoever writes locks the table `writers`, for which one must have the right to change it: an advisory lock anybody takes who may connect.
A tenant's own user has no such right. He locks his tenant's row, and with it keeps back his tenant's other users and nobody else.

Turns that outlive a transaction (of a node, of the purger) belong to the session: the server gives them back when their holder is gone.
They are advisory locks by a number that is drawn anew each time and stands in `claims`; what somebody else may hold by the last number
does not count.
"""

from __future__ import annotations

import secrets
from time import sleep
from typing import Any

import psycopg

LOCKS = 0x6173_7072  # our part of the server's advisory locks; one registry has a database of its own
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
PURGER = "purger"
_OLD = f"SELECT pg_advisory_xact_lock({LOCKS}, 1)"  # an empty database, or one that is about to be upgraded
_ALONE = "LOCK TABLE writers IN EXCLUSIVE MODE"
_BESIDE = "LOCK TABLE writers IN ROW EXCLUSIVE MODE"
_TENANT = "SELECT 1 FROM tenant_turns WHERE tenant = tenant_bound() FOR UPDATE"
_NUMBER = "SELECT pg_current_xact_id()::text"
_OWN = "SELECT pg_current_xact_id()::text, entries, hash FROM audit_head WHERE chain = '{chain}' FOR UPDATE"
_HOLDER = """SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.objsubid = 2
    AND l.classid = %s::bigint::oid AND l.objid = %s::bigint::oid AND a.usename NOT IN (SELECT db_user FROM tenant_users)"""
_TENANTS_LOCKS = """SELECT DISTINCT a.usename, l.pid, l.virtualtransaction FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    JOIN tenant_users u ON u.db_user = a.usename JOIN pg_database d ON d.oid = l.database
    WHERE l.granted AND d.datname = current_database() AND l.mode <> 'AccessShareLock' ORDER BY a.usename, l.pid"""
LOOK_SECONDS = 0.3  # between two looks: none of our programs is in a transaction for so long that locks something


class Turns:
    """For one session. `apart`: of a tenant's own user."""

    def __init__(self, db: psycopg.Connection[Any], chain: str) -> None:
        self.apart = False
        alone = beside = _OLD
        if _one(db, "SELECT to_regclass('writers') IS NOT NULL"):
            alone, beside = _ALONE, _BESIDE
            if _one(db, "SELECT tenant_bound() IS NOT NULL"):
                self.apart, alone, beside = True, _TENANT, _TENANT
        self.old = alone == _OLD
        self.alone = f"{WRITE}; {alone}; {_NUMBER}"
        self.own = f"{WRITE}; {beside}; {_OWN.format(chain=chain)}" if not self.old else self.alone


def take(db: psycopg.Connection[Any], name: str) -> int | str:
    """The number by which the turn called `name` is ours until we give it back or the session ends; or who has it."""
    with db.transaction():
        db.execute(_ALONE)
        last = _one(db, "SELECT number FROM claims WHERE name = %s", (name,))
        if last is not None and (who := holder(db, last)) is not None:
            return who
        number = 0
        while not number or not _one(db, "SELECT pg_try_advisory_lock(%s, %s)", (LOCKS, number)):
            number = 1 + secrets.randbelow(2**31 - 1)
        changed = "ON CONFLICT (name) DO UPDATE SET number = excluded.number"
        db.execute(f"INSERT INTO claims (name, number) VALUES (%s, %s) {changed}".encode(), (name, number))
    return number


def give_back(db: psycopg.Connection[Any], number: int) -> None:
    db.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCKS, number))


def holder(db: psycopg.Connection[Any], number: int) -> str | None:
    """As he calls himself."""
    found = db.execute(_HOLDER, (LOCKS, number)).fetchone()
    return None if found is None else str(found[0])


def end_tenants_locks(db: psycopg.Connection[Any]) -> str:
    """For who waited in vain: what became of the sessions of tenants' users that go on locking something; "" if there is none. Ends them,
    where this user may (pg_signal_backend)."""
    first = set(db.execute(_TENANTS_LOCKS).fetchall())
    if not first:
        return ""
    sleep(LOOK_SECONDS)
    found = [(user, pid) for user, pid, transaction in db.execute(_TENANTS_LOCKS) if (user, pid, transaction) in first]
    try:
        for _, pid in found:
            db.execute("SELECT pg_terminate_backend(%s)", (pid,))
        became = "was ended"
    except psycopg.errors.InsufficientPrivilege:
        became = "goes on, as this user may not end it; see docs/admin.md, several companies"
    return "; ".join(f"a session of {user} (process {pid} of the server) locks something and {became}" for user, pid in found)


def _one(db: psycopg.Connection[Any], query: str, values: tuple[Any, ...] = ()) -> Any:
    found = db.execute(query.encode(), values).fetchone()
    return None if found is None else found[0]
