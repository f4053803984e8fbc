"""What one company's user of the database may lock is that company's: nobody else's recording, deletion or start waits for him."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from registry_samples import COMPLAINT, LATER, PROOF, T0, TRAINING
from registry_users import Users, record, users

from asterisk_privacy.errors import OperatorError
from asterisk_privacy.registry.grants import Role, grants
from asterisk_privacy.registry.registry import Registry
from asterisk_privacy.registry.rows import Protected

__all__ = ["users"]
SECONDS = 0.5
LOCKS = 0x6173_7072
HEAD = "SELECT * FROM audit_head WHERE chain = '{}' FOR UPDATE"


@pytest.fixture
def both(users: Users) -> Users:
    users.add("pbx", Role.RECORDER, Role.PURGER)
    for company in ("acme", "beta"):
        users.add(company, Role.REVIEWER, tenant=company)
    return users


@pytest.fixture
def recorder(both: Users) -> Iterator[Registry]:
    with hasty(both, "pbx") as opened:
        record(opened, "acme", "acme")
        record(opened, "beta", "beta")
        both.open("acme").audit("acme", "review.sign-in", "acme", {})  # his chain
        both.open("beta").audit("beta", "review.sign-in", "beta", {})
        opened.note_purge(LATER, 0, 0, 0, False)
        yield opened


def hasty(users: Users, name: str, node: str | None = None) -> Registry:
    """One that does not wait long for a lock."""
    place = users.place(name)
    clock = lambda: LATER + timedelta(days=9)  # noqa: E731
    return Registry.open(replace(place, node=node or place.node), actor=name, clock=clock, busy_seconds=SECONDS)


@contextmanager
def locking(users: Users, *statements: str) -> Iterator[None]:
    """As acme's user with psql at hand, who leaves his transaction open. What is refused to him locks nothing."""
    with users.plain("acme") as db:
        db.execute("SET lock_timeout = 200")
        db.execute("BEGIN")
        for statement in statements:
            with suppress(psycopg.Error), db.transaction():
                db.execute(statement.encode())
        yield


def everybody_works(users: Users, recorder: Registry, name: str) -> None:
    record(recorder, name, "beta")
    with hasty(users, "pbx", f"new-{name}") as another:  # a PBX that starts now, in a chain of its own
        another.claim_node()
        record(another, f"{name}-2", None)
    with recorder.only_one():
        recorder.mark_purging(f"r-{name}", LATER, "due")
        recorder.mark_purged(f"r-{name}", LATER, "due", '{"found": true}')
        recorder.note_purge(LATER, 1, 1, 0, False)
    reviewer = users.open("beta")
    reviewer.place_hold(LATER, "beta", "claim", ["beta"], recording_id="r-beta")
    assert recorder.verify_audit().ok


def test_advisory_locks_of_any_number_hold_up_nobody(users: Users, recorder: Registry) -> None:
    with users.plain("pbx") as db:
        known = [number for (number,) in db.execute("SELECT number FROM claims")]
    numbers = [1, 2, *known]
    with locking(users, *(f"SELECT pg_advisory_lock({LOCKS}, {number})" for number in numbers)):
        everybody_works(users, recorder, "x")


def test_heads_of_chains_that_are_not_his_he_cannot_lock(users: Users, recorder: Registry) -> None:
    reaching = [HEAD.format(chain) for chain in ("", "node-pbx", "node-beta")]
    reaching += ["SELECT * FROM audit_head FOR UPDATE", "SELECT * FROM audit_head FOR KEY SHARE", "UPDATE audit_head SET entries = entries"]
    with locking(users, *reaching):
        everybody_works(users, recorder, "x")


def test_an_entry_at_the_end_of_anothers_chain_he_cannot_leave_open(users: Users, recorder: Registry) -> None:
    entry = """INSERT INTO audit (chain, seq, at, actor, action, subject, detail, prev, hash)
        SELECT chain, entries + 1, 1, 'x', 'audit.chain', 'node-acme', '{{}}', hash, 'x' FROM audit_head WHERE chain = '{}'"""
    with locking(users, *(entry.format(chain) for chain in ("", "node-pbx"))):
        everybody_works(users, recorder, "x")


