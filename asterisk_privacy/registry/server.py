"""A registry in a database of its own on a PostgreSQL server, which several nodes share (extra `postgres`: psycopg 3).

Two kinds of change (engine.py says which is which), by a lock of each transaction (turns.py): `change` takes it alone, so that what it
reads (a count, a state) is still true when it is written, as in a SQLite file; `change_own` shares it with those of other nodes, and then
locks the head of its own audit chain, then at most a row that another node began (a call before its recording). Always in that order,
and who shares never asks to be alone: so nobody waits in a circle. Who waits to be alone is not overtaken: the server lets in nobody who
came later. A tenant's own user takes no part in that: he locks what is the tenant's, and the rows that he is about.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any, cast

import psycopg
from peewee import Database, PeeweeException, PostgresqlDatabase

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry import separation, turns
from asterisk_privacy.registry.address import Server
from asterisk_privacy.registry.clocks import Difference, measured
from asterisk_privacy.registry.dialect import to_postgres
from asterisk_privacy.registry.engine import AUDIT_COLUMNS, Engine, Entry, Head, sql
from asterisk_privacy.registry.passing import InDoubt, Passing, TurnTaken
from asterisk_privacy.registry.patience import Patience
from asterisk_privacy.registry.postgres_schema import ALL_GUARDS, POSTGRES_STEPS
from asterisk_privacy.registry.server_errors import in_words, is_lost, passes, server_cause

CONNECT_SECONDS = 5
QUIET_SECONDS = 1.0  # after a connection that failed: what is asked meanwhile fails at once, and does not wait again
STANDSTILL_SECONDS = 60.0  # of a node that stands still in the middle of a change: others write then, and its change is not made
CLAIM_SECONDS = 0.1  # between two looks whether a node's name has become free
_ASIDE = f"{turns.WRITE}; SET LOCAL synchronous_commit = off"
_ENTER = to_postgres(
    f"""WITH entry AS (INSERT INTO audit ({AUDIT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING chain, seq, hash)
    UPDATE audit_head h SET entries = e.seq, hash = e.hash FROM entry e WHERE h.chain = e.chain"""
).encode()
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class RegistryServer(Engine):
    """`busy_seconds`: how long to wait for another writer. `answer_seconds`: how long for the server's answer in one transaction, where
    something waits for it; None: as long as it takes (the purger, a command)."""

    UNLINK = "SELECT unlink_case(?, ?)"  # who may delete from a table may lock all of it
    FORGET_SUBJECTS = "SELECT forget_subjects(?)"
    LOCKED = "FOR NO KEY UPDATE"  # so that recordings may still be added to a call that is locked

    def __init__(
        self, server: Server, actor: str, clock: Callable[[], datetime], busy_seconds: float, answer_seconds: float | None = None
    ) -> None:
        super().__init__(actor, clock, server.node, server.bucket)
        self.where = server.where
        self._server = server
        self._busy_seconds = busy_seconds
        self._patience = Patience(answer_seconds)
        self._lock = threading.RLock()
        self._within: str | None = None  # how the transaction began that goes on
        self._claim_of: tuple[int, datetime] | None = None  # the session that holds our node's name
        self._purging: int | None = None  # by which number it is our turn
        self._quiet_until = 0.0
        self._away: str | None = None  # why the server could not be reached
        self._doubt: str | None = None  # a transaction that was to be committed when the connection was lost
        self._closed = False
        self._cursors = itertools.count(1)
        self.db: PostgresqlDatabase = PostgresqlDatabase(
            server.bare_url,
            prefer_psycopg3=True,
            thread_safe=False,
            autoconnect=False,
            password=server.password(),
            connect_timeout=CONNECT_SECONDS,
            application_name=f"asterisk-privacy/{server.node}/{actor}"[:63],
            client_encoding="utf8",
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
            tcp_user_timeout=20_000,
        )

    def connect(self) -> None:
        """OperatorError says what stands in the way."""
        with self._lock, self.errors():
            self._open()

    def _open(self) -> None:
        if monotonic() < self._quiet_until:
            raise Passing(f"registry {self.where}: {self._away}")
        self.db.close()
        try:
            self.db.connect()
            # a session that died with its host gives its locks back after a minute, not after the two hours of the system's default
            keep = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
            idle = f"SET idle_in_transaction_session_timeout = {round(STANDSTILL_SECONDS * 1000)}"
            self._raw.execute(f"SET lock_timeout = {max(1, round(self._busy_seconds * 1000))}; {keep}; {idle}".encode())
            self._keep_to_tenant()
            self._look_how()
            if self._claim_of is not None:
                self._claim_again(*self._claim_of)
        except (PeeweeException, psycopg.Error, OperatorError) as error:
            self._quiet_until = monotonic() + QUIET_SECONDS
            self._away = in_words(error, self._busy_seconds)
            self.db.close()
            raise
        self._away = None

    def _look_how(self) -> None:
        self._turns = turns.Turns(self._raw, self.chain)
        self.apart = self._turns.apart

    def _keep_to_tenant(self) -> None:
        """OperatorError: this user would see the rows of all."""
        if self._server.tenant is None:
            return
        self._raw.execute("SELECT set_config(%s, %s, FALSE)", (separation.SETTING, self._server.tenant))
        found = self._raw.execute("SELECT coalesce(row_security_active(to_regclass('calls')), TRUE), current_user").fetchone()
        assert found is not None
        if not found[0]:
            raise OperatorError(
                f"registry {self.where}: user {found[1]} would see the rows of all tenants: give [registry] url a user who owns no table, "
                f"let in by: asterisk-privacy registry grant reviewer USER --tenant {self._server.tenant}"
            )

    @property
    def _raw(self) -> psycopg.Connection[Any]:
        return cast("Callable[[], psycopg.Connection[Any]]", self.db.connection)()

    def _ready(self) -> None:
        if self._closed:
            raise OperatorError(f"registry {self.where}: was closed")
        if not self.db.is_closed() and not self._raw.closed:
            return
        if self._purging is not None:
            raise Passing(f"registry {self.where}: the connection was lost, and with it the purger's turn; the next run goes on")
        self._open()

    def close(self) -> None:
        with self._lock, suppress(PeeweeException, psycopg.Error):
            self._closed = True
            self._patience.end()
            self.db.close()

    def _way(self, alone: bool) -> str:
        with self._lock, self.errors():
            if self._within is None:
                self._ready()
                if self._turns.old:  # unless its tables were made meanwhile
                    self._look_how()
            return self._turns.alone if alone else self._turns.own

    @contextmanager
    def change(self) -> Iterator[PostgresqlDatabase]:
        with self._transaction(self._way(alone=True)):
            yield self.db

    @contextmanager
    def change_own(self) -> Iterator[PostgresqlDatabase]:
        """Alone too, if this chain is still to begin: the first chain tells of that."""
        with self._transaction(self._way(alone=False)):
            yield self.db

    @contextmanager
    def aside(self) -> Iterator[PostgresqlDatabase]:
        with self._transaction(_ASIDE):
            yield self.db

    def difference(self) -> Difference:
        with self.read() as db:
            sql(db, "SELECT 1").fetchone()  # what a connection may have to wait for is no part of the way
            before, began = self.clock(), monotonic()
            ((seconds,),) = sql(db, "SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)").fetchall()
            took = timedelta(seconds=monotonic() - began)
        return measured(before, datetime.fromtimestamp(seconds, UTC), took)

    @contextmanager
    def read(self) -> Iterator[PostgresqlDatabase]:
        with self._transaction(_READ):
            yield self.db

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        """Within another one it is part of that."""
        with self._lock, self.errors():
            if self._within is not None:
                if begin == self._turns.alone != self._turns.own == self._within:  # others write beside it, and it was promised to be alone
                    raise RuntimeError("a change that must be alone was begun within one that is not")
                yield
                return
            transaction = self._begin(begin)
            self._within = begin
            try:
                with self._patience.closed_after(self._raw):
                    yield
                    self._doubt = transaction
                    self._raw.execute(b"COMMIT")
                    self._doubt = None
            except BaseException:
                with suppress(PeeweeException, psycopg.Error):
                    self._raw.execute(b"ROLLBACK")
                raise
            finally:
                self._within = None
                self.heads.clear()

    def _begin(self, statement: str) -> str | None:
        """A connection that was lost since the last transaction shows itself here, where nothing is lost with it: once more then.
        Returns the transaction's number, if it is to write."""
        self._ready()
        self._doubt = None
        try:
            return self._begun(statement)
        except psycopg.Error:
            if not self._raw.closed:
                self._raw.execute(b"ROLLBACK")
                raise
        self._ready()
        return self._begun(statement)

    def _begun(self, statements: str) -> str | None:
        with self._patience.closed_after(self._raw):
            found = self._last_answer(statements)
            if statements == self._turns.own != self._turns.alone:
                if found is None:
                    self._raw.execute(b"ROLLBACK")
                    found = self._last_answer(self._turns.alone)
                else:
                    self.heads[self.chain] = Head(found[1], found[2])
            return None if found is None else str(found[0])

    def _last_answer(self, statements: str) -> tuple[Any, ...] | None:
        cursor = self._raw.execute(statements.encode())
        while cursor.nextset():
            pass
        return cursor.fetchone() if cursor.description else None

    def enter(self, db: Database, chain: str, entry: Entry) -> None:
        self._raw.execute(_ENTER, (chain, *entry))

    def was_taken(self, transaction: str) -> bool:
        """Passing: the server is away, or its session of then has not noticed yet that nobody is there."""
        with self.read() as db:
            (status,) = sql(db, "SELECT pg_xact_status(CAST(? AS xid8))", (transaction,)).fetchone()
        if status == "in progress":
            raise Passing(f"registry {self.where}: the server still works on a change whose connection was lost")
        return bool(status == "committed")

    @contextmanager
    def errors(self) -> Iterator[None]:
        try:
            yield
        except (PeeweeException, psycopg.Error) as error:
            words = in_words(error, self._busy_seconds)
            told = f"registry {self.where}: {words}"
            if not is_lost(error) and (self.db.is_closed() or not self._raw.closed):
                told += self._of_tenants_locks(error)
                raise (Passing if passes(error) else OperatorError)(told) from error
            self._away = words
            doubt, self._doubt = self._doubt, None
            raise (Passing(told) if doubt is None else InDoubt(told, doubt)) from error

    def _of_tenants_locks(self, error: BaseException) -> str:
        if self.apart or self._within is not None or not isinstance(server_cause(error), psycopg.errors.LockNotAvailable):
            return ""
        try:
            return f"; {found}" if (found := turns.end_tenants_locks(self._raw)) else ""
        except psycopg.Error:  # no right to look
            return ""

    def stream(self, statement: str, values: Sequence[object] = ()) -> Iterator[Any]:
        with self._raw.cursor(name=f"rows{next(self._cursors)}") as cursor:  # on the server, which hands them over by the thousand
            cursor.itersize = 2000
            cursor.execute(to_postgres(statement).encode(), values)
            yield from cursor

    def fold(self) -> None:
        """Its logs and dead rows are the server's (autovacuum) and its administrator's."""

    def claim_node(self) -> None:
        """For the life of this object: two daemons with one name would take each other's calls for what a crash left. OperatorError."""
        with self._lock, self.errors():
            self._ready()
            self._claim()

    def _claim(self) -> None:
        """Waits a little: the daemon before this one may be leaving at this moment."""
        until = monotonic() + self._busy_seconds
        while isinstance(found := turns.take(self._raw, f"node {self.node}"), str):
            if monotonic() >= until:
                raise Passing(
                    f"registry {self.where}: node {self.node} is taken by {found}; each PBX has a name of its own: set [registry] node, or "
                    "stop the other daemon"
                )
            sleep(CLAIM_SECONDS)
        self._claim_of = self._session()

    def _claim_again(self, pid: int, since: datetime) -> None:
        """In a new session. The old one may linger on the server, as after a network that was away: nobody writes in it any more."""
        old = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s"
        self._raw.execute(old, (pid, since)).fetchall()
        self._claim()

    def _session(self) -> tuple[int, datetime]:
        found = self._raw.execute("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()").fetchone()
        assert found is not None
        return found[0], found[1]

    @contextmanager
    def only_one(self) -> Iterator[None]:
        with self._lock, self.errors():
            self._ready()
            found = turns.take(self._raw, turns.PURGER)
            if isinstance(found, str):
                raise TurnTaken(f"purge of {self.where}: another one is running ({found}); wait for it, then try again")
            self._purging = found
        try:
            yield
        finally:
            with self._lock, suppress(PeeweeException, psycopg.Error):
                self._purging = None
                turns.give_back(self._raw, found)

    def _nodes(self) -> list[str]:
        """Daemons that run on this registry now, as they call themselves."""
        query = """SELECT DISTINCT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
            JOIN pg_database d ON d.oid = l.database WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.objsubid = 2
            AND l.classid = CAST(? AS bigint)::oid AND l.objid > CAST(? AS bigint)::oid"""
        return sorted(name for (name,) in sql(self.db, query, (turns.LOCKS, 2)))

    def tables(self) -> set[str]:
        return {name for (name,) in sql(self.db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()}

    def guards_missing(self) -> list[str]:
        query = """SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = current_schema() AND c.relname IN ('audit', 'audit_head') AND t.tgenabled IN ('O', 'A')"""
        there = {name for (name,) in sql(self.db, query).fetchall()}
        return [name for name in ALL_GUARDS if name not in there]

    def steps(self) -> Sequence[Sequence[str]]:
        return POSTGRES_STEPS

    def empty(self) -> OperatorError:
        with self.read() as db:
            user, may = sql(db, "SELECT current_user, has_schema_privilege(current_schema(), 'CREATE')").fetchone()
        if may:
            return super().empty()
        way_out = f"let its owner run: asterisk-privacy registry upgrade, or make {user} the owner (ALTER DATABASE ... OWNER TO {user})"
        return OperatorError(f"registry {self.where}: is empty, and {user} has no right to create tables there; {way_out}")

    def before_upgrade(self, version: int) -> str:
        if not self._server.backed_up:
            raise OperatorError(
                f"registry {self.where}: schema {version} is older than this program ({len(POSTGRES_STEPS)}); stop all nodes, make "
                "a backup (pg_dump), then: asterisk-privacy registry upgrade --i-have-a-backup"
            )
        if running := self._nodes():
            raise OperatorError(f"registry {self.where}: {', '.join(running)} still runs; stop the daemons of all nodes, then upgrade")
        return "made by the administrator"

    def copies(self) -> list[tuple[str, int]]:
        return []

    def forget_copies(self) -> list[str]:
        return []