def test_no_table_he_can_lock_as_a_whole(users: Users, recorder: Registry) -> None:
    with users.plain("pbx") as db:
        tables = [name for (name,) in db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    modes = ("SHARE", "SHARE UPDATE EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
    assert len(tables) > 20
    with users.plain("acme") as db:
        for table in tables:
            for mode in modes:
                with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
                    db.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
                    pytest.fail(f"{table} {mode}")
    with (
        locking(
            users, *(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE" for table in tables), *(f"SELECT * FROM {t} FOR UPDATE" for t in tables)
        ),
        hasty(users, "pbx", "pbx-7") as another,
    ):
        record(another, "y", "beta")


def test_who_was_let_in_as_the_hosters_loses_what_a_tenant_may_not(users: Users, recorder: Registry) -> None:
    users.add("gamma", Role.REVIEWER)
    users.owner("GRANT UPDATE ON audit_head TO gamma", "GRANT DELETE ON case_links TO gamma", *grants(Role.REVIEWER, "gamma", "gamma"))
    with users.plain("gamma") as db:
        for table in ("writers", "claims", "audit_head", "case_links"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
                db.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE".encode())
    users.open("gamma").audit("gamma", "review.sign-in", "gamma", {})


def test_a_hold_and_a_deletion_of_one_recording_wait_for_each_other(users: Users, recorder: Registry) -> None:
    """The hold is there before the deletion looks, or is refused after it began."""
    with users.plain("acme") as db:
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO legal_holds (recording_id, placed_at, placed_by, reason, listeners) VALUES ('r-acme', 1, 'acme', 'claim', '[]')"
        )
        with pytest.raises(OperatorError, match=r"a session of acme \(process \d+ of the server\) locks something and goes on"):
            recorder.mark_purging("r-acme", LATER, "due")
        record(recorder, "z", "acme")  # another recording, of the same company too
        db.execute("COMMIT")
    with pytest.raises(Protected, match="under legal hold"):
        recorder.mark_purging("r-acme", LATER, "due")


def test_his_own_rows_he_locks_until_somebody_waits_for_them(users: Users, recorder: Registry) -> None:
    """Rows of a node are written in order, so that others' would wait too: for once `busy_seconds`, where the recorder may end sessions."""
    users.postgres.execute("GRANT pg_signal_backend TO pbx")
    with pytest.raises(psycopg.errors.AdminShutdown), locking(users, "SELECT * FROM recordings FOR UPDATE"):
        with pytest.raises(OperatorError, match=r"a session of acme .* was ended"):
            recorder.withdraw_purpose("r-acme", "complaint", LATER, "he said so")
        recorder.withdraw_purpose("r-acme", "complaint", LATER, "he said so")
        record(recorder, "q", "beta")


def test_a_hold_that_comes_while_a_deletion_begins_is_refused(users: Users, recorder: Registry) -> None:
    acme = users.open("acme")
    acme.open_case("complaint", "K-1", LATER, "acme")
    started: list[Exception] = []

    def place(**on: str) -> None:
        try:
            acme.place_hold(LATER, "acme", "claim", ["acme"], **on)
        except OperatorError as error:
            started.append(error)

    with recorder._engine.change_own() as db:
        db.execute_sql("SELECT 1 FROM recordings WHERE id = 'r-acme' FOR NO KEY UPDATE")
        thread = threading.Thread(target=partial(place, recording_id="r-acme"))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()  # it waits
        db.execute_sql("UPDATE recordings SET state = 'purging' WHERE id = 'r-acme'")
    thread.join(10)
    assert "recording r-acme is purging" in str(started[0]) and acme.holds() == []


def test_two_withdrawals_at_one_moment_leave_what_is_left(users: Users, recorder: Registry) -> None:
    recorder.begin_call("c-w", "sales", T0, "hash", b"sealed", "in", "acme")
    recorder.begin_recording("r-w", "c-w", T0, [COMPLAINT, TRAINING, PROOF], 1)
    recorder.seal_recording("r-w", T0, 1000, "ab" * 32, 1000, False)
    with users.plain("acme") as db:
        db.execute("BEGIN")
        db.execute("UPDATE recording_purposes SET withdrawn_at = 1, withdrawn_why = 'x' WHERE recording_id = 'r-w' AND name = 'training'")
        thread = threading.Thread(target=lambda: _again(lambda: recorder.withdraw_purpose("r-w", "proof", LATER, "he said so")))
        thread.start()
        thread.join(0.2)
        db.execute("COMMIT")
    thread.join(10)
    with users.plain("pbx") as db:
        query = "SELECT s.promises FROM recordings r JOIN promise_sets s ON s.id = r.promise_set WHERE r.id = 'r-w'"
        [(promises,)] = db.execute(query).fetchall()
    assert '"complaint"' in str(promises) and "training" not in str(promises) and "proof" not in str(promises)


def _again(work: object) -> None:
    for _ in range(20):
        try:
            work()  # type: ignore[operator]
            return
        except OperatorError:
            pass


def test_the_purgers_number_of_last_time_is_worth_nothing(users: Users, recorder: Registry) -> None:
    with recorder.only_one(), users.plain("pbx") as db:
        [(number,)] = db.execute("SELECT number FROM claims WHERE name = 'purger'").fetchall()
    with locking(users, f"SELECT pg_advisory_lock({LOCKS}, {number})"), recorder.only_one():
        pass
    refused = pytest.raises(OperatorError, match="another one is running")
    with hasty(users, "pbx", "pbx-8") as other, recorder.only_one(), refused, other.only_one():
        pass


def test_his_sessions_are_counted_and_do_not_stand_idle(users: Users, both: Users) -> None:
    with users.plain("beta") as db:
        assert db.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("1min",)
        assert db.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'beta'").fetchone() == (20,)


def test_the_first_chain_tells_of_his_chain_from_the_next_night_on(users: Users, recorder: Registry) -> None:
    users.add("delta", Role.REVIEWER, tenant="delta")
    users.open("delta").audit("delta", "review.sign-in", "delta", {})
    assert recorder.verify_audit().ok
    begun = {entry.subject for entry in recorder.audit_entries(None) if entry.action == "audit.chain"}
    assert "node-acme" in begun and "node-delta" not in begun
    recorder.note_purge(LATER, 0, 0, 0, False)
    begun = [entry.subject for entry in recorder.audit_entries(None) if entry.action == "audit.chain"]
    assert sorted(begun) == ["node-acme", "node-beta", "node-delta", "node-pbx"] and recorder.verify_audit().ok
    users.owner("SET session_replication_role = replica", "DELETE FROM audit WHERE chain = 'node-delta'")
    assert "the whole chain was deleted" in str(recorder.verify_audit().why) or not recorder.verify_audit().ok
